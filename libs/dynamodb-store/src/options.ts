import { type DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type Clock, MetricRegistry, systemClock, TidemarkError } from '@tidemark/runtime';

export interface DynamoDbStoreOptions {
  /**
   * A client to be used as it is, and never destroyed: its pool and its time-outs hold, beside the call's own. However many attempts it
   * is configured for, the SDK makes one of each request. Give either this or `config`.
   */
  readonly client?: DynamoDBClient | undefined;
  /**
   * Of the client that is made otherwise. Its `maxAttempts` is not used, and a `requestHandler` replaces the pool that the next three
   * options describe. Default: region and credentials as the SDK finds them.
   */
  readonly config?: DynamoDBClientConfig | undefined;
  /** Open connections; a further request waits for one. Default 50. */
  readonly socketsMax?: number | undefined;
  /** Time until a request has its connection, a wait for a free one included, ms. Default 1,000. */
  readonly connectionTimeoutMs?: number | undefined;
  /** Time until the answer to one request begins, ms; a call's own time-out may end it earlier. Default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Attempts of one read. A write has one, always. Default 3. */
  readonly readAttemptsMax?: number | undefined;
  /** Delay before a read's second attempt, ms; it doubles with each attempt, and half of it is random. Default 20. */
  readonly backoffInitialMs?: number | undefined;
  /** Longest such delay, ms. Default 500. */
  readonly backoffMaxMs?: number | undefined;
  /**
   * Repeated reads as a share of all reads, 0 to 1; ten more may be made at once. Beyond it a read fails with its first failure: what refuses
   * everybody is not asked several times by everybody. Default 0.2.
   */
  readonly retryShareMax?: number | undefined;
  /** Requests that one `readMany` has under way at a time. Default 4. */
  readonly batchConcurrencyMax?: number | undefined;
  /** Default: one of its own. */
  readonly metrics?: MetricRegistry | undefined;
  readonly clock?: Clock | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

export type ResolvedOptions = {
  readonly [Name in Exclude<keyof DynamoDbStoreOptions, 'client' | 'config'>]-?: Exclude<
    DynamoDbStoreOptions[Name],
    undefined
  >;
};

/** Throws `INVALID_OPTIONS`, naming the option, what was expected and what came. */
export function resolveOptions(options: DynamoDbStoreOptions): ResolvedOptions {
  const { client, config, ...given } = options;
  if (client !== undefined && config !== undefined) throw invalid('client', 'either client or config', 'both');
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  const resolved: ResolvedOptions = { ...defaults, ...(Object.fromEntries(named) as Partial<ResolvedOptions>) };
  checkWhole('socketsMax', resolved.socketsMax, 1, 10_000);
  checkWhole('connectionTimeoutMs', resolved.connectionTimeoutMs, 1, 60_000);
  checkWhole('requestTimeoutMs', resolved.requestTimeoutMs, 1, 60_000);
  checkWhole('readAttemptsMax', resolved.readAttemptsMax, 1, 10);
  checkWhole('backoffInitialMs', resolved.backoffInitialMs, 1, 60_000);
  checkWhole('backoffMaxMs', resolved.backoffMaxMs, resolved.backoffInitialMs, 60_000);
  checkWhole('batchConcurrencyMax', resolved.batchConcurrencyMax, 1, 100);
  const { retryShareMax } = resolved;
  if (!(typeof retryShareMax === 'number' && retryShareMax >= 0 && retryShareMax <= 1))
    throw invalid('retryShareMax', 'a number from 0 to 1', retryShareMax);
  return resolved;
}

const defaults: ResolvedOptions = {
  socketsMax: 50,
  connectionTimeoutMs: 1_000,
  requestTimeoutMs: 5_000,
  readAttemptsMax: 3,
  backoffInitialMs: 20,
  backoffMaxMs: 500,
  retryShareMax: 0.2,
  batchConcurrencyMax: 4,
  metrics: new MetricRegistry(),
  clock: systemClock,
  random: Math.random,
};

function checkWhole(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalid(field, `a whole number from ${min} to ${max}`, value);
}

function invalid(field: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `${field}: expected ${expected}, got ${String(got)}`, {
    retriable: false,
    context: { field, expected, got },
  });
}
