import { type Retention } from './partition-log.js';

export type TopicConfigs = ReadonlyMap<string, string>;

/** What a topic's configuration means to this broker. */
export interface TopicPolicy extends Retention {
  readonly compacts: boolean;
  readonly deletes: boolean;
  /** The largest batch that is taken, bytes. */
  readonly messageBytesMax: number;
  /** Whether the broker's clock stamps the records. */
  readonly stampsAppendTime: boolean;
  /** How long tombstones are kept, ms. */
  readonly tombstoneMs: number;
}

interface KnownConfig {
  readonly fallback: string;
  readonly isValid: (value: string) => boolean;
}

const anything: KnownConfig['isValid'] = () => true;
const oneOf =
  (...allowed: string[]): KnownConfig['isValid'] =>
  (value) =>
    allowed.includes(value);
const boolean = oneOf('true', 'false');
const integerFrom =
  (min: number): KnownConfig['isValid'] =>
  (value) =>
    /^-?\d{1,19}$/.test(value) && Number(value) >= min;
const fraction: KnownConfig['isValid'] = (value) => /^\d*\.?\d+$/.test(value) && Number(value) <= 1;
const policies: KnownConfig['isValid'] = (value) =>
  value !== '' && value.split(',').every((each) => each === 'delete' || each === 'compact');

const longMax = '9223372036854775807';

/** Apache Kafka's topic configuration with its defaults. Those that `policyOf` reads have an effect here; the others are kept and reported. */
const knownConfigs: Readonly<Record<string, KnownConfig>> = {
  'cleanup.policy': { fallback: 'delete', isValid: policies },
  'compression.type': {
    fallback: 'producer',
    isValid: oneOf('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
  },
  'delete.retention.ms': { fallback: '86400000', isValid: integerFrom(0) },
  'file.delete.delay.ms': { fallback: '60000', isValid: integerFrom(0) },
  'flush.messages': { fallback: longMax, isValid: integerFrom(1) },
  'flush.ms': { fallback: longMax, isValid: integerFrom(0) },
  'follower.replication.throttled.replicas': { fallback: '', isValid: anything },
  'index.interval.bytes': { fallback: '4096', isValid: integerFrom(0) },
  'leader.replication.throttled.replicas': { fallback: '', isValid: anything },
  'max.compaction.lag.ms': { fallback: longMax, isValid: integerFrom(1) },
  'max.message.bytes': { fallback: '1048588', isValid: integerFrom(0) },
  'message.timestamp.after.max.ms': { fallback: '3600000', isValid: integerFrom(0) },
  'message.timestamp.before.max.ms': { fallback: longMax, isValid: integerFrom(0) },
  'message.timestamp.type': { fallback: 'CreateTime', isValid: oneOf('CreateTime', 'LogAppendTime') },
  'min.cleanable.dirty.ratio': { fallback: '0.5', isValid: fraction },
  'min.compaction.lag.ms': { fallback: '0', isValid: integerFrom(0) },
  'min.insync.replicas': { fallback: '1', isValid: integerFrom(1) },
  preallocate: { fallback: 'false', isValid: boolean },
  'retention.bytes': { fallback: '-1', isValid: integerFrom(-1) },
  'retention.ms': { fallback: '604800000', isValid: integerFrom(-1) },
  'segment.bytes': { fallback: '1073741824', isValid: integerFrom(1) },
  'segment.index.bytes': { fallback: '10485760', isValid: integerFrom(4) },
  'segment.jitter.ms': { fallback: '0', isValid: integerFrom(0) },
  'segment.ms': { fallback: '604800000', isValid: integerFrom(1) },
  'unclean.leader.election.enable': { fallback: 'false', isValid: boolean },
};

/** What is wrong with a configuration, in one sentence; `undefined` when nothing is. */
export function configProblem(entries: ReadonlyMap<string, string | null>): string | undefined {
  for (const [name, value] of entries) {
    const known = Object.hasOwn(knownConfigs, name) ? knownConfigs[name] : undefined;
    if (known === undefined) return `Unknown topic config name: ${name}`;
    if (value === null) return `Null value not supported for topic configs: ${name}`;
    if (!known.isValid(value)) return `Invalid value ${value} for configuration ${name}`;
  }
  return undefined;
}

/** Every configuration of a topic, set or not, in the order of the names. */
export function allConfigs(configs: TopicConfigs): { name: string; value: string; isSet: boolean }[] {
  return Object.entries(knownConfigs).map(([name, { fallback }]) => ({
    name,
    value: configs.get(name) ?? fallback,
    isSet: configs.has(name),
  }));
}

/** Reads a valid configuration. `partitionBytesMax` bounds every partition, `retention.bytes=-1` included. */
export function policyOf(configs: TopicConfigs, partitionBytesMax: number): TopicPolicy {
  const text = (name: string): string => configs.get(name) ?? knownConfigs[name]?.fallback ?? '';
  const orEndless = (name: string): number => (text(name) === '-1' ? Infinity : Number(text(name)));
  const cleanup = text('cleanup.policy').split(',');
  return {
    compacts: cleanup.includes('compact'),
    deletes: cleanup.includes('delete'),
    retentionMs: orEndless('retention.ms'),
    retentionBytes: Math.min(orEndless('retention.bytes'), partitionBytesMax),
    messageBytesMax: Number(text('max.message.bytes')),
    stampsAppendTime: text('message.timestamp.type') === 'LogAppendTime',
    tombstoneMs: Number(text('delete.retention.ms')),
  };
}
