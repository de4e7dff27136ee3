/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import BrokerPool, { type PooledBroker } from 'kafkajs/src/cluster/brokerPool.js';
import { settle } from '@tidemark/runtime/testing';
import { patchPool } from './pool-patch.js';

const nothing = (): void => undefined;
const logger = { namespace: () => ({ debug: nothing, info: nothing, warn: nothing, error: nothing }) };

function bench(retries = 3) {
  const attempts: number[] = [];
  let answer: () => Promise<void> = async () => undefined;
  const pool = new BrokerPool({
    connectionPoolBuilder: { build: async () => new FakeConnections('seed') },
    ...{ logger, retry: { initialRetryTime: 1, maxRetryTime: 1, retries } },
  });
  pool.createBroker = () => ({
    versions: {},
    isConnected: () => false,
    connect: async () => {
      attempts.push(attempts.length);
      await answer();
    },
    disconnect: async () => undefined,
  });
  const refuse = async (): Promise<void> => {
    throw Object.assign(new Error('refused'), { name: 'KafkaJSConnectionError', retriable: true });
  };
  return { pool, attempts, refuse, answerBy: (by: () => Promise<void>) => (answer = by) };
}

describe('patchPool', () => {
  beforeAll(() => {
    patchPool();
    patchPool();
  });

  it('leaves the attempts of a client that stays as they are', async () => {
    const { pool, attempts, refuse, answerBy } = bench();
    answerBy(refuse);
    await expect(pool.connect()).rejects.toThrow('refused');
    expect(attempts).toHaveLength(4);
    answerBy(async () => undefined);
    await expect(pool.connect()).resolves.toBeUndefined();
  });

  it('ends the attempts of one that is disconnected meanwhile, and lets it connect again later', async () => {
    const { pool, attempts, refuse, answerBy } = bench();
    answerBy(async () => {
      await pool.disconnect();
      await refuse();
    });
    await expect(pool.connect()).rejects.toThrow('the client was disconnected');
    expect(attempts).toHaveLength(1);
    answerBy(async () => undefined);
    await expect(pool.connect()).resolves.toBeUndefined();
    expect(attempts).toHaveLength(2);
  });
});

class FakeConnections {
  readonly port = 1;
  readonly rack = null;
  /** Those that kafkajs has for one broker. */
  readonly pool = [{ chunks: [] as Buffer[] }, { chunks: [] as Buffer[] }];
  readonly host: string;
  answer: (request: object) => Promise<object> = async (request) => request;
  isConnected = (): boolean => false;

  constructor(host: string) {
    this.host = host;
  }

  send(request: object): Promise<object> {
    return this.answer(request);
  }
}

/** A broker that answers as soon as it is told to. */
class FakeBroker {
  connected = false;
  readonly nodeId: number | null;
  readonly versions = {};
  readonly connectionPool: FakeConnections;
  readonly sent: object[] = [];
  closed = 0;
  answered: Promise<void> = Promise.resolve();

  /** `connectionPool`: as the pool has built it. */
  constructor(nodeId: number | null, connectionPool: FakeConnections) {
    this.nodeId = nodeId;
    this.connectionPool = connectionPool;
    connectionPool.answer = async (request) => {
      this.connected = true;
      this.sent.push(request);
      await this.answered;
      return request;
    };
    connectionPool.isConnected = () => this.connected;
  }

  isConnected(): boolean {
    return this.connected;
  }

  async connect(): Promise<void> {
    this.connected = true;
  }

  async disconnect(): Promise<void> {
    if (this.connected) this.closed += 1;
    this.connected = false;
  }

  async metadata(): Promise<object> {
    return { topicMetadata: [], brokers: FakeBroker.nodes };
  }

  /** What every one of them answers. */
  static nodes: object[] = [];
}

describe('a pool of brokers', () => {
  beforeAll(() => patchPool());

  const nodeAt = (nodeId: number, host: string): object => ({ nodeId, host, port: 1, rack: null });

  /** Of two brokers, which are connected. */
  async function bench() {
    FakeBroker.nodes = [nodeAt(1, 'one'), nodeAt(2, 'two')];
    const made: FakeBroker[] = [];
    const pool = new BrokerPool({
      connectionPoolBuilder: {
        build: async ({ host = 'seed' }: { host?: string } = {}) => new FakeConnections(host),
      },
      ...{ logger, retry: { retries: 0 } },
    });
    pool.createBroker = (of) => {
      const { nodeId = null, connectionPool } = of as { nodeId?: number; connectionPool: FakeConnections };
      const broker = new FakeBroker(nodeId, connectionPool);
      made.push(broker);
      return broker;
    };
    await pool.refreshMetadata([]);
    const nodeOf = async (nodeId: number): Promise<FakeBroker> =>
      (await pool.findBroker({ nodeId })) as unknown as FakeBroker;
    const [one, two] = [await nodeOf(1), await nodeOf(2)];
    const cut = async (broker: FakeBroker): Promise<void> => {
      await broker.disconnect();
      pool.removeBroker({ host: broker.connectionPool.host, port: 1 });
    };
    /** As whoever holds it does. */
    const heartbeat = (broker: FakeBroker): Promise<unknown> =>
      (broker as unknown as PooledBroker).connectionPool.send({ heartbeat: true });
    const connected = (): FakeBroker[] => made.filter((broker) => broker.isConnected());
    return { pool, made, one, two, nodeOf, cut, heartbeat, connected };
  }

  it('sends by the present one what is sent by one that was cut, and closes what that had opened meanwhile', async () => {
    const { pool, one, nodeOf, cut, heartbeat } = await bench();
    await cut(one);
    await heartbeat(one);
    expect([one.isConnected(), one.sent.length]).toEqual([true, 1]);
    await pool.refreshMetadata([]);
    expect([one.isConnected(), one.closed]).toEqual([false, 2]);
    await heartbeat(one);
    const present = await nodeOf(1);
    expect([one.isConnected(), one.sent.length, present.sent.length]).toEqual([false, 1, 1]);
    await cut(present);
    await pool.refreshMetadata([]);
    await heartbeat(one);
    await heartbeat(present);
    expect((await nodeOf(1)).sent).toHaveLength(2);
  });

  it('has no more connections after many cuts than before', async () => {
    const { pool, made, one, nodeOf, cut, heartbeat, connected } = await bench();
    const before = connected().length;
    for (let round = 0; round < 10; round += 1) {
      const [held, other] = [await nodeOf(1), await nodeOf(2)];
      await cut(held);
      await heartbeat(held);
      await heartbeat(one);
      await cut(other);
      await heartbeat(other);
      await pool.refreshMetadata([]);
      await Promise.all([nodeOf(1), nodeOf(2)]);
      expect(connected()).toHaveLength(before);
    }
    expect(made.length).toBeGreaterThan(20);
    await pool.disconnect();
    expect(connected()).toEqual([]);
  });

  it('closes nothing over which an answer is awaited', async () => {
    const { pool, one, cut, heartbeat } = await bench();
    await cut(one);
    let answer: () => void = () => undefined;
    one.answered = new Promise((resolve) => (answer = resolve));
    const sent = heartbeat(one);
    await pool.refreshMetadata([]);
    await settle();
    expect(one.isConnected()).toBe(true);
    answer();
    await expect(sent).resolves.toEqual({ heartbeat: true });
    expect(one.isConnected()).toBe(false);
  });

  it('closes nothing over which an answer is awaited that was asked for before it was forgotten', async () => {
    const { pool, one, nodeOf, heartbeat } = await bench();
    const answers: (() => void)[] = [];
    const asked = [1, 2].map(() => {
      one.answered = new Promise((resolve) => answers.push(resolve));
      return heartbeat(one);
    });
    // The connection of fetches was cut, and that of everything else was not.
    pool.removeBroker({ host: one.connectionPool.host, port: 1 });
    await pool.refreshMetadata([]);
    await nodeOf(1);
    for (const [index, answer] of answers.entries()) {
      await settle();
      expect([one.isConnected(), one.closed]).toEqual([true, 0]);
      answer();
      await asked[index];
    }
    expect([one.isConnected(), one.closed]).toEqual([false, 1]);
  });

  it('closes one that was forgotten when what is awaited by it fails', async () => {
    const { pool, one, heartbeat } = await bench();
    let fail: (error: Error) => void = () => undefined;
    one.answered = new Promise((_, reject) => (fail = reject));
    const asked = heartbeat(one);
    pool.removeBroker({ host: one.connectionPool.host, port: 1 });
    await pool.refreshMetadata([]);
    fail(new Error('timed out'));
    await expect(asked).rejects.toThrow('timed out');
    expect([one.isConnected(), one.closed]).toEqual([false, 1]);
  });

  it('closes in the end what one has opened whose node is away, after it was cut twice', async () => {
    const { pool, one, cut, heartbeat, connected } = await bench();
    FakeBroker.nodes = [nodeAt(2, 'two')];
    await cut(one);
    await pool.refreshMetadata([]);
    await heartbeat(one);
    await one.disconnect();
    await pool.refreshMetadata([]);
    await heartbeat(one);
    expect(one.isConnected()).toBe(true);
    await pool.disconnect();
    expect(connected()).toEqual([]);
  });

  it('says of a connection that was closed after an alert of TLS that it was', async () => {
    const { one, heartbeat } = await bench();
    const closed = Object.assign(new Error('closed'), { name: 'KafkaJSConnectionClosedError' });
    one.connectionPool.answer = () => Promise.reject(closed);
    await expect(heartbeat(one)).rejects.not.toHaveProperty('code');
    one.connectionPool.pool[0]?.chunks.push(Buffer.from('15030300020250', 'hex'));
    await expect(heartbeat(one)).rejects.toMatchObject({ message: 'closed', code: 'TLS_ALERT' });
  });

  it('leaves one whose node is away to its holder, and closes it with all others', async () => {
    const { pool, one, cut, heartbeat, connected } = await bench();
    FakeBroker.nodes = [nodeAt(2, 'two')];
    await cut(one);
    for (let round = 0; round < 2; round += 1) {
      await pool.refreshMetadata([]);
      await heartbeat(one);
      expect([one.isConnected(), one.sent.length]).toEqual([true, round + 1]);
    }
    await pool.disconnect();
    expect(connected()).toEqual([]);
  });

  it('sends by the one at the new address what is sent by one that has moved', async () => {
    const { pool, one, nodeOf, heartbeat } = await bench();
    FakeBroker.nodes = [nodeAt(1, 'elsewhere'), nodeAt(2, 'two')];
    await pool.refreshMetadata([]);
    await heartbeat(one);
    const present = await nodeOf(1);
    expect([present.connectionPool.host, present.sent.length, one.isConnected()]).toEqual(['elsewhere', 1, false]);
  });
});
