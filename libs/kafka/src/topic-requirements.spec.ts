import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { topicNames } from '@tidemark/protocol';
import {
  configsOfRole,
  type FoundTopic,
  topicProblems,
  topicProblemText,
  type TopicRole,
  topicRole,
  type TopicSettings,
} from './topic-requirements.js';

const names = topicNames('acme');
const day = 86_400_000;
const settings: TopicSettings = { replicationFactor: 3, tableRetentionMs: 3 * day };

/** What Apache Kafka gives a topic that sets nothing but this, on three brokers. */
const usual = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'max.message.bytes': '1048588',
  'message.timestamp.type': 'CreateTime',
  'min.insync.replicas': '2',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'unclean.leader.election.enable': 'false',
};

function found(role: TopicRole, configs: Readonly<Record<string, string>> = {}): FoundTopic {
  const own: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    routes: { 'cleanup.policy': 'compact' },
    pods: { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '600000' },
    'route-history': { 'retention.ms': String(90 * day) },
  };
  const partitions = ['routes', 'route-history', 'pods'].includes(role) ? 1 : 4;
  return {
    topic: `acme.${role}`,
    partitions,
    replicationFactor: 3,
    configs: { ...usual, ...own[role], ...configs },
  };
}

const roles: readonly TopicRole[] = ['routes', 'route-history', 'table', 'cache', 'pods', 'dead-letters'];

describe('topicRole', () => {
  it.each([
    ['acme.routes', 'routes'],
    ['acme.route-history', 'route-history'],
    ['acme.pods', 'pods'],
    ['acme.dead-letters', 'dead-letters'],
    ['acme.cdc.things', 'table'],
    ['acme.cache.things', 'cache'],
    ['acme.other', undefined],
    ['other.cdc.things', undefined],
  ])('%s is %s', (topic, role) => {
    expect(topicRole(names, topic)).toBe(role);
  });
});

describe('topicProblems', () => {
  it.each(roles)('finds nothing wrong with a %s topic as it should be', (role) => {
    expect(topicProblems(role, found(role), settings)).toEqual([]);
  });

  it.each<[TopicRole, string, string, 'error' | 'warning']>([
    ['table', 'min.insync.replicas', '1', 'error'],
    ['cache', 'min.insync.replicas', '1', 'error'],
    ['routes', 'min.insync.replicas', '1', 'error'],
    ['table', 'min.insync.replicas', '4', 'error'],
    ['table', 'min.insync.replicas', '3', 'warning'],
    ['table', 'unclean.leader.election.enable', 'true', 'error'],
    ['table', 'cleanup.policy', 'compact', 'error'],
    ['cache', 'cleanup.policy', 'compact,delete', 'error'],
    ['routes', 'cleanup.policy', 'delete', 'error'],
    ['routes', 'cleanup.policy', 'compact,delete', 'error'],
    ['table', 'retention.ms', String(3 * day - 1), 'error'],
    ['cache', 'retention.ms', '3599999', 'error'],
    ['pods', 'retention.ms', '599999', 'error'],
    ['route-history', 'retention.ms', String(90 * day - 1), 'warning'],
    ['route-history', 'cleanup.policy', 'compact', 'error'],
    ['table', 'retention.bytes', '1000000', 'warning'],
    ['table', 'max.message.bytes', '999999', 'error'],
    ['cache', 'max.message.bytes', '999999', 'error'],
    ['table', 'compression.type', 'zstd', 'error'],
    ['routes', 'compression.type', 'lz4', 'error'],
    ['pods', 'message.timestamp.type', 'CreateTime', 'error'],
  ])('%s with %s=%s: one %s that names both', (role, setting, got, severity) => {
    expect(topicProblems(role, found(role, { [setting]: got }), settings)).toEqual([
      expect.objectContaining({ topic: `acme.${role}`, setting, got, severity }),
    ]);
  });

  it.each<[TopicRole, string, string]>([
    ['table', 'retention.ms', '-1'],
    ['table', 'retention.ms', String(3 * day)],
    ['dead-letters', 'retention.ms', '1'],
    ['dead-letters', 'retention.bytes', '1000000'],
    ['routes', 'retention.ms', '1'],
    ['routes', 'max.message.bytes', '65536'],
    ['table', 'compression.type', 'gzip'],
    ['table', 'message.timestamp.type', 'LogAppendTime'],
  ])('%s with %s=%s is fine', (role, setting, value) => {
    expect(topicProblems(role, found(role, { [setting]: value }), settings)).toEqual([]);
  });

  it('wants one partition where there is one order, and as many copies as were chosen', () => {
    const wrong = { ...found('routes'), partitions: 4, replicationFactor: 2 };
    expect(topicProblems('routes', wrong, settings)).toMatchObject([
      { setting: 'partitions', expected: '1', got: '4' },
      { setting: 'replication.factor', expected: '3 or more', got: '2' },
      { setting: 'min.insync.replicas', got: '2', severity: 'warning' },
    ]);
  });

  it('lists every problem of a topic, not the first', () => {
    const wrong = found('cache', { 'retention.ms': '1000', 'cleanup.policy': 'compact', 'min.insync.replicas': '1' });
    expect(topicProblems('cache', wrong, settings).map(({ setting }) => setting)).toEqual([
      'min.insync.replicas',
      'cleanup.policy',
      'retention.ms',
    ]);
  });

  it('goes by the copies that there are where nothing was chosen, so that one broker will do', () => {
    const single = { ...found('table', { 'min.insync.replicas': '1', 'retention.ms': '1' }), replicationFactor: 1 };
    expect(topicProblems('table', single, {})).toEqual([]);
  });

  it('goes by the in-sync replicas that were chosen', () => {
    const one = found('table', { 'min.insync.replicas': '1' });
    expect(topicProblems('table', one, { ...settings, minInsyncReplicas: 1 })).toEqual([]);
  });

  it('judges no setting that may not be read', () => {
    expect(topicProblems('routes', { ...found('routes'), configs: undefined }, settings)).toEqual([]);
    expect(topicProblems('routes', { ...found('routes'), configs: {} }, settings)).toEqual([]);
  });

  it('says what is wrong, with what, and why that matters', () => {
    const [problem] = topicProblems('table', found('table', { 'min.insync.replicas': '1' }), settings);
    expect(problem === undefined ? '' : topicProblemText(problem)).toBe(
      'acme.table: min.insync.replicas: expected 2 or more, got 1: an acknowledgement may stand for fewer copies than the loss of a broker takes',
    );
  });
});

describe('configsOfRole', () => {
  it.each<[TopicRole | undefined, TopicSettings, Record<string, string>]>([
    ['table', settings, { 'min.insync.replicas': '2', 'retention.ms': String(3 * day) }],
    ['cache', settings, { 'min.insync.replicas': '2' }],
    ['routes', settings, { 'min.insync.replicas': '2', 'cleanup.policy': 'compact' }],
    [
      'route-history',
      settings,
      { 'min.insync.replicas': '2', 'cleanup.policy': 'delete', 'retention.ms': String(90 * day) },
    ],
    ['cache', { replicationFactor: 1 }, { 'min.insync.replicas': '1' }],
    ['cache', { replicationFactor: 3, minInsyncReplicas: 1 }, { 'min.insync.replicas': '1' }],
    [undefined, { replicationFactor: -1 }, {}],
  ])('%s with %j', (role, given, configs) => {
    expect(configsOfRole(role, given)).toEqual(configs);
  });

  it.each(roles)('makes a %s topic that fits', (role) => {
    const made = { ...found(role), configs: { ...found(role).configs, ...configsOfRole(role, settings) } };
    expect(topicProblems(role, made, settings)).toEqual([]);
  });
});

describe('the commands of infra/kafka', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../../infra/kafka/README.md'), 'utf8');
  const commands = page.split('\n').filter((line) => line.startsWith('kafka-topics.sh '));
  /** As Apache Kafka makes it where its own defaults stand. */
  const made = (command: string): FoundTopic => {
    const of = (flag: string): string => new RegExp(`--${flag} (\\S+)`).exec(command)?.[1] ?? '';
    const configs = [...command.matchAll(/--config (\S+?)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]);
    return {
      ...{
        topic: of('topic'),
        partitions: Number(of('partitions')),
        replicationFactor: Number(of('replication-factor')),
      },
      configs: { ...usual, 'min.insync.replicas': '1', ...(Object.fromEntries(configs) as Record<string, string>) },
    };
  };

  it('make a topic of each role', () => {
    const roles = commands.map((command) => topicRole(topicNames('tidemark'), made(command).topic));
    expect(roles).toEqual(['routes', 'route-history', 'pods', 'table', 'cache', 'dead-letters']);
  });

  it('make topics that every process starts on', () => {
    const problems = commands.flatMap((command) => {
      const topic = made(command);
      return topicProblems(topicRole(topicNames('tidemark'), topic.topic) ?? 'cache', topic, settings);
    });
    expect(problems.map(topicProblemText)).toEqual([]);
  });
});
