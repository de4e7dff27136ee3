/// <reference types="./kafkajs-internals.d.ts" />
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Kafka, logLevel, type PartitionAssigner } from 'kafkajs';
import Broker, { type FetchOptions } from 'kafkajs/src/broker/index.js';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { fetchingAt, patchFetch } from './fetch-patch.js';
import { passOver, patchFollowers } from './follower-patch.js';
import { patchMembership } from './membership-patch.js';

/** What brokers were asked, and what they answer. */
const asked: string[] = [];
let answer: () => void = () => undefined;
/** Who does not give the partition. */
let refusing: number | undefined;
Broker.prototype.fetch = async function (this: Broker, { rackId }: FetchOptions) {
  asked.push(`${this.nodeId} of rack ${JSON.stringify(rackId)}`);
  answer();
  const refused = this.nodeId === refusing ? [{ topic: 't', partition: 0, why: 'not-given' as const }] : [];
  return { responses: [], refused };
};
patchMembership();
patchFollowers();
patchFetch();

const [follower, leader] = [1, 2];
const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset: '5', maxBytes: 1 }] }];
const nothing = (): void => undefined;
const places = { of: () => ({ topicId: undefined, leaderEpoch: undefined }), onRefused: nothing, onRecords: nothing };
const anyAssigner = (() => ({})) as unknown as PartitionAssigner;

/** A consumer that was told to read the partition from the follower. */
async function bench() {
  let known: number[] = [follower, leader];
  let connect: () => void = () => undefined;
  const log: string[] = [];
  const cluster = {
    connect: async () => undefined,
    getNodeIds: () => known.map(String),
    findTopicPartitionMetadata: () => [
      { partitionId: 0, leader, offlineReplicas: [] },
      { partitionId: 1, leader: follower, offlineReplicas: [] },
    ],
    findLeaderForPartitions: () => ({ [leader]: [0] }),
    findBroker: async ({ nodeId }: { readonly nodeId: number }) => {
      connect();
      return Object.assign(Object.create(Broker.prototype) as Broker, { nodeId });
    },
    refreshMetadataIfNecessary: async () => undefined,
    addMultipleTargetTopics: async () => undefined,
  };
  const logger = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).logger();
  const options = { cluster, groupId: 'g', topics: ['t'], topicConfigurations: {}, assigners: [], retry: {}, logger };
  const group = new ConsumerGroup({ ...options, instrumentationEmitter: { emit: () => undefined } });
  await group.connect();
  group.offsetManager = {
    setDefaultOffset: async () => void log.push('to the start'),
  } as unknown as typeof group.offsetManager;
  fetchingAt({ ...places, idle: async () => undefined }, anyAssigner)({ cluster, groupId: 'g', logger } as never);
  group.preferredReadReplicasPerTopicPartition['t'] = { 0: { nodeId: follower, expireAt: Date.now() + 60_000 } };
  const fetch = async (nodeId: number): Promise<unknown> => {
    const broker = await cluster.findBroker({ nodeId });
    return broker.fetch({ ...{ maxWaitTime: 1, minBytes: 1, maxBytes: 1, rackId: 'zone' }, topics });
  };
  return {
    ...{ cluster, group, log, fetch },
    reader: (partition = 0) => Object.keys(group.findReadReplicaForPartitions('t', [partition])).map(Number),
    know: (nodes: number[]) => (known = nodes),
    refuseConnections: () => {
      connect = () => {
        throw Object.assign(new Error('refused'), { name: 'KafkaJSConnectionError' });
      };
    },
  };
}

describe('a follower that is away', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    jest.useRealTimers();
    refusing = undefined;
    asked.length = 0;
    answer = () => undefined;
  });

  it('is not waited for while the client knows no such broker, and read from as soon as it does', async () => {
    const { reader, know } = await bench();
    expect(reader()).toEqual([follower]);
    know([leader]);
    expect(reader()).toEqual([leader]);
    know([follower, leader]);
    expect(reader()).toEqual([follower]);
  });

  it('is passed over for a while when it takes no connection', async () => {
    const { reader, refuseConnections, fetch } = await bench();
    refuseConnections();
    await expect(fetch(follower)).rejects.toThrow('refused');
    expect(reader()).toEqual([leader]);
    jest.advanceTimersByTime(10_000);
    expect(reader()).toEqual([follower]);
  });

  it('is passed over by whoever has met it alone', async () => {
    const [one, other] = [await bench(), await bench()];
    passOver(one.cluster, follower);
    expect([one.reader(), other.reader()]).toEqual([[leader], [follower]]);
  });

  it('is passed over for a while when it refuses the partition, which its leader may give, and not when the leader refuses it', async () => {
    const { group, reader, fetch } = await bench();
    const isNamed = { nodeId: leader, expireAt: Date.now() + 60_000 };
    Object.assign(group.preferredReadReplicasPerTopicPartition['t'] ?? {}, { 1: isNamed });
    refusing = leader;
    await fetch(leader);
    expect([reader(), reader(1)]).toEqual([[follower], [leader]]);
    refusing = follower;
    await fetch(follower);
    expect(reader()).toEqual([leader]);
    jest.advanceTimersByTime(10_000);
    expect(reader()).toEqual([follower]);
  });

  it('is forgotten when its name has expired, so that the leader names one again', async () => {
    const { group, know, reader } = await bench();
    know([leader]);
    jest.advanceTimersByTime(60_000);
    expect(reader()).toEqual([leader]);
    expect(group.preferredReadReplicasPerTopicPartition['t']).toEqual({});
  });

  it('is stood in for by a leader that is not told the rack, for it would name the follower and hand over nothing', async () => {
    const { fetch } = await bench();
    await fetch(follower);
    await fetch(leader);
    expect(asked).toEqual([`${follower} of rack "zone"`, `${leader} of rack ""`]);
  });
});

describe('a fetch that fails', () => {
  afterEach(() => {
    asked.length = 0;
    answer = () => undefined;
  });
  const failing = (error: object) => {
    answer = () => {
      throw Object.assign(new Error('failed'), error);
    };
  };

  it('has the follower passed over', async () => {
    const { fetch, reader } = await bench();
    failing({ type: 'NOT_LEADER_FOR_PARTITION' });
    await expect(fetch(follower)).rejects.toThrow('failed');
    expect(reader()).toEqual([leader]);
  });

  it('has it believed that an offset is out of range where the leader says so, also in place of a follower, and nobody else', async () => {
    const { fetch, group, log, reader } = await bench();
    failing({ type: 'OFFSET_OUT_OF_RANGE', topic: 't', partition: 0 });
    const toldBy = (node: number) => fetch(node).catch((error: { topic: string; partition: number }) => error);
    const byLeader = (await toldBy(leader)) as { topic: string; partition: number };
    const byFollower = (await toldBy(follower)) as { topic: string; partition: number };
    expect(reader()).toEqual([follower]);
    await group.recoverFromOffsetOutOfRange(byFollower);
    expect([reader(), log]).toEqual([[leader], []]);
    await group.recoverFromOffsetOutOfRange(byFollower);
    expect(log).toEqual([]);
    await group.recoverFromOffsetOutOfRange(byLeader);
    expect(log).toEqual(['to the start']);
  });
});
