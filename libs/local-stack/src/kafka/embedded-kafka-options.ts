import { type Clock, type Logger, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import { type KafkaListener, parseAdvertised } from './listener.js';

export interface EmbeddedKafkaOptions {
  /** Address to listen on; only the loopback. Default `127.0.0.1`. */
  readonly host?: '127.0.0.1';
  /** Port to listen on; 0 for any free one, which is then kept. Default 0. */
  readonly port?: number;
  /** Further ports for clients that reach the broker by another address, such as a proxy's; 100 at most. Default: none. */
  readonly listeners?: readonly KafkaListener[];
  /** Default: the system's clock. Every time-out of the broker follows it; sockets do not. */
  readonly clock?: Clock;
  /** Default: none. */
  readonly logger?: Logger;
  /** Folder in which topics, records and committed offsets outlive the process; one broker at a time. Default: none. */
  readonly dataDir?: string;
  /** Partitions of a topic that does not say, 1–10,000. Default 1. */
  readonly defaultPartitions?: number;
  /** Whether a client that asks for an unknown topic makes it. Default false. */
  readonly autoCreateTopics?: boolean;
  /** How long the first join of an empty group waits for others, ms. Default 0; Apache Kafka's is 3,000. */
  readonly initialRebalanceDelayMs?: number;
  /** Shortest session time-out that a member may ask for, ms. Default 6,000, as Apache Kafka's. */
  readonly sessionTimeoutMinMs?: number;
  /** Longest session time-out that a member may ask for, ms. Default 1,800,000, as Apache Kafka's. */
  readonly sessionTimeoutMaxMs?: number;
  /** Time between two rounds of retention, compaction and removal of idle groups, ms; 0 for none. Default 30,000. */
  readonly cleanIntervalMs?: number;
  /** Bound on the batches kept for a partition, whatever its topic's `retention.bytes`, bytes. Default 268,435,456 (256 MiB). */
  readonly partitionBytesMax?: number;
  /** Bound on the partitions of all topics. Default 10,000. */
  readonly partitionsMax?: number;
  /** Bound on the groups. Default 10,000. */
  readonly groupsMax?: number;
  /** Bound on the connections; further ones are closed at once. Default 2,000. */
  readonly connectionsMax?: number;
  /** Larger requests close the connection, bytes. Default 104,857,600 (100 MiB), as Apache Kafka's. */
  readonly requestBytesMax?: number;
}

export type ResolvedKafkaOptions = Required<Omit<EmbeddedKafkaOptions, 'dataDir'>> & {
  readonly dataDir: string | undefined;
};

const numbers = {
  port: { fallback: 0, min: 0, max: 65_535 },
  defaultPartitions: { fallback: 1, min: 1, max: 10_000 },
  initialRebalanceDelayMs: { fallback: 0, min: 0, max: 600_000 },
  sessionTimeoutMinMs: { fallback: 6_000, min: 1, max: 2_147_483_647 },
  sessionTimeoutMaxMs: { fallback: 1_800_000, min: 1, max: 2_147_483_647 },
  cleanIntervalMs: { fallback: 30_000, min: 0, max: 2_147_483_647 },
  partitionBytesMax: { fallback: 268_435_456, min: 1, max: 1_073_741_824 },
  partitionsMax: { fallback: 10_000, min: 1, max: 1_000_000 },
  groupsMax: { fallback: 10_000, min: 1, max: 1_000_000 },
  connectionsMax: { fallback: 2_000, min: 1, max: 100_000 },
  requestBytesMax: { fallback: 104_857_600, min: 1_024, max: 1_073_741_824 },
} as const;

type NumberOption = keyof typeof numbers;

/** Throws `INVALID_OPTIONS`, naming the option, what was expected and what came. */
export function resolveKafkaOptions(options: EmbeddedKafkaOptions): ResolvedKafkaOptions {
  const resolved = {
    host: options.host ?? '127.0.0.1',
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    dataDir: options.dataDir,
    autoCreateTopics: options.autoCreateTopics ?? false,
    listeners: options.listeners ?? [],
    ...resolvedNumbers(options),
  };
  if (resolved.host !== '127.0.0.1') throw invalid('host', '127.0.0.1', resolved.host);
  if (resolved.sessionTimeoutMinMs > resolved.sessionTimeoutMaxMs) {
    throw invalid('sessionTimeoutMinMs', `at most ${resolved.sessionTimeoutMaxMs}`, resolved.sessionTimeoutMinMs);
  }
  checkListeners(resolved.listeners);
  return resolved;
}

const listenersMax = 100;

function checkListeners(listeners: readonly KafkaListener[]): void {
  if (listeners.length > listenersMax) throw invalid('listeners', `at most ${listenersMax}`, listeners.length);
  for (const { port = 0, advertised } of listeners) {
    const { min, max } = numbers.port;
    if (!Number.isInteger(port) || port < min || port > max) {
      throw invalid('listeners.port', `a whole number from ${min} to ${max}`, port);
    }
    if (parseAdvertised(advertised) === undefined) throw invalid('listeners.advertised', 'host:port', advertised);
  }
}

function resolvedNumbers(options: EmbeddedKafkaOptions): Record<NumberOption, number> {
  const names = Object.keys(numbers) as NumberOption[];
  const values = names.map((name) => {
    const { fallback, min, max } = numbers[name];
    const value = options[name] ?? fallback;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw invalid(name, `a whole number from ${min} to ${max}`, value);
    }
    return [name, value] as const;
  });
  return Object.fromEntries(values) as Record<NumberOption, number>;
}

function invalid(option: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `embedded Kafka: ${option} must be ${expected}, got ${String(got)}`, {
    retriable: false,
    context: { option, expected, got },
  });
}
