/// <reference types="./kafkajs-internals.d.ts" />
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import Connection from 'kafkajs/src/network/connection.js';
import { patchConnection } from './connection-patch.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
  end(): void {}
  unref(): void {}
}

/** Nobody listens on it: a privileged port that no service has. */
const closedPort = 1;

const nothing = (): void => undefined;
const logger = { namespace: () => ({ debug: nothing, info: nothing, warn: nothing, error: nothing }) };

function answer(correlationId: number, payload: string): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + bytes.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, bytes]);
}

describe('patchConnection', () => {
  beforeAll(() => {
    patchConnection();
    patchConnection();
  });

  function connectionWith(): { connection: Connection; sockets: FakeSocket[]; answers: string[] } {
    const sockets: FakeSocket[] = [];
    const socketFactory = ({ onConnect }: { onConnect: () => void }): FakeSocket => {
      const socket = new FakeSocket();
      sockets.push(socket);
      setImmediate(onConnect);
      return socket;
    };
    const connection = new Connection({
      host: 'h',
      port: 1,
      logger,
      socketFactory,
      requestTimeout: 1_000,
      connectionTimeout: 1_000,
    });
    const answers: string[] = [];
    connection.requestQueue.fulfillRequest = ({ payload }) => void answers.push(payload.toString());
    return { connection, sockets, answers };
  }

  it('forgets the half of an answer that had arrived when the connection died', async () => {
    const { connection, sockets, answers } = connectionWith();
    await connection.connect();
    sockets[0]?.emit('data', answer(1, 'the first half of a long answer').subarray(0, 14));
    sockets[0]?.emit('end');
    await connection.disconnect();
    await connection.connect();
    sockets[1]?.emit('data', answer(2, 'whole'));
    expect(answers).toEqual(['whole']);
    await connection.disconnect();
  });

  it('hears nothing more of a socket that it has given up', async () => {
    const { connection, sockets, answers } = connectionWith();
    await connection.connect();
    await connection.disconnect();
    await connection.connect();
    sockets[0]?.emit('data', answer(1, 'late').subarray(0, 6));
    sockets[0]?.emit('end');
    sockets[1]?.emit('data', answer(2, 'new'));
    expect(answers).toEqual(['new']);
    expect(sockets[0]?.destroyed).toBe(true);
    expect(connection.isConnected()).toBe(true);
    await connection.disconnect();
  });

  it('adds no listeners to a dead socket, however often it is ended', async () => {
    const sockets: Socket[] = [];
    const socketFactory = ({ onConnect }: { onConnect: () => void }): Socket => {
      const socket = connect({ host: '127.0.0.1', port: closedPort }, onConnect);
      sockets.push(socket);
      return socket;
    };
    const timeouts = { requestTimeout: 1_000, connectionTimeout: 1_000 };
    const connection = new Connection({ host: 'h', port: closedPort, logger, socketFactory, ...timeouts });
    await expect(connection.connect()).rejects.toThrow('ECONNREFUSED');
    const [socket] = sockets;
    if (socket?.closed !== true) await once(socket ?? new EventEmitter(), 'close');
    const before = socket?.listenerCount('connect');
    for (let n = 0; n < 12; n += 1) await connection.disconnect();
    expect(socket?.listenerCount('connect')).toBe(before);
  });

  it('opens one socket for callers that connect at once', async () => {
    const { connection, sockets } = connectionWith();
    await Promise.all([connection.connect(), connection.connect()]);
    expect(sockets).toHaveLength(1);
    await connection.connect();
    expect(sockets).toHaveLength(1);
    await connection.disconnect();
  });
});
