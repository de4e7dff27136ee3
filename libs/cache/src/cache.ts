import { type Duration } from '@tidemark/runtime';
import { type AmbiguousWrite } from './ambiguous-writes.js';
import { type CacheEvents } from './cache-events.js';
import { type CacheStats } from './cache-stats.js';
import { type EntrySource } from './entry.js';
import { type HotKeyReport } from './hot-keys/hot-keys.js';
import { type Load } from './lease-loader.js';
import { type VersionToken } from './version-token.js';
import { type Visible } from './visibility.js';
import { type WarmUpProgress } from './warm-up/warm-up.js';

export interface CallOptions {
  /** Time this call may take (each put of a `putMany`, each touch of an `invalidate` everywhere); default the cache's `readTimeout`, `writeTimeout` or `loadTimeout`. */
  readonly timeout?: Duration;
  /** Gives the call up with `ABORTED`. A write that is under way then is an `AmbiguousWriteError`. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** L1 answers only with what was right this long ago at most, else L2 is read; default the cache's, then the Tidemark's; `'0ms'` always reads L2. */
  readonly maxStaleness?: Duration;
}

export interface LookUpOptions extends ReadOptions {
  /**
   * Default `strong`. `eventual` halves the cost of a miss, whose answer may be old, older even than the one before, and is not kept in L1; L1 answers as
   * ever. Not with `atLeast` or `maxStaleness`. docs/coherence.md says what is lost.
   */
  readonly consistency?: 'strong' | 'eventual';
}

export interface GetOptions extends LookUpOptions {
  /** The answer is this write or a later one. Of another region: `WRONG_REGION`. */
  readonly atLeast?: VersionToken;
}

export interface PutOptions extends CallOptions {
  /** The value ends by itself this long after the put; default never. Whole seconds are stored, rounded up. */
  readonly expiresIn?: Duration;
  /** Only over exactly this write; else `{ applied: false, reason: 'version-mismatch' }`. */
  readonly ifVersion?: VersionToken;
}

export type PutIfAbsentOptions = Omit<PutOptions, 'ifVersion'>;

export interface LoadOptions extends ReadOptions {
  /** The loaded value ends by itself this long after it was installed; default never. */
  readonly expiresIn?: Duration;
  /**
   * Default `true`. `false` loads without a lease and adds the result if the key is absent: weaker, since a value that was deleted meanwhile
   * can come back; `expiresIn` is then mandatory.
   */
  readonly lease?: boolean;
}

export interface InvalidateOptions extends CallOptions {
  /** `region` (default): every pod of this region. `everywhere`: of every region, by touching the items. */
  readonly scope?: 'region' | 'everywhere';
}

/** What became of a write. */
export type WriteReceipt =
  /** `token` names the write: for `atLeast`, `ifVersion` and `whenVisible`. */
  | {
      readonly applied: true;
      readonly writeId: string;
      readonly token: VersionToken;
      readonly reason?: undefined;
    }
  /** `superseded`: newer writes overtook it twice, and stand. `exists`: a value was there. `version-mismatch`: another write was. */
  | {
      readonly applied: false;
      readonly reason: 'superseded' | 'exists' | 'version-mismatch';
      readonly writeId?: undefined;
      readonly token?: undefined;
    };

/** What became of each of many writes, by key: its receipt, or the error that it failed with. */
export type WriteOutcomes<K extends string = string> = ReadonlyMap<
  K,
  | { readonly receipt: WriteReceipt; readonly error?: undefined }
  | { readonly receipt?: undefined; readonly error: Error }
>;

/** What this pod knows of a key, without asking anybody. */
export interface Inspection {
  readonly state: 'value' | 'absent' | 'none';
  readonly writeId: string | null;
  /** When the replica applied the image, µs since the epoch; `null` when no event has confirmed it yet. */
  readonly stampUs: number | null;
  /** When the call to L2 that brought the image began, ms since the epoch. */
  readonly readAt: number | null;
  /** Seconds since the epoch. */
  readonly expiresAt: number | null;
  readonly source: EntrySource | null;
  /** Partition of the key in the table's topics; `null` while the table is not followed. */
  readonly partition: number | null;
  /** Ms since the epoch: all changes that the stream accepted before it are applied to this key's partition. */
  readonly watermark: number | null;
  /** A read or write of the key is waiting for L2. */
  readonly inFlight: boolean;
}

/**
 * A two-level cache of values `V`: L1 in the process, kept right by the change feed, over one bucket of a DynamoDB table.
 *
 * An abstract class, so that it can stand in a decorated constructor. Values are handed out by reference: do not change them.
 * Every call fails with `INVALID_KEY` for a key that cannot be stored, with `INVALID_OPTIONS` for an option that it does not have or cannot take,
 * and with `CLOSED` after the Tidemark was closed. `getIfPresent` alone answers `undefined` instead; what asks for no key still answers.
 */
export abstract class Cache<V, K extends string = string> {
  abstract readonly name: string;
  /** The value, or `undefined` when there is none: from L1, else by one strong read of L2 that concurrent callers share. */
  abstract get(key: K, options?: GetOptions): Promise<V | undefined>;
  /** The value if L1 holds it; synchronous, never asks L2. */
  abstract getIfPresent(key: K): V | undefined;
  /** What was found of `keys`; misses are read in batches. Throws `PartialReadError` when some could not be read. */
  abstract getMany(keys: readonly K[], options?: LookUpOptions): Promise<ReadonlyMap<K, V>>;
  /**
   * The value from L1, else L2, else by `load`, whose result is installed under a lease in L2: a slow load never overwrites a newer write,
   * and the pods of the region make one load of many. `load` resolving to `undefined` installs nothing; what it throws is thrown. Throws
   * `WRITE_CONTENDED` when the lease is lost again and again, `TIMEOUT` at `loadTimeout`.
   */
  abstract getOrLoad(key: K, load: Load<V>, options?: LoadOptions): Promise<V | undefined>;
  /** Write-through: DynamoDB first, then L1. Throws `INVALID_VALUE`, `VALUE_TOO_LARGE`, `AmbiguousWriteError`, or why nothing was written. */
  abstract put(key: K, value: V, options?: PutOptions): Promise<WriteReceipt>;
  /** Puts the value only where there is none; else `{ applied: false, reason: 'exists' }`. Throws as `put` does. */
  abstract putIfAbsent(key: K, value: V, options?: PutIfAbsentOptions): Promise<WriteReceipt>;
  /** Single puts side by side, 16 at a time, in the order given; rejects only for what no put could begin with. A key given twice: `INVALID_OPTIONS`. */
  abstract putMany(entries: Iterable<readonly [K, V]>, options?: PutIfAbsentOptions): Promise<WriteOutcomes<K>>;
  /** Deletes the key in DynamoDB, and so in every region; not an eviction. Throws as `put` does. */
  abstract delete(key: K, options?: CallOptions): Promise<WriteReceipt>;
  /**
   * Drops the keys from the L1 of every pod of the region, or of all regions; resolves when the order to do so is acknowledged. Throws
   * `PUBLISH_FAILED` and the like; `NOT_SUPPORTED` in a region-wide call where this pod may not publish.
   */
  abstract invalidate(keys: readonly K[], options?: InvalidateOptions): Promise<void>;
  /** Puts a value into this pod's L1 alone; any event for the key drops it. */
  abstract localPut(key: K, value: V): void;
  /** Drops the key from this pod's L1 alone; whether it was there. */
  abstract localDelete(key: K): boolean;
  /**
   * Resolves when every live pod of the region that has caches of this table reads the write of `token` or a later one. Throws
   * `VisibilityTimeoutError` at the deadline (default 5 s), which is no failure of the write; `VISIBILITY_UNAVAILABLE` where this pod may not publish.
   */
  abstract whenVisible(token: VersionToken, options?: CallOptions): Promise<Visible>;
  /** Listens; the returned function ends it. Listeners are called synchronously and must be quick. */
  abstract on<E extends keyof CacheEvents<V>>(event: E, listener: (payload: CacheEvents<V>[E]) => void): () => void;
  /** How long ago, in ms, the oldest of this cache's partitions was known to be complete; `Infinity` before the first watermark. Clocks may differ by the stated skew. */
  abstract staleness(): number;
  abstract inspect(key: K): Inspection;
  /** Writes whose answer never came and whose fate is not known yet, oldest first. */
  abstract ambiguousWrites(): readonly AmbiguousWrite[];
  abstract stats(): CacheStats & { readonly entries: number; readonly bytes: number };
  /** Up to `max` keys (default 20) that this pod reads most, from a sample of the last minutes; any that has a thousandth of the reads is known. */
  abstract hotKeys(max?: number): HotKeyReport;
  /** How far this pod's warm-up of the cache is, or was when it ended. */
  abstract warmUp(): WarmUpProgress;
}
