import { describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { JoinGate } from './join-gate.js';
import { membershipOf, patchMembership } from './membership-patch.js';

patchMembership();

/** The cluster of a consumer, which looks coordinators up and connects to nothing. */
function fakeCluster(log: string[]) {
  return {
    connect: async () => undefined,
    refreshMetadataIfNecessary: async () => undefined,
    addMultipleTargetTopics: async (topics: string[]) => void log.push(`metadata of ${topics.join()}`),
    findGroupCoordinator: async ({ groupId }: { readonly groupId: string }) => void log.push(`look-up of ${groupId}`),
  };
}

/** A membership that joins or not, as it is told; what it fetches is logged. */
class FakeMembership extends ConsumerGroup {
  joining: () => Promise<void> = async () => undefined;

  constructor(
    options: object,
    readonly log: string[],
  ) {
    super(options);
  }

  override async joinAndSync(): Promise<void> {
    this.log.push('join');
    await this.joining();
  }

  override async fetch(nodeId: number): Promise<unknown[]> {
    this.log.push(`fetch from ${nodeId}`);
    return [];
  }
}

async function joined(topics: string[]) {
  const log: string[] = [];
  const gate = new JoinGate(
    async () => void log.push('before'),
    ({ topic, partition }) => void log.push(`reset of ${topic}/${partition}`),
  );
  const cluster = fakeCluster(log);
  const logger = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).logger();
  gate.assigner({ cluster: cluster as never, groupId: 'g', logger });
  const options = {
    ...{ cluster, groupId: 'g', topics, assigners: [], retry: {}, logger },
    topicConfigurations: Object.fromEntries(topics.map((topic) => [topic, { fromBeginning: true }])),
    instrumentationEmitter: { emit: () => undefined },
  };
  const group = new FakeMembership(options, log);
  await group.connect();
  return { gate, cluster, group, log };
}

describe('JoinGate', () => {
  it('has a join wait', async () => {
    const { cluster, log } = await joined(['a']);
    await cluster.findGroupCoordinator({ groupId: 'g' });
    expect(log).toEqual(['before', 'look-up of g']);
  });

  it('has a consumer join again with more topics, which are read from their beginning', async () => {
    const { gate, cluster, group, log } = await joined(['a']);
    await expect(gate.rejoin(['a', 'b'])).resolves.toBe(true);
    expect(group.topicsSubscribed).toEqual(['a']);
    expect(() => group.heartbeat({ interval: 1 })).toThrow(expect.objectContaining({ type: 'REBALANCE_IN_PROGRESS' }));
    await cluster.findGroupCoordinator({ groupId: 'g' });
    expect([group.topicsSubscribed, group.topicConfigurations['b']]).toEqual([['a', 'b'], { fromBeginning: true }]);
    expect(log).toEqual(['metadata of a,b', 'before', 'look-up of g']);
    await expect(group.heartbeat({ interval: 1 })).resolves.toBeUndefined();
  });

  it('does not take topics away from a consumer that runs', async () => {
    const { gate, group } = await joined(['a', 'b']);
    await expect(gate.rejoin(['b', 'c'])).resolves.toBe(false);
    expect(group.topicsSubscribed).toEqual(['a', 'b']);
  });

  it('tells that a log is about to be read from its start, before anything of that is done', async () => {
    const { cluster, group, log } = await joined(['a']);
    group.offsetManager = {
      setDefaultOffset: async () => void log.push('set to the start'),
    } as unknown as typeof group.offsetManager;
    for (let joins = 0; joins < 2; joins += 1) await cluster.findGroupCoordinator({ groupId: 'g' });
    await group.recoverFromOffsetOutOfRange({ topic: 'a', partition: 3 });
    expect(log.slice(-2)).toEqual(['reset of a/3', 'set to the start']);
    expect(log.filter((line) => line.startsWith('reset'))).toHaveLength(1);
  });

  it('has the leader asked where a follower lacks an offset, and resets nothing for that', async () => {
    const { cluster, group, log } = await joined(['a']);
    group.offsetManager = {
      setDefaultOffset: async () => void log.push('set to the start'),
    } as unknown as typeof group.offsetManager;
    await cluster.findGroupCoordinator({ groupId: 'g' });
    group.preferredReadReplicasPerTopicPartition['a'] = { 2: { nodeId: 7 }, 3: { nodeId: 7 } };
    const before = log.length;
    await group.recoverFromOffsetOutOfRange({ topic: 'a', partition: 3 });
    expect(log.slice(before)).toEqual([]);
    expect(group.preferredReadReplicasPerTopicPartition['a']).toEqual({ 2: { nodeId: 7 } });
    await group.recoverFromOffsetOutOfRange({ topic: 'a', partition: 3 });
    expect(log.slice(before)).toEqual(['reset of a/3', 'set to the start']);
  });

  it('commits once, in the name of the generation that it was asked in, and not when it is too late', async () => {
    const { gate, group } = await joined(['a']);
    const asked: string[] = [];
    let connect: () => void = () => undefined;
    const connected = new Promise<void>((resolve) => (connect = resolve));
    const offsetsOf = (generation: number) => ({
      coordinator: {},
      getCoordinator: () => connected,
      commitOffsets: async () => {
        asked.push(`by ${generation}`);
        throw new Error('the connection was closed');
      },
    });
    const offsets = { topics: [{ topic: 'a', partitions: [{ partition: 0, offset: '7' }] }] };
    await expect(gate.commit(offsets, () => true)).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE' });
    let isDue = true;
    group.offsetManager = offsetsOf(1);
    const attempts = [gate.commit(offsets, () => true), gate.commit(offsets, () => isDue)];
    group.offsetManager = offsetsOf(2);
    isDue = false;
    connect();
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual([
      'Error: the connection was closed',
      expect.stringContaining('too late'),
    ]);
    expect(asked).toEqual(['by 1']);
  });

  it('has a join that failed tried again before anything is fetched, until one succeeds', async () => {
    const { cluster, group, log } = await joined(['a']);
    await cluster.findGroupCoordinator({ groupId: 'g' });
    await expect(group.fetch(1)).resolves.toEqual([]);
    group.joining = async () => {
      throw Object.assign(new Error('the coordinator is loading'), { type: 'GROUP_LOAD_IN_PROGRESS' });
    };
    const rejoin = { type: 'REBALANCE_IN_PROGRESS', message: 'the last join failed: the coordinator is loading' };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(group.joinAndSync()).rejects.toMatchObject({ type: 'GROUP_LOAD_IN_PROGRESS' });
      await expect(group.fetch(1)).rejects.toMatchObject(rejoin);
    }
    group.joining = async () => undefined;
    await group.joinAndSync();
    await expect(group.fetch(2)).resolves.toEqual([]);
    expect(log.slice(2)).toEqual(['fetch from 1', 'join', 'join', 'join', 'fetch from 2']);
  });

  it('knows no membership of a consumer that does not run', async () => {
    const gate = new JoinGate(
      async () => undefined,
      () => undefined,
    );
    await expect(gate.rejoin(['a'])).resolves.toBe(false);
    expect(membershipOf({})).toBeUndefined();
  });
});
