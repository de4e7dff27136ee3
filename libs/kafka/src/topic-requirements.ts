import { type TopicNames } from '@tidemark/protocol';
import { type TopicOperation } from './topic-operations.js';

/** What a topic is for: `table` carries a table's events from sync, `cache` carries them on to pods. */
export type TopicRole = 'routes' | 'route-history' | 'table' | 'cache' | 'pods' | 'dead-letters';

/** What an operator has chosen for the topics of a region; what is left out is not asked for. */
export interface TopicSettings {
  /** Fewest copies of each partition. */
  readonly replicationFactor?: number;
  /** Fewest replicas in sync that an acknowledgement may stand for. Default: one fewer than the topic has, 1 at least. */
  readonly minInsyncReplicas?: number;
  /** Shortest time that a table topic keeps records, ms. */
  readonly tableRetentionMs?: number;
}

/** A topic as the brokers describe it. */
export interface FoundTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Copies of the partition that has the fewest. */
  readonly replicationFactor: number;
  /** Kafka's own names; `undefined`: this client may not read them. */
  readonly configs: Readonly<Record<string, string>> | undefined;
  /** What this client may do with it; `undefined`: it did not ask, or brokers before 3.1 do not tell. */
  readonly operations?: readonly TopicOperation[] | undefined;
  /** Its partitions that lack something at present, by their numbers: no matter of its settings, and no reason not to start. Default none. */
  readonly ailing?: readonly AilingPartition[];
}

/** A partition without a leader, or with replicas that are not in sync. */
export interface AilingPartition {
  readonly partition: number;
  readonly hasLeader: boolean;
  readonly replicas: number;
  /** How many of the replicas have all that was acknowledged. */
  readonly insync: number;
}

/** One setting that does not fit. */
export interface TopicProblem {
  readonly topic: string;
  /** Kafka's own name of it, or `partitions`, `replication.factor`. */
  readonly setting: string;
  readonly expected: string;
  readonly got: string;
  /** What comes of it, in one clause. */
  readonly why: string;
  /** `error`: nothing should start on it. `warning`: it works, with less than it could. */
  readonly severity: 'error' | 'warning';
}

/** Reports of pods are read for so long, ms. */
const podsRetentionMs = 600_000;
/** What was done to routes is kept for so long, ms: 90 days. */
const historyRetentionMs = 7_776_000_000;
/** A pod that is cut off from Kafka for no longer than this misses nothing, ms. */
const cacheRetentionMs = 3_600_000;
/** A batch of events that Tidemark sends may be as large. */
const messageBytes = 1_000_000;

/** The settings that are looked at: only they need be asked for. */
export const checkedConfigs: readonly string[] = [
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'unclean.leader.election.enable',
];

/** The role of a topic that Tidemark itself names, or `undefined`. */
export function topicRole(names: TopicNames, topic: string): TopicRole | undefined {
  if (topic === names.routes) return 'routes';
  if (topic === names.routeHistory) return 'route-history';
  if (topic === names.pods) return 'pods';
  if (topic === names.deadLetters) return 'dead-letters';
  if (topic.startsWith(names.cdc(''))) return 'table';
  return topic.startsWith(names.cache('')) ? 'cache' : undefined;
}

/** Settings that a topic of this role is made with, beside what the brokers give by themselves. */
export function configsOfRole(role: TopicRole | undefined, settings: TopicSettings): Record<string, string> {
  const { replicationFactor = 0, tableRetentionMs } = settings;
  const insync = settings.minInsyncReplicas ?? usualInsync(replicationFactor);
  return {
    ...(replicationFactor > 0 ? { 'min.insync.replicas': String(insync) } : {}),
    ...(role === 'table' && tableRetentionMs !== undefined ? { 'retention.ms': String(tableRetentionMs) } : {}),
    ...(role === 'routes' ? { 'cleanup.policy': 'compact' } : {}),
    ...(role === 'route-history' ? { 'cleanup.policy': 'delete', 'retention.ms': String(historyRetentionMs) } : {}),
  };
}

/** Every setting of the topic that does not fit its role, in a fixed order. */
export function topicProblems(role: TopicRole, found: FoundTopic, settings: TopicSettings): readonly TopicProblem[] {
  const { topic, configs } = found;
  const rules = [...shapeRules(role, found, settings)];
  if (configs !== undefined)
    rules.push(
      ...replicaRules(found, configs, settings),
      ...retentionRules(role, configs, settings),
      ...recordRules(role, configs),
    );
  return rules.filter(({ ok }) => !ok).map(({ ok: _, ...rest }) => ({ topic, severity: 'error' as const, ...rest }));
}

/** A problem as people read it. */
export function topicProblemText({ topic, setting, expected, got, why }: TopicProblem): string {
  return `${topic}: ${setting}: expected ${expected}, got ${got}: ${why}`;
}

interface Rule extends Omit<TopicProblem, 'topic' | 'severity'> {
  readonly ok: boolean;
  readonly severity?: TopicProblem['severity'];
}

function shapeRules(role: TopicRole, found: FoundTopic, { replicationFactor = 1 }: TopicSettings): Rule[] {
  const { partitions, replicationFactor: copies } = found;
  const isSingle = isSmall(role);
  return [
    {
      ok: !isSingle || partitions === 1,
      setting: 'partitions',
      expected: '1',
      got: String(partitions),
      why: 'its records need one order',
    },
    {
      ok: copies >= replicationFactor,
      setting: 'replication.factor',
      expected: `${replicationFactor} or more`,
      got: String(copies),
      why: 'the loss of a broker may lose what was acknowledged',
    },
  ];
}

type Configs = Readonly<Record<string, string>>;

function replicaRules(found: FoundTopic, configs: Configs, settings: TopicSettings): Rule[] {
  const { replicationFactor: copies } = found;
  const insync = wholeNumber(configs, 'min.insync.replicas');
  const expected = settings.minInsyncReplicas ?? usualInsync(copies);
  const rule = { setting: 'min.insync.replicas', got: String(insync) };
  return [
    {
      ...rule,
      ok: insync === undefined || insync >= expected,
      expected: `${expected} or more`,
      why: 'an acknowledgement may stand for fewer copies than the loss of a broker takes',
    },
    {
      ...rule,
      ok: insync === undefined || insync <= copies,
      expected: `${copies} or less`,
      why: 'there are fewer replicas, so that no record is ever acknowledged',
    },
    {
      ...rule,
      ok: insync === undefined || copies === 1 || insync !== copies,
      expected: `${copies - 1} or less`,
      why: 'nothing can be written while any one broker is down',
      severity: 'warning',
    },
    {
      ok: configs['unclean.leader.election.enable'] !== 'true',
      setting: 'unclean.leader.election.enable',
      expected: 'false',
      got: 'true',
      why: 'a replica that was behind may become leader, and acknowledged records are gone',
    },
  ];
}

function retentionRules(role: TopicRole, configs: Configs, { tableRetentionMs }: TopicSettings): Rule[] {
  const policies = (configs['cleanup.policy'] ?? policyOf(role)).split(',').map((policy) => policy.trim());
  const policy: Rule = {
    ok: policies.length === 1 && policies[0] === policyOf(role),
    setting: 'cleanup.policy',
    expected: policyOf(role),
    got: policies.join(','),
    why:
      role === 'routes'
        ? 'routes that are not written for a while would be deleted'
        : 'compaction removes records that readers take for lost',
  };
  if (role === 'routes') return [policy];
  const leastMs = leastRetentionMs(role, tableRetentionMs);
  const retentionMs = wholeNumber(configs, 'retention.ms');
  const bytes = wholeNumber(configs, 'retention.bytes') ?? -1;
  return [
    policy,
    {
      ok: leastMs === undefined || retentionMs === undefined || retentionMs === -1 || retentionMs >= leastMs,
      setting: 'retention.ms',
      expected: `${leastMs} or more`,
      got: String(retentionMs),
      ...(role === 'route-history'
        ? { why: 'nobody can tell any more who changed older routes', severity: 'warning' as const }
        : { why: 'who is away for longer misses records and flushes what they may have touched' }),
    },
    {
      ok: bytes === -1 || isSmall(role) || role === 'dead-letters',
      setting: 'retention.bytes',
      expected: '-1',
      got: String(bytes),
      why: 'under load records may go before retention.ms has passed',
      severity: 'warning',
    },
  ];
}

function leastRetentionMs(role: TopicRole, tableRetentionMs: number | undefined): number | undefined {
  if (role === 'table') return tableRetentionMs;
  if (role === 'cache') return cacheRetentionMs;
  if (role === 'route-history') return historyRetentionMs;
  return role === 'pods' ? podsRetentionMs : undefined;
}

/** Compression that the clients of every role can read. */
const readable = ['producer', 'uncompressed', 'gzip'];

function recordRules(role: TopicRole, configs: Configs): Rule[] {
  const bytes = wholeNumber(configs, 'max.message.bytes');
  const compression = configs['compression.type'] ?? 'producer';
  const stamps = configs['message.timestamp.type'];
  return [
    {
      ok: isSmall(role) || bytes === undefined || bytes >= messageBytes,
      setting: 'max.message.bytes',
      expected: `${messageBytes} or more`,
      got: String(bytes),
      why: 'values are left out, and pods read them again from DynamoDB',
    },
    {
      ok: readable.includes(compression),
      setting: 'compression.type',
      expected: readable.join(', '),
      got: compression,
      why: 'the brokers would compress records in a way that no pod can read',
    },
    {
      ok: role !== 'pods' || stamps === undefined || stamps === 'LogAppendTime',
      setting: 'message.timestamp.type',
      expected: 'LogAppendTime',
      got: String(stamps),
      why: 'pods refuse to report into it, since their own clocks would date the reports',
    },
  ];
}

function policyOf(role: TopicRole): 'compact' | 'delete' {
  return role === 'routes' ? 'compact' : 'delete';
}

/** Topics of few and small records in one order. */
function isSmall(role: TopicRole): boolean {
  return role === 'routes' || role === 'route-history' || role === 'pods';
}

function usualInsync(replicas: number): number {
  return Math.max(1, replicas - 1);
}

function wholeNumber(configs: Configs, name: string): number | undefined {
  const value = Number(configs[name] ?? NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}
