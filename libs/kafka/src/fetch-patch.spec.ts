/// <reference types="./kafkajs-internals.d.ts" />
import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { type Batch, Kafka, logLevel, type PartitionAssigner } from 'kafkajs';
import Broker, { type FetchAnswer, type FetchOptions } from 'kafkajs/src/broker/index.js';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { fetchingAt, patchFetch } from './fetch-patch.js';
import { type FetchPlace } from './fetch-places.js';
import { patchFollowers } from './follower-patch.js';
import { patchMembership } from './membership-patch.js';

/** What brokers were asked, and what they are to answer. */
const asked: string[] = [];
const answers = new Map<number, (answer: FetchAnswer) => void>();
Broker.prototype.fetch = async function (this: Broker, { topics: [topic] }: FetchOptions) {
  const [of] = topic?.partitions ?? [];
  asked.push(`${this.nodeId}: ${of?.fetchOffset} of ${of?.place?.topicId}`);
  return new Promise<FetchAnswer>((resolve) => answers.set(this.nodeId, resolve));
};
patchMembership();
patchFollowers();
patchFetch();

const place = { topic: 't', partition: 0 };
const [one, two] = ['one', 'two'].map((topicId): FetchPlace => ({ topicId, leaderEpoch: 0 }));

/** Records at these offsets. */
function holding(...offsets: readonly number[]): FetchAnswer {
  const messages = offsets.map((offset) => ({ offset: String(offset), key: null, value: null }));
  const partition = { partition: 0, errorCode: 0, highWatermark: '99', messages, abortedTransactions: [] };
  return { responses: [{ topicName: 't', partitions: [partition] }] };
}

/** A consumer that has read the partition up to 20. */
async function bench() {
  let [leader, now] = [1, one];
  let next = '20';
  const heard: string[] = [];
  const cluster = {
    connect: async () => undefined,
    getNodeIds: () => ['1', '2'],
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader, offlineReplicas: [] }],
    findLeaderForPartitions: () => ({ [leader]: [0] }),
    findBroker: async ({ nodeId }: { readonly nodeId: number }) =>
      Object.assign(Object.create(Broker.prototype) as Broker, { nodeId }),
    refreshMetadataIfNecessary: async () => undefined,
    addMultipleTargetTopics: async () => undefined,
  };
  const logger = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).logger();
  const options = { cluster, groupId: 'g', topics: ['t'], topicConfigurations: {}, assigners: [], retry: {}, logger };
  const group = new ConsumerGroup({
    ...options,
    instrumentationEmitter: { emit: () => undefined },
  }) as ConsumerGroup & {
    readonly subscriptionState: { assign(of: readonly object[]): void };
    seek(of: object): void;
  };
  await group.connect();
  group.offsetManager = {
    committedOffsets: () => ({ t: { 0: next } }),
    nextOffset: () => next,
    resolveOffsets: async () => undefined,
    seek: ({ offset }: { readonly offset: string }) => void (next = offset),
  } as unknown as typeof group.offsetManager;
  group.subscriptionState.assign([{ topic: 't', partitions: [0] }]);
  const places = {
    of: () => now,
    onRefused: () => heard.push('refused'),
    onNothing: () => heard.push('nothing'),
    onRecords: () => heard.push('records'),
    idle: async () => undefined,
  };
  fetchingAt(places, (() => ({})) as unknown as PartitionAssigner)({ cluster, groupId: 'g', logger } as never);
  /** First offsets of what is handed on. */
  const fetch = async (nodeId: number): Promise<readonly (string | null)[]> =>
    ((await group.fetch(nodeId)) as Batch[]).map((batch) => batch.firstOffset());
  asked.length = 0;
  return {
    ...{ heard, fetch },
    seek: (offset: string) => group.seek({ ...place, offset }),
    lookUp: (found: FetchPlace | undefined) => (now = found),
    elect: (node: number) => (leader = node),
    answer: async (node: number, of: FetchAnswer) => {
      await settle();
      answers.get(node)?.(of);
    },
  };
}

describe('an answer that comes late', () => {
  it('hazard 52: of a log that another has come in place of is not handed on behind that one’s first records', async () => {
    const { heard, fetch, seek, lookUp, elect, answer } = await bench();
    const slow = fetch(1);
    await settle();
    lookUp(two);
    elect(2);
    seek('0');
    const first = fetch(2);
    await answer(2, holding(0, 1));
    expect(await first).toEqual(['0']);
    const told = { refused: [{ ...place, why: 'cut' as const }], nothing: [{ ...place, offset: 20n }], empty: [place] };
    await answer(1, { ...holding(20), ...told });
    expect([await slow, heard]).toEqual([[], ['records']]);
    expect(asked).toEqual(['1: 20 of one', '2: 0 of two']);
  });

  it('of a partition that is to be looked up by now is asked for again', async () => {
    const { heard, fetch, lookUp, answer } = await bench();
    const slow = fetch(1);
    await settle();
    lookUp(undefined);
    await answer(1, holding(20));
    expect([await slow, heard]).toEqual([[], []]);
    lookUp(one);
    const again = fetch(1);
    await answer(1, holding(20));
    expect([await again, heard, asked]).toEqual([['20'], ['records'], ['1: 20 of one', '1: 20 of one']]);
  });

  it('is handed on where no id was asked with', async () => {
    const { fetch, lookUp, answer } = await bench();
    lookUp({ topicId: undefined, leaderEpoch: 0 });
    const slow = fetch(1);
    await settle();
    lookUp(two);
    await answer(1, holding(20));
    expect(await slow).toEqual(['20']);
  });
});

it('an answer without a record tells what the broker has read all the same', async () => {
  const { heard, fetch, answer } = await bench();
  const fetched = fetch(1);
  await answer(1, { ...holding(), empty: [place] });
  await fetched;
  expect(heard).toEqual(['records']);
});
