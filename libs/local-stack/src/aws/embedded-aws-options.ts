import { type Clock, type Logger, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import { type BinaryEncoding, type StampPrecision } from './cdc-record.js';
import { KinesaliteEndpoint } from './kinesalite-endpoint.js';
import { type KinesisEndpointFactory } from './kinesis-endpoint.js';
import { type ReplicationDelay } from './replication-link.js';
import { type WireItem } from './wire-item.js';

/** A write that a region's replica has just applied; whoever reads the item from now on sees it. */
export interface AppliedWrite {
  readonly region: string;
  readonly table: string;
  readonly keys: WireItem;
  /** `undefined`: it was deleted. */
  readonly newItem: WireItem | undefined;
  /** It was made in another region. */
  readonly isReplicated: boolean;
}

export interface EmbeddedAwsOptions {
  /** Names of the regions, each once. Default: `us-east-1` and `eu-west-1`. */
  readonly regions?: readonly string[];
  /** How long a write travels to another region, ms; a function is asked for every write. Default 20. */
  readonly replicationDelayMs?: ReplicationDelay;
  /** Fixes everything random: event ids, duplicates, reordering, backoff. Default 1. */
  readonly seed?: number;
  /** Default: the system's clock. Sockets and the emulators' own timers do not follow it. */
  readonly clock?: Clock;
  /** Default: none. */
  readonly log?: Logger;
  /** Folder in which tables, items and settings outlive this object; streams and write stamps do not. Default: in memory. */
  readonly dataDir?: string;
  /** Name of the stream that every region has for its global tables. Default `tidemark-cdc`. */
  readonly streamName?: string;
  /** Shards of that stream, 1–100. Default 2. */
  readonly shardCount?: number;
  /** Unit of the stamps of tables made by `createGlobalTable`. Default `MICROSECOND`. */
  readonly precision?: StampPrecision;
  /** How often a binary value in a change record is base64-encoded. Default `twice`, as AWS documents. */
  readonly binaryEncoding?: BinaryEncoding;
  /** Time between two sweeps for expired items, ms; 0 for none. Default 0. */
  readonly expirySweepMs?: number;
  /** Captured changes that may wait for a region's stream before its writes are throttled. Default 100,000. */
  readonly captureQueueMax?: number;
  /** Writes of a region that may be on their way to others before its writes are throttled. Default 100,000. */
  readonly replicationInFlightMax?: number;
  /** How long `stop` waits for requests being served, and with `dataDir` for replication, ms. Default 2,000. */
  readonly stopTimeoutMs?: number;
  /**
   * Called with every write, in the order in which a replica applies them: for observers that check what others see of it. What it returns is called
   * once the stream has accepted the change record, and again for a copy of it. Must not throw. Default: none.
   */
  readonly onWrite?: (write: AppliedWrite) => (() => void) | undefined;
  /** Makes the Kinesis of a region. Default: `KinesaliteEndpoint`. */
  readonly kinesisEndpoint?: KinesisEndpointFactory;
}

export type ResolvedAwsOptions = Required<Omit<EmbeddedAwsOptions, 'dataDir'>> & { readonly dataDir?: string };

/** Throws `INVALID_OPTIONS`, naming the option, what was expected and what came. */
export function resolveAwsOptions(options: EmbeddedAwsOptions): ResolvedAwsOptions {
  const resolved: ResolvedAwsOptions = {
    regions: ['us-east-1', 'eu-west-1'],
    replicationDelayMs: 20,
    seed: 1,
    clock: systemClock,
    log: silentLogger,
    streamName: 'tidemark-cdc',
    shardCount: 2,
    precision: 'MICROSECOND',
    binaryEncoding: 'twice',
    expirySweepMs: 0,
    captureQueueMax: 100_000,
    replicationInFlightMax: 100_000,
    stopTimeoutMs: 2_000,
    onWrite: () => undefined,
    kinesisEndpoint: (context) => new KinesaliteEndpoint(context),
    ...options,
  };
  checkRegions(resolved.regions);
  checkNumber('shardCount', resolved.shardCount, 1, 100);
  checkNumber('expirySweepMs', resolved.expirySweepMs, 0);
  checkNumber('captureQueueMax', resolved.captureQueueMax, 1);
  checkNumber('replicationInFlightMax', resolved.replicationInFlightMax, 1);
  checkNumber('stopTimeoutMs', resolved.stopTimeoutMs, 0);
  if (typeof resolved.replicationDelayMs === 'number') {
    checkNumber('replicationDelayMs', resolved.replicationDelayMs, 0);
  }
  return resolved;
}

function checkRegions(regions: readonly string[]): void {
  if (
    regions.length > 0 &&
    new Set(regions).size === regions.length &&
    regions.every((name) => /^[a-z0-9-]+$/.test(name))
  )
    return;
  throw invalid('regions', 'at least one name, each once', regions);
}

/** Throws `INVALID_OPTIONS` unless `value` is a number in [min, max]. */
export function checkNumber(option: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (!(value >= min && value <= max)) throw invalid(option, `a number from ${min} to ${max}`, value);
}

function invalid(option: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `${option}: expected ${expected}, got ${JSON.stringify(got)}`, {
    retriable: false,
    context: { option, expected, got },
  });
}
