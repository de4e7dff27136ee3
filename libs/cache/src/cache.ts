import { keyProblem } from '@tidemark/protocol';
import {
  type Clock,
  type Duration,
  isTidemarkError,
  parseDuration,
  TidemarkError,
  withDeadline,
} from '@tidemark/runtime';
import { PartialReadError } from './cache-errors.js';
import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { type Entry, type EntrySource } from './entry.js';
import { type L1 } from './l1.js';
import { type L2Reader } from './l2-reader.js';
import { type L2Writer, type WriteReceipt } from './l2-writer.js';
import { invalidOption } from './options.js';
import { type ValueCodec } from './value-codec.js';

export interface CallOptions {
  /** Time this call may take; default the cache's `readTimeout` or `writeTimeout`. */
  readonly timeout?: Duration;
  /** Gives the call up with `ABORTED`. A write that is under way then is an `AmbiguousWriteError`. */
  readonly signal?: AbortSignal;
}

export interface PutOptions extends CallOptions {
  /** The value ends by itself this long after the put; default never. Whole seconds are stored, rounded up. */
  readonly expiresIn?: Duration;
}

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
 * Every call fails with `INVALID_KEY` for a key that cannot be stored, and with `CLOSED` after the Tidemark was closed.
 */
export abstract class Cache<V, K extends string = string> {
  abstract readonly name: string;
  /** The value, or `undefined` when there is none: from L1, else by one strong read of L2 that concurrent callers share. */
  abstract get(key: K, options?: CallOptions): Promise<V | undefined>;
  /** The value if L1 holds it; synchronous, never asks L2. */
  abstract getIfPresent(key: K): V | undefined;
  /** What was found of `keys`; misses are read in batches. Throws `PartialReadError` when some could not be read. */
  abstract getMany(keys: readonly K[], options?: CallOptions): Promise<ReadonlyMap<K, V>>;
  /** Write-through: DynamoDB first, then L1. Throws `INVALID_VALUE`, `VALUE_TOO_LARGE`, `AmbiguousWriteError`, or why nothing was written. */
  abstract put(key: K, value: V, options?: PutOptions): Promise<WriteReceipt>;
  /** Deletes the key in DynamoDB, and so in every region; not an eviction. Throws as `put` does. */
  abstract delete(key: K, options?: CallOptions): Promise<WriteReceipt>;
  /** Puts a value into this pod's L1 alone; any event for the key drops it. */
  abstract localPut(key: K, value: V): void;
  /** Drops the key from this pod's L1 alone; whether it was there. */
  abstract localDelete(key: K): boolean;
  /** How long ago, in ms, the oldest of this cache's partitions was known to be complete; `Infinity` before the first watermark. */
  abstract staleness(): number;
  abstract inspect(key: K): Inspection;
  abstract stats(): CacheStats & { readonly entries: number; readonly bytes: number };
}

export interface CacheParts {
  readonly definition: CacheDefinition;
  readonly l1: L1;
  readonly coherence: Coherence;
  readonly reader: L2Reader;
  readonly writer: L2Writer;
  readonly codec: ValueCodec;
  readonly stats: CacheStats;
  readonly clock: Clock;
  readonly partitionOf: (key: string) => { readonly index: number; readonly watermark: number } | undefined;
  /** Ms since the epoch; 0 before the first watermark of every partition. */
  readonly watermark: () => number;
  readonly isClosed: () => boolean;
}

export class TidemarkCache<V> extends Cache<V> {
  readonly #parts: CacheParts;
  readonly #coherence: Coherence;
  readonly #stats: CacheStats;

  constructor(parts: CacheParts) {
    super();
    this.#parts = parts;
    this.#coherence = parts.coherence;
    this.#stats = parts.stats;
  }

  get name(): string {
    return this.#parts.definition.name;
  }

  async get(key: string, options?: CallOptions): Promise<V | undefined> {
    const entry = this.#live(key);
    if (entry !== undefined) {
      this.#stats.hits += 1;
      return entry.value as V | undefined;
    }
    return this.#miss(key, options);
  }

  getIfPresent(key: string): V | undefined {
    const entry = this.#live(key);
    if (entry === undefined) {
      this.#stats.misses += 1;
      return undefined;
    }
    this.#stats.hits += 1;
    return entry.value as V | undefined;
  }

  async getMany(keys: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, V>> {
    if (!Array.isArray(keys)) throw invalidOption(`cache ${this.name}: getMany`, 'an array of keys', keys);
    const found = new Map<string, V>();
    const misses: string[] = [];
    const asked = new Set<string>(keys);
    for (const key of asked) {
      const entry = this.#live(key);
      if (entry === undefined) misses.push(this.#checkKey(key));
      else if (entry.value !== undefined) found.set(key, entry.value as V);
    }
    this.#stats.hits += asked.size - misses.length;
    this.#stats.misses += misses.length;
    if (misses.length === 0) return found;
    return this.#readMissing(misses, found, options);
  }

  async put(key: string, value: V, options?: PutOptions): Promise<WriteReceipt> {
    this.#checkKey(key);
    const { codec, writer, clock } = this.#parts;
    const encoded = codec.encode(value);
    const expiresInMs = options?.expiresIn === undefined ? undefined : parseDuration(options.expiresIn, 'expiresIn');
    const expiresAt = expiresInMs === undefined ? null : Math.ceil((clock.now() + expiresInMs) / 1_000);
    return writer.put(key, encoded, expiresAt, this.#writeCall(options));
  }

  async delete(key: string, options?: CallOptions): Promise<WriteReceipt> {
    this.#checkKey(key);
    return this.#parts.writer.delete(key, this.#writeCall(options));
  }

  localPut(key: string, value: V): void {
    this.#checkKey(key);
    const encoded = this.#parts.codec.encode(value);
    const bytes = typeof encoded.payload === 'string' ? encoded.payload.length : encoded.payload.byteLength;
    this.#coherence.localPut(key, encoded.value, bytes, this.#parts.clock.now());
  }

  localDelete(key: string): boolean {
    return this.#coherence.localDelete(this.#checkKey(key));
  }

  staleness(): number {
    const watermark = this.#parts.watermark();
    return watermark === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#parts.clock.now() - watermark);
  }

  inspect(key: string): Inspection {
    const partition = this.#parts.partitionOf(this.#checkKey(key));
    return {
      ...describe(this.#coherence.peek(key)),
      partition: partition?.index ?? null,
      watermark: orNull(partition?.watermark),
      inFlight: this.#coherence.isInFlight(key),
    };
  }

  stats(): CacheStats & { readonly entries: number; readonly bytes: number } {
    const { l1 } = this.#parts;
    return { ...this.#stats, rules: [...this.#stats.rules], entries: l1.entries, bytes: l1.bytes };
  }

  /** The entry, unless it has expired. */
  #live(key: string): Entry | undefined {
    const entry = this.#coherence.lookup(key);
    if (entry === undefined || entry.expiresAt === 0 || entry.expiresAt * 1_000 > this.#parts.clock.now()) return entry;
    this.#coherence.expire(key);
    return undefined;
  }

  async #miss(key: string, options: CallOptions | undefined): Promise<V | undefined> {
    this.#checkKey(key);
    this.#stats.misses += 1;
    return this.#deadline('get', options, () => this.#parts.reader.read(key) as Promise<V | undefined>);
  }

  /** What was found in time is never lost: it is in the error. */
  async #readMissing(
    misses: readonly string[],
    found: Map<string, V>,
    options: CallOptions | undefined,
  ): Promise<ReadonlyMap<string, V>> {
    const asked = found.size + misses.length;
    const missing = new Set(misses);
    let cause: unknown;
    const settle = async (key: string, read: Promise<unknown>): Promise<void> => {
      try {
        const value = await read;
        missing.delete(key);
        if (value !== undefined) found.set(key, value as V);
      } catch (error) {
        if (cause === undefined || (isTidemarkError(error) && !error.retriable)) cause = error;
      }
    };
    try {
      await this.#deadline('getMany', options, async () =>
        Promise.all([...this.#parts.reader.readMany(misses)].map(([key, read]) => settle(key, read))),
      );
    } catch (error) {
      if (!isTidemarkError(error) || !error.retriable) throw error;
      cause ??= error;
    }
    if (missing.size > 0)
      throw new PartialReadError({
        cache: this.name,
        asked,
        found: new Map(found),
        missing: [...missing],
        cause,
      });
    return found;
  }

  #deadline<T>(operation: string, options: CallOptions | undefined, work: () => Promise<T>): Promise<T> {
    const { clock, definition } = this.#parts;
    const timeoutMs =
      options?.timeout === undefined ? definition.readTimeoutMs : parseDuration(options.timeout, 'timeout');
    return withDeadline(
      { clock, timeoutMs, what: `${operation} in cache ${this.name}`, signal: options?.signal },
      work,
    );
  }

  #writeCall(options: CallOptions | undefined): { timeoutMs: number; signal: AbortSignal | undefined } {
    const timeoutMs =
      options?.timeout === undefined
        ? this.#parts.definition.writeTimeoutMs
        : parseDuration(options.timeout, 'timeout');
    if (options?.signal?.aborted === true)
      throw new TidemarkError('ABORTED', `write in cache ${this.name} was aborted before it began`, {
        retriable: false,
        cause: options.signal.reason,
      });
    return { timeoutMs, signal: options?.signal };
  }

  #checkKey(key: string): string {
    if (this.#parts.isClosed()) throw new TidemarkError('CLOSED', `cache ${this.name} is closed`, { retriable: false });
    const problem = keyProblem(this.name, key);
    if (problem === undefined) return key;
    throw new TidemarkError('INVALID_KEY', `cache ${this.name}: key: ${problem}`, {
      retriable: false,
      context: { cache: this.name },
    });
  }
}

function describe(entry: Entry | undefined): Omit<Inspection, 'partition' | 'watermark' | 'inFlight'> {
  if (entry === undefined)
    return { state: 'none', writeId: null, stampUs: null, readAt: null, expiresAt: null, source: null };
  const { value, writeId, stampUs, readAt, expiresAt, source } = entry;
  const state = value === undefined ? 'absent' : 'value';
  return { state, writeId, stampUs: orNull(stampUs), readAt: orNull(readAt), expiresAt: orNull(expiresAt), source };
}

function orNull(value: number | undefined): number | null {
  return value === undefined || value === 0 ? null : value;
}
