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

async function joined(topics: string[]) {
  const log: string[] = [];
  const gate = new JoinGate(async () => void log.push('before'));
  const cluster = fakeCluster(log);
  const logger = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).logger();
  gate.assigner({ cluster: cluster as never, groupId: 'g', logger });
  const group = new ConsumerGroup({
    ...{ cluster, groupId: 'g', topics, assigners: [], retry: {}, logger },
    topicConfigurations: Object.fromEntries(topics.map((topic) => [topic, { fromBeginning: true }])),
    instrumentationEmitter: { emit: () => undefined },
  });
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

  it('knows no membership of a consumer that does not run', async () => {
    const gate = new JoinGate(async () => undefined);
    await expect(gate.rejoin(['a'])).resolves.toBe(false);
    expect(membershipOf({})).toBeUndefined();
  });
});
