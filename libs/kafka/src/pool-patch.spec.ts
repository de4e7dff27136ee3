/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import BrokerPool from 'kafkajs/src/cluster/brokerPool.js';
import { patchPool } from './pool-patch.js';

const nothing = (): void => undefined;
const logger = { namespace: () => ({ debug: nothing, info: nothing, warn: nothing, error: nothing }) };

function bench(retries = 3) {
  const attempts: number[] = [];
  let answer: () => Promise<void> = async () => undefined;
  const pool = new BrokerPool({
    connectionPoolBuilder: { build: async () => ({}) },
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
