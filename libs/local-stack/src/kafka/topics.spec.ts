import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { forgetfulStore } from './broker-store.js';
import { type NewTopic, Topics } from './topics.js';

const makeTopics = (): Topics =>
  new Topics({
    clock: new ManualClock(),
    store: forgetfulStore,
    defaultPartitions: 2,
    partitionsMax: 10,
    partitionBytesMax: 1e6,
  });
const topic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  partitions: -1,
  replicationFactor: -1,
  configs: new Map(),
  ...more,
});
const withConfig = (name: string, value: string | null): NewTopic => topic('t', { configs: new Map([[name, value]]) });

describe('Topics', () => {
  it('makes a topic with the partitions it asks for, or the default', () => {
    const topics = makeTopics();
    expect(topics.create(topic('a'))).toBeUndefined();
    expect(topics.create(topic('b', { partitions: 3, replicationFactor: 1 }))).toBeUndefined();
    expect(topics.all().map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
  });

  const refused: [string, NewTopic, string][] = [
    ['an empty name', topic(''), 'INVALID_TOPIC_EXCEPTION'],
    ['a name of dots', topic('..'), 'INVALID_TOPIC_EXCEPTION'],
    ['a name with a space', topic('a b'), 'INVALID_TOPIC_EXCEPTION'],
    ['a name of 250 characters', topic('x'.repeat(250)), 'INVALID_TOPIC_EXCEPTION'],
    ['a name that is taken', topic('there.is'), 'TOPIC_ALREADY_EXISTS'],
    ['a name that differs in a dot', topic('there_is'), 'INVALID_TOPIC_EXCEPTION'],
    ['no partition', topic('t', { partitions: 0 }), 'INVALID_PARTITIONS'],
    ['-2 partitions', topic('t', { partitions: -2 }), 'INVALID_PARTITIONS'],
    ['more partitions than there may be', topic('t', { partitions: 9 }), 'POLICY_VIOLATION'],
    ['two replicas', topic('t', { replicationFactor: 2 }), 'INVALID_REPLICATION_FACTOR'],
    ['no replica', topic('t', { replicationFactor: 0 }), 'INVALID_REPLICATION_FACTOR'],
    ['a configuration that is not known', withConfig('retention.minutes', '1'), 'INVALID_CONFIG'],
    ['a configuration that is not known to be one', withConfig('constructor', '1'), 'INVALID_CONFIG'],
    ['a configuration without a value', withConfig('retention.ms', null), 'INVALID_CONFIG'],
    ['a number that is none', withConfig('retention.ms', 'week'), 'INVALID_CONFIG'],
    ['a number that is too small', withConfig('retention.ms', '-2'), 'INVALID_CONFIG'],
    ['a policy that is not known', withConfig('cleanup.policy', 'compact,shrink'), 'INVALID_CONFIG'],
  ];
  it.each(refused)('refuses %s', (_, asked, error) => {
    const topics = makeTopics();
    topics.create(topic('there.is'));
    expect(topics.create(asked)?.error).toBe(error);
    expect(topics.all().map(({ name }) => name)).toEqual(['there.is']);
  });

  it('only says what it would do when it is asked only that', () => {
    const topics = makeTopics();
    expect(topics.create(topic('a'), true)).toBeUndefined();
    expect(topics.get('a')).toBeUndefined();
  });

  it('adds partitions and takes none away', () => {
    const topics = makeTopics();
    topics.create(topic('a'));
    expect(topics.growTo('a', 4)).toBeUndefined();
    expect(topics.growTo('a', 4)?.error).toBe('INVALID_PARTITIONS');
    expect(topics.growTo('a', 11)?.error).toBe('POLICY_VIOLATION');
    expect(topics.growTo('b', 4)?.error).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(topics.get('a')?.partitions).toHaveLength(4);
  });

  it('replaces the whole configuration', () => {
    const topics = makeTopics();
    topics.create(topic('a', { configs: new Map([['retention.ms', '1']]) }));
    expect(topics.configure('a', new Map([['max.message.bytes', '10']]))).toBeUndefined();
    expect(topics.configure('a', new Map([['max.message.bytes', 'ten']]))?.error).toBe('INVALID_CONFIG');
    expect([...(topics.get('a')?.configs ?? [])]).toEqual([['max.message.bytes', '10']]);
  });

  it('gives back the room of a topic that is deleted, and wakes who waits for it', () => {
    const topics = makeTopics();
    topics.create(topic('a', { partitions: 10 }));
    let isWoken = false;
    topics.partition('a', 9)?.onChange(() => (isWoken = true));
    expect([topics.delete('a'), topics.delete('a'), isWoken]).toEqual([true, false, true]);
    expect(topics.create(topic('b', { partitions: 10 }))).toBeUndefined();
  });
});
