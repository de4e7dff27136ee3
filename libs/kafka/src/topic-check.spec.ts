import { describe, expect, it } from '@jest/globals';
import { topicNames } from '@tidemark/protocol';
import { eventually, ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { type KafkaClient } from './kafka-client.js';
import { checkTopics, topicsInvalid } from './topic-check.js';
import { operationsOf } from './topic-operations.js';
import { TopicWatch } from './topic-watch.js';

const names = topicNames('acme');
const { signal } = new AbortController();
const clock = new ManualClock();

/** Brokers with these topics; `hidden` ones refuse their settings, `gone` ones vanish after they were listed. */
function fakeClient(
  topics: readonly string[],
  change: { hidden?: string; gone?: string; unseen?: string; error?: Error } = {},
) {
  const requests: string[][] = [];
  const refuse = (type: string): Error => Object.assign(new Error(type), { type });
  const admin: Partial<Admin> = {
    connect: () => (change.error === undefined ? Promise.resolve() : Promise.reject(change.error)),
    disconnect: () => Promise.resolve(),
    listTopics: async () => [...topics],
    fetchTopicMetadata: async (options) => {
      const asked = options?.topics ?? [];
      if (change.unseen !== undefined && asked.includes(change.unseen)) throw refuse('TOPIC_AUTHORIZATION_FAILED');
      if (asked.some((topic) => topic === change.gone || !topics.includes(topic)))
        throw refuse('UNKNOWN_TOPIC_OR_PARTITION');
      const partitions = [
        { ...{ partitionId: 1, leader: 1 }, replicas: [1, 2, 3], isr: [1] },
        { ...{ partitionId: 0, leader: -1 }, replicas: [1, 2], isr: [1] },
        { ...{ partitionId: 2, leader: 2 }, replicas: [2, 3], isr: [2, 3] },
      ];
      return { topics: asked.map((name) => ({ name, partitions })) } as never;
    },
    describeConfigs: async ({ resources }) => {
      const asked = resources.map(({ name }) => name);
      requests.push(asked);
      if (change.hidden !== undefined && asked.includes(change.hidden)) throw refuse('TOPIC_AUTHORIZATION_FAILED');
      if (change.gone !== undefined && asked.includes(change.gone)) throw refuse('UNKNOWN_TOPIC_OR_PARTITION');
      const configEntries = [{ configName: 'retention.ms', configValue: '-1' }];
      return { resources: asked.map((resourceName) => ({ resourceName, configEntries })) } as never;
    },
  };
  const client = { admin: () => admin } as unknown as KafkaClient;
  return { client, requests };
}

describe('checkTopics', () => {
  it('asks for fifty topics at a time, and leaves out those that have no role', async () => {
    const tables = Array.from({ length: 60 }, (_, i) => names.cdc(`t${String(i).padStart(2, '0')}`));
    const { client, requests } = fakeClient([...tables, 'other', names.cache('x')]);
    const { topics } = await checkTopics({ client, names, settings: {}, clock }, signal);
    expect(topics).toHaveLength(61);
    expect(requests.map(({ length }) => length)).toEqual([50, 11]);
  });

  it('counts the copies of the partition that has the fewest', async () => {
    const { client } = fakeClient([names.cdc('a')]);
    const { topics } = await checkTopics({ client, names, settings: {}, clock }, signal);
    expect(topics).toMatchObject([{ partitions: 3, replicationFactor: 2 }]);
  });

  it('tells partitions without a leader or with too few replicas in sync, as no reason to end a process', async () => {
    const { client } = fakeClient([names.cdc('a')]);
    const report = await checkTopics({ client, names, settings: {}, clock }, signal);
    expect(report.topics[0]?.ailing).toEqual([
      { partition: 0, hasLeader: false, replicas: 2, insync: 1 },
      { partition: 1, hasLeader: true, replicas: 3, insync: 1 },
    ]);
    expect(report.problems).toEqual([]);
    expect(topicsInvalid(report)).toBeUndefined();
  });

  it('judges the others where one may not be read, or has just been deleted', async () => {
    const all = [names.cache('a'), names.cdc('a'), names.deadLetters];
    const { client } = fakeClient(all, { hidden: names.cdc('a'), gone: names.deadLetters });
    const { topics } = await checkTopics({ client, names, settings: {}, clock }, signal);
    expect(topics.map(({ topic, configs }) => [topic, configs])).toEqual([
      [names.cache('a'), { 'retention.ms': '-1' }],
      [names.cdc('a'), undefined],
    ]);
  });

  it('tells topics that are hidden from those that are not there, without a word of others', async () => {
    const { client } = fakeClient([names.cdc('a')], { unseen: names.routes });
    const expected = [names.cdc('a'), names.routes, names.pods];
    const report = await checkTopics({ client, names, settings: {}, expected, clock }, signal);
    expect(report).toMatchObject({ hidden: [names.routes], topics: [{ topic: names.cdc('a') }] });
    const unasked = await checkTopics({ client, names, settings: {}, clock }, signal);
    expect(unasked.hidden).toEqual([]);
  });
});

describe('operationsOf', () => {
  it.each([
    [0, []],
    [1 << 3, ['Read']],
    [0xdf8, ['Read', 'Write', 'Describe', 'DescribeConfigs']],
    [(1 << 4) | (1 << 8) | (1 << 7), ['Write', 'Describe']],
    [-2_147_483_648, undefined],
  ])('%d: %j', (field, operations) => {
    expect(operationsOf(field)).toEqual(operations);
  });
});

describe('TopicWatch', () => {
  it('lets a process go on that may not ask, and says so once', async () => {
    const { client } = fakeClient([], {
      error: Object.assign(new Error('no'), { type: 'CLUSTER_AUTHORIZATION_FAILED' }),
    });
    const logger = recordingLogger();
    const watch = new TopicWatch({ client, names, settings: {}, clock, logger });
    await eventually('the line', () => logger.lines.length > 0);
    await clock.advance(60_000);
    expect(logger.lines).toMatchObject([{ level: 'warn', message: 'kafka: the settings of topics may not be read' }]);
    expect(watch.error).toBeUndefined();
    watch.stop();
  });
});
