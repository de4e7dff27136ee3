import { type Duration, type Logger, parseDuration, TidemarkError } from '@tidemark/runtime';

export interface LocalStackOptions {
  /** Default `us-east-1` and `eu-west-1`. */
  readonly regions?: readonly string[];
  /** Global tables with a replica and a stream in every region; default `permissions`. */
  readonly tables?: readonly string[];
  /** `embedded` (default): a broker of its own for every region; or brokers that run already, by region. */
  readonly kafka?: 'embedded' | Readonly<Record<string, readonly string[]>>;
  /**
   * `kinesalite` (default): fast, and splits and merges shards; or `kinesis-local`, in a worker thread: names child shards, has
   * `UpdateShardCount` and enhanced fan-out, takes a second to start, and accepts a few hundred records a second.
   */
  readonly kinesis?: 'kinesalite' | 'kinesis-local';
  /** Also runs sync and dispatcher of each region, with a route for every table; default true. */
  readonly pipeline?: boolean;
  /** How long a write travels to another region, ms; default 20. */
  readonly replicationDelayMs?: number;
  /** Fixes everything random; default 1. */
  readonly seed?: number;
  /** Folder in which tables and Kafka's records outlive the stack; default none. Streams do not. */
  readonly dataDir?: string | undefined;
  /** Partitions of every topic; default 4. */
  readonly partitions?: number;
  /**
   * How soon sync notices that a table's streaming destination is off: within one and a half of it; default `1m`, as in production. With less,
   * `faults.aws.disableStream` shows sooner, and DynamoDB that does not answer for as long makes sync flush.
   */
  readonly destinationInterval?: Duration;
  /** How long the start may take before what was started is stopped again; default `60s`. */
  readonly startDeadline?: Duration;
  /** Default: silent. */
  readonly logger?: Logger;
}

type Complete = Required<Omit<LocalStackOptions, 'dataDir' | 'logger'>> & Pick<LocalStackOptions, 'dataDir' | 'logger'>;

export type ResolvedLocalStackOptions = Omit<Complete, 'startDeadline' | 'destinationInterval'> & {
  readonly startDeadlineMs: number;
  readonly destinationIntervalMs: number;
};

const defaults = {
  regions: ['us-east-1', 'eu-west-1'],
  tables: ['permissions'],
  kafka: 'embedded',
  kinesis: 'kinesalite',
  pipeline: true,
  replicationDelayMs: 20,
  seed: 1,
  partitions: 4,
  destinationInterval: '1m',
  startDeadline: '60s',
} as const satisfies LocalStackOptions;

const fields = [...Object.keys(defaults), 'dataDir', 'logger'];

/** Fills in the defaults. Throws `INVALID_OPTIONS`, naming the option. */
export function resolveLocalStackOptions(options: LocalStackOptions): ResolvedLocalStackOptions {
  for (const name of Object.keys(options))
    if (!fields.includes(name)) throw invalid(name, `one of ${fields.join(', ')}`);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const complete: Complete = { ...defaults, ...given, dataDir: options.dataDir };
  const { startDeadline, destinationInterval, ...resolved } = complete;
  const { regions, tables, kafka, kinesis, partitions } = resolved;
  if (!Array.isArray(tables) || tables.length === 0) throw invalid('tables', 'at least one table');
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 1_000)
    throw invalid('partitions', 'a whole number from 1 to 1000');
  if (kafka !== 'embedded') checkBrokers(regions, kafka);
  if (!['kinesalite', 'kinesis-local'].includes(kinesis)) throw invalid('kinesis', "'kinesalite' or 'kinesis-local'");
  return {
    ...resolved,
    startDeadlineMs: parseDuration(startDeadline, 'startLocalStack: startDeadline'),
    destinationIntervalMs: parseDuration(destinationInterval, 'startLocalStack: destinationInterval'),
  };
}

function checkBrokers(regions: readonly string[], brokers: Readonly<Record<string, readonly string[]>>): void {
  for (const region of regions)
    if ((brokers[region]?.length ?? 0) === 0) throw invalid(`kafka.${region}`, "at least one 'host:port'");
}

function invalid(option: string, expected: string): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `startLocalStack: ${option}: expected ${expected}`, {
    retriable: false,
    context: { option, expected },
  });
}
