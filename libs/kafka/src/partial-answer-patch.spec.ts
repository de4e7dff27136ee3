/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import BrokerPool from 'kafkajs/src/cluster/brokerPool.js';
import Cluster from 'kafkajs/src/cluster/index.js';
import metadata from 'kafkajs/src/protocol/requests/metadata/index.js';
import { patchMetadata } from './metadata-patch.js';
import { patchPartialAnswers } from './partial-answer-patch.js';

const partition = (partitionErrorCode: number, leader: number, partitionId = 0) => ({
  ...{ partitionErrorCode, partitionId, leader },
});
const topic = (name: string, topicErrorCode: number, ...partitionMetadata: ReturnType<typeof partition>[]) => ({
  ...{ topic: name, topicErrorCode, partitionMetadata },
});
const nothing = (): void => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function cluster(...topicMetadata: ReturnType<typeof topic>[]) {
  const made = new Cluster({
    ...{ logger: { ...quiet, namespace: () => quiet }, brokers: ['127.0.0.1:1'], retry: { retries: 0 } },
  }) as Cluster & { refreshMetadata: () => Promise<void>; findBroker: () => Promise<object> };
  const pool = made.brokerPool as { metadata: { topicMetadata: readonly object[] } | null };
  const asked: object[] = [];
  made.refreshMetadata = async () => void (pool.metadata = { topicMetadata });
  pool.metadata = { topicMetadata };
  made.findBroker = async () => ({
    listOffsets: async (of: { topics: { topic: string; partitions: { partition: number }[] }[] }) => {
      asked.push(...of.topics);
      const responses = of.topics.map((each) => ({
        ...{ topic: each.topic, partitions: each.partitions.map((one) => ({ partition: one.partition, offset: '5' })) },
      }));
      return { responses };
    },
  });
  return { made, asked };
}

describe('patchPartialAnswers', () => {
  beforeAll(() => {
    patchMetadata();
    patchPartialAnswers();
    patchPartialAnswers();
  });

  describe.each([5, 6, 12])('of an answer in version %i', (version) => {
    const parse = (...topicMetadata: ReturnType<typeof topic>[]): Promise<object> =>
      metadata.protocol({ version })({ topics: [] }).response.parse({ topicMetadata });

    it.each([
      ['no leader', 5],
      ['no listener for us', 72],
    ])('keeps a partition that has %s, without a leader', async (_name, code) => {
      const others = topic('b', 0, partition(0, 2));
      expect(await parse(topic('a', 0, partition(code, -1), partition(0, 1, 1)), others)).toEqual({
        topicMetadata: [topic('a', 0, partition(0, -1), partition(0, 1, 1)), others],
      });
    });

    it('keeps the leader of one that lacks a replica', async () => {
      expect(await parse(topic('a', 0, partition(9, 1)))).toEqual({ topicMetadata: [topic('a', 0, partition(0, 1))] });
    });

    it('tells that a topic may not be looked at only where nothing else was asked for', async () => {
      await expect(parse(topic('a', 29))).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
      const well = topic('b', 0, partition(0, 1));
      expect(await parse(topic('a', 29), well)).toMatchObject({ topicMetadata: [topic('a', 0), well] });
    });

    it('tells that a topic is not there, whatever else was asked for', async () => {
      const answer = parse(topic('a', 3), topic('b', 0, partition(0, 1)));
      await expect(answer).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
    });
  });

  it('tells whoever sends into a topic that it may not be looked at, and nobody else', async () => {
    const { made } = cluster({ ...topic('a', 0), ...{ refusedCode: 29 } }, topic('b', 0, partition(0, 1)));
    await expect(made.addMultipleTargetTopics(['b'])).resolves.toBeUndefined();
    await expect(made.addMultipleTargetTopics(['a', 'b'])).resolves.toBeUndefined();
    await expect(made.addMultipleTargetTopics(['a'])).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
  });

  it('asks the leaders that there are for offsets, and makes up none for the other partitions', async () => {
    const { made, asked } = cluster(
      topic('a', 0, partition(0, 1), partition(0, -1, 1)),
      topic('b', 0, partition(0, -1)),
    );
    const offsets = await made.fetchTopicsOffset([
      { topic: 'a', partitions: [{ partition: 0 }, { partition: 1 }] },
      { topic: 'b', partitions: [{ partition: 0 }] },
    ]);
    expect(offsets).toEqual([
      {
        topic: 'a',
        partitions: [
          { partition: 0, offset: '5' },
          { partition: 1, offset: '-1' },
        ],
      },
      { topic: 'b', partitions: [{ partition: 0, offset: '-1' }] },
    ]);
    expect(asked).toMatchObject([{ topic: 'a', partitions: [{ partition: 0 }] }]);
  });

  it.each([
    ['after a second where a partition has no leader', -1, 1_000],
    ['when it is old where each has one', 1, 300_000],
  ])('has metadata asked for again %s', async (_when, leader, ageMs) => {
    const answer = {
      brokers: [],
      topicMetadata: [topic('a', 0, partition(0, 1)), topic('b', 0, partition(0, leader))],
    };
    const pool = new BrokerPool({
      ...{ logger: { ...quiet, namespace: () => quiet }, retry: { retries: 0 }, metadataMaxAge: 300_000 },
      connectionPoolBuilder: { build: async () => ({ host: 'a', port: 1 }) },
    }) as BrokerPool & { findConnectedBroker: () => Promise<object>; seedBroker: object };
    pool.seedBroker = { connectionPool: { host: 'a', port: 1 } };
    pool.findConnectedBroker = async () => ({ metadata: async () => answer });
    const beforeMs = Date.now();
    await pool.refreshMetadata(['a', 'b']);
    expect(pool.metadata).toBe(answer);
    expect(pool.metadataExpireAt).toBeGreaterThanOrEqual(beforeMs + ageMs);
    expect(pool.metadataExpireAt).toBeLessThanOrEqual(Date.now() + ageMs);
  });
});
