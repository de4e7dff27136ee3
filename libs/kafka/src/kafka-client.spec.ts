import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import { Kafka } from 'kafkajs';
import { createKafkaClient } from './kafka-client.js';
import { kafkaLogCreator } from './kafka-log.js';

describe('createKafkaClient', () => {
  it('refuses options that cannot work, naming them', () => {
    for (const brokers of [[], ['host'], 'host:1', undefined])
      expect(() => createKafkaClient({ brokers: brokers as string[] })).toThrow(/kafka\.brokers: expected/);
    expect(() => createKafkaClient({ brokers: ['h:1'], requestTimeoutMs: 0 })).toThrow(/kafka\.requestTimeoutMs/);
  });

  it('uses a client that was made elsewhere as it is', () => {
    const kafka = new Kafka({ brokers: ['h:1'] });
    expect(createKafkaClient(kafka)).toBe(kafka);
  });
});

describe('the clients of a process', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  /** A broker that takes connections, and closes them in place of an answer. */
  function broker(onConnection: (port: number) => void): Promise<number> {
    const server = createServer((socket) => {
      onConnection(portOf(server));
      socket.on('error', () => undefined);
      socket.end();
    });
    servers.push(server);
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(portOf(server))));
  }

  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  it('ask one broker after the other first, so that none which answers nothing is asked first by all', async () => {
    const asked: number[] = [];
    const ports: number[] = [];
    for (let count = 0; count < 3; count += 1) ports.push(await broker((port) => asked.push(port)));
    const client = createKafkaClient({ brokers: ports.map((port) => `127.0.0.1:${port}`) });
    const first: (number | undefined)[] = [];
    for (let count = 0; count < 4; count += 1) {
      const admin = client.admin({ retry: { retries: 0 } });
      await admin.connect().catch(() => undefined);
      await admin.disconnect().catch(() => undefined);
      first.push(asked[0]);
      asked.length = 0;
    }
    expect(first).toEqual([...ports, ports[0]]);
  });
});

describe('kafkaLogCreator', () => {
  it('lets the same line out once in half a minute, without what was logged beside it', async () => {
    const clock = new ManualClock();
    const logger = recordingLogger();
    const log = kafkaLogCreator(logger, clock)(1);
    const entry = { namespace: 'Connection', level: 1, label: 'ERROR' } as const;
    const content = { timestamp: '', message: 'refused', broker: 'h:1', error: 'E', secret: 'value' };
    for (let i = 0; i < 3; i += 1) log({ ...entry, log: content });
    await clock.advance(30_000);
    log({ ...entry, log: content });
    expect(logger.lines).toHaveLength(2);
    expect(logger.lines[0]).toEqual({
      level: 'debug',
      message: 'Connection: refused',
      fields: { client: 'kafkajs', level: 'ERROR', broker: 'h:1', groupId: undefined, error: 'E' },
    });
  });
});
