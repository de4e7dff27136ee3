import { randomUUID } from 'node:crypto';
import { type BinaryEncoding, type TopicNames, topicNames, topicProblem } from '@tidemark/protocol';
import { type Clock, type Logger, MetricRegistry, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import {
  type DestinationReader,
  type DestinationStore,
  type EventSink,
  type LeaseStore,
  type ShardReader,
} from './ports.js';

export interface SyncWorkerOptions {
  readonly reader: ShardReader;
  readonly leases: LeaseStore;
  readonly sink: EventSink;
  /** Region of the replica whose changes the stream carries; records of another are not trusted. */
  readonly region: string;
  /** Default `tidemark`. */
  readonly topicPrefix?: string;
  /** How binary attributes are encoded in the stream. Default `base64-twice`, as AWS documents. */
  readonly binary?: BinaryEncoding;
  /** Owner in the lease table; another one for every start. Default: random. */
  readonly workerId?: string;
  /** A lease that was not renewed for so long is taken by others, ms. Default 10,000. */
  readonly failoverMs?: number;
  /** Time between two writes of a lease row, each one write unit, ms. Default: a third of `failoverMs`, 500 at most. */
  readonly renewEveryMs?: number;
  /** Time between two strong readings of the lease table, after each of which leases are taken and the watermark is published, ms. Default 1,000, `failoverMs` at most. */
  readonly scanEveryMs?: number;
  /** How long a shard that another worker asks for waits until what was read of it is acknowledged, ms. Default: a third of `failoverMs`, 5,000 at most. */
  readonly handOverMs?: number;
  /** Time between two listings of the stream's shards, ms. Default 30,000. */
  readonly shardListEveryMs?: number;
  /** How old the list of table topics may be, ms. Default 5,000. */
  readonly topicListEveryMs?: number;
  /** Shards that this worker reads at once. Default 100. */
  readonly shardsMax?: number;
  /** Largest record sent with its value, and most bytes for one partition in one send. Default 900,000. */
  readonly recordBytesMax?: number;
  /** Deadline of one call to Kafka, ms. Default 30,000. */
  readonly sendTimeoutMs?: number;
  /** Deadline of one call to the lease table, ms. Default: a third of `failoverMs`. */
  readonly leaseTimeoutMs?: number;
  /** Deadline of describing and of listing the stream, ms. Default 10,000. */
  readonly listTimeoutMs?: number;
  /** First and longest delay between attempts, ms. Default 100 and 5,000. */
  readonly retryInitialMs?: number;
  readonly retryMaxMs?: number;
  /** Reading further behind than the retention less this counts as a gap, ms. Default 3,600,000, half the retention at most. */
  readonly retentionMarginMs?: number;
  /** What carries each table's changes into the stream, and where the last look at it is kept. Default: nobody looks. */
  readonly destinations?: { readonly reader: DestinationReader; readonly store: DestinationStore };
  /** Each table's destination is looked at twice in this time; off and on again within one and a half of it goes unseen, ms. Default 60,000. */
  readonly destinationEveryMs?: number;
  /** Most bytes of pages in hand, over all shards; one page alone may be larger. Each page is counted as the largest there may be, 10 MiB with Kinesis, until it has come. Default 67,108,864 (64 MiB). */
  readonly pageBudgetBytes?: number;
  /** How long a table's topic may refuse what it is sent before the table is parked: left out, and owed a flush, ms. Default 10,000. */
  readonly parkAfterMs?: number;
  /** The same for a topic that fails as Kafka as a whole may, without a leader or enough replicas, while another topic takes records, ms. Default 60,000. */
  readonly parkAloneAfterMs?: number;
  /** A call without an answer for so long makes the worker not ready, ms. Default 1,500. */
  readonly unansweredMs?: number;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Default: none. */
  readonly log?: Logger;
  readonly metrics?: MetricRegistry;
}

export type ResolvedSyncOptions = Required<Omit<SyncWorkerOptions, 'topicPrefix' | 'destinations'>> &
  Pick<SyncWorkerOptions, 'destinations'> & { readonly names: TopicNames };

/** Throws `INVALID_OPTIONS`, naming the option, what was expected and what came. */
export function resolveSyncOptions(options: SyncWorkerOptions): ResolvedSyncOptions {
  const failoverMs = options.failoverMs ?? 10_000;
  const resolved = {
    binary: 'base64-twice' as const,
    workerId: randomUUID(),
    renewEveryMs: Math.min(500, failoverMs / 3),
    scanEveryMs: Math.min(1_000, failoverMs),
    handOverMs: Math.min(5_000, failoverMs / 3),
    shardListEveryMs: 30_000,
    topicListEveryMs: 5_000,
    shardsMax: 100,
    recordBytesMax: 900_000,
    sendTimeoutMs: 30_000,
    leaseTimeoutMs: failoverMs / 3,
    listTimeoutMs: 10_000,
    retryInitialMs: 100,
    retryMaxMs: 5_000,
    retentionMarginMs: 3_600_000,
    destinationEveryMs: 60_000,
    pageBudgetBytes: 64 * 1_024 * 1_024,
    parkAfterMs: 10_000,
    parkAloneAfterMs: 60_000,
    unansweredMs: 1_500,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    metrics: new MetricRegistry(),
    ...defined(options),
    failoverMs,
    names: topicNames(options.topicPrefix),
  };
  check('region', resolved.region !== '', 'a non-empty string', resolved.region);
  check('workerId', resolved.workerId !== '', 'a non-empty string', resolved.workerId);
  const { prefix, deadLetters } = resolved.names;
  check('topicPrefix', topicProblem(deadLetters) === undefined, 'a prefix of topic names', prefix);
  for (const name of positive) check(name, resolved[name] > 0, 'a positive number', resolved[name]);
  check('shardsMax', Number.isInteger(resolved.shardsMax), 'a whole number', resolved.shardsMax);
  const isRenewedInTime = resolved.renewEveryMs <= failoverMs / 2;
  check('renewEveryMs', isRenewedInTime, 'half of failoverMs at most', resolved.renewEveryMs);
  check('scanEveryMs', resolved.scanEveryMs <= failoverMs, 'failoverMs at most', resolved.scanEveryMs);
  return resolved;
}

const positive = [
  'failoverMs',
  'renewEveryMs',
  'scanEveryMs',
  'handOverMs',
  'shardListEveryMs',
  'topicListEveryMs',
  'shardsMax',
  'recordBytesMax',
  'sendTimeoutMs',
  'leaseTimeoutMs',
  'listTimeoutMs',
  'retryInitialMs',
  'retryMaxMs',
  'destinationEveryMs',
  'pageBudgetBytes',
  'parkAfterMs',
  'parkAloneAfterMs',
  'unansweredMs',
] as const;

function check(option: string, ok: boolean, expected: string, got: unknown): void {
  if (ok) return;
  throw new TidemarkError('INVALID_OPTIONS', `${option}: expected ${expected}, got ${JSON.stringify(got)}`, {
    retriable: false,
    context: { option, expected, got },
  });
}

/** An option that is given as `undefined` is not given. */
function defined(options: SyncWorkerOptions): SyncWorkerOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as SyncWorkerOptions;
}
