import { keyProblem } from '@tidemark/protocol';
import { isTidemarkError, parseDuration, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type AmbiguousWrite } from './ambiguous-writes.js';
import { PartialReadError } from './cache-errors.js';
import { type CacheParts } from './cache-parts.js';
import { type CacheEvents } from './cache-events.js';
import { type CacheStats } from './cache-stats.js';
import { expiryOf } from './cache-writer.js';
import {
  Cache,
  type CallOptions,
  type GetOptions,
  type Inspection,
  type InvalidateOptions,
  type LoadOptions,
  type LookUpOptions,
  type PutIfAbsentOptions,
  type PutOptions,
  type WriteOutcomes,
  type WriteReceipt,
} from './cache.js';
import { checkCallOptions, isEventual, pairsOf } from './call-options.js';
import { type Coherence } from './coherence.js';
import { type Freshness } from './freshness.js';
import { type HotKeyReport, type HotKeys } from './hot-keys/hot-keys.js';
import { inspectionOf } from './inspection.js';
import { none } from './l1/columns.js';
import { type L1 } from './l1/l1.js';
import { L1Reader } from './l1-reader.js';
import { type Load } from './lease-loader.js';
import { invalidOption, oneOf } from './options.js';
import { Grace } from './overload/grace.js';
import { promised } from './promised.js';
import { StalenessWatch } from './staleness-watch.js';
import { type VersionToken } from './version-token.js';
import { unavailable, type Visible } from './visibility.js';
import { type WarmUpProgress } from './warm-up/warm-up.js';

/** When a read of L2 must have begun, ms since the epoch; `eventual`: its answer may be from any time. */
type ReadStart = number | 'eventual';

const visibleTimeoutMs = 5_000;
/** Misses of one `getMany` that are read at a time: half of what a cache may have in flight, so that a call of any size can succeed. */
const readsAtOnceMax = 5_000;

export class TidemarkCache<V> extends Cache<V> {
  readonly #parts: CacheParts;
  readonly #coherence: Coherence;
  readonly #l1: L1;
  readonly #l1Reader: L1Reader;
  readonly #freshness: Freshness;
  readonly #stats: CacheStats;
  readonly #hotKeys: HotKeys;
  /** Hits until the next one that is a sample, and what the count of hits will be then. */
  #hitsLeft = 1;
  #hitsAhead = 1;
  readonly #maxStalenessMs: number;
  readonly #isUnbounded: boolean;
  readonly #grace: Grace;
  readonly #stalenessWatch: StalenessWatch;

  constructor(parts: CacheParts) {
    super();
    this.#parts = parts;
    this.#coherence = parts.coherence;
    this.#l1 = parts.l1;
    this.#l1Reader = new L1Reader(parts);
    this.#isUnbounded = parts.maxStalenessMs === Infinity;
    this.#freshness = parts.freshness;
    this.#stats = parts.stats;
    this.#hotKeys = parts.hotKeys;
    this.#maxStalenessMs = parts.maxStalenessMs;
    this.#stalenessWatch = new StalenessWatch(parts);
    this.#grace = new Grace({ ...parts, l1Reader: this.#l1Reader, graceMs: parts.definition.graceMs });
  }

  get name(): string {
    return this.#parts.definition.name;
  }

  /** No async function itself: see `promised`. */
  get(key: string, options?: GetOptions): Promise<V | undefined> {
    if (options !== undefined) return this.#getWith(key, options);
    const used = this.#l1.use(key);
    if (used > none && this.#isUnbounded) {
      this.#countHit(key);
      return promised(this.#l1.valueAt(used) as V | undefined);
    }
    return this.#getBounded(key, used);
  }

  getIfPresent(key: string): V | undefined {
    const used = this.#l1.use(key);
    if (used > none && this.#isUnbounded) {
      this.#countHit(key);
      return this.#l1.valueAt(used) as V | undefined;
    }
    return this.#present(key, used);
  }

  async getMany(keys: readonly string[], options?: LookUpOptions): Promise<ReadonlyMap<string, V>> {
    if (!Array.isArray(keys)) throw invalidOption(`cache ${this.name}: getMany`, 'an array of keys', keys);
    checkCallOptions(this.name, 'getMany', options);
    const eventual = isEventual(options);
    const limitMs = this.#freshness.limitOf(options);
    const found = new Map<string, V>();
    const misses: string[] = [];
    const asked = new Set<string>(keys);
    for (const key of asked) {
      const answer = this.#l1Reader.read(key, limitMs);
      if (answer === undefined) {
        misses.push(this.#checkKey(key));
        continue;
      }
      this.#countHit(key);
      if (answer.value !== undefined) found.set(key, answer.value as V);
    }
    for (const key of misses) this.#countMiss(key);
    if (misses.length === 0) return found;
    return this.#readMissing(misses, found, eventual ? 'eventual' : this.#freshness.notBefore(limitMs), options);
  }

  async getOrLoad(key: string, load: Load<V>, options?: LoadOptions): Promise<V | undefined> {
    this.#checkKey(key);
    checkCallOptions(this.name, 'getOrLoad', options);
    if (typeof load !== 'function') throw invalidOption(`cache ${this.name}: getOrLoad: load`, 'a function', load);
    const lease = oneOf('lease', options?.lease ?? true, [true, false]);
    const expiresIn = options?.expiresIn;
    if (!lease && expiresIn === undefined)
      throw invalidOption(
        'expiresIn',
        'a duration, since a load without a lease can bring back what was deleted,',
        undefined,
      );
    expiryOf(expiresIn, 0);
    this.#parts.writer.noteLoads();
    const limitMs = this.#freshness.limitOf(options);
    const answer = this.#l1Reader.read(key, limitMs);
    if (answer?.value !== undefined) {
      this.#countHit(key);
      return answer.value as V;
    }
    const { clock, definition, reader, loader, adder } = this.#parts;
    const expiresAt = (): number | null => expiryOf(expiresIn, clock.now());
    return this.#deadline('getOrLoad', options, definition.loadTimeoutMs, async () => {
      this.#countMiss(key);
      const present = await reader.read(key, this.#freshness.notBefore(limitMs));
      if (present !== undefined) return this.#given(present);
      const isLeased = lease || expiresIn === undefined;
      return this.#given(await (isLeased ? loader.load(key, load, expiresAt) : adder.load(key, load, expiresIn)));
    });
  }

  put(key: string, value: V, options?: PutOptions): Promise<WriteReceipt> {
    return this.#checked('put', key, options, () => this.#parts.writer.put(key, value, options));
  }

  putIfAbsent(key: string, value: V, options?: PutIfAbsentOptions): Promise<WriteReceipt> {
    return this.#checked('putIfAbsent', key, options, () => this.#parts.writer.putIfAbsent(key, value, options));
  }

  async putMany(entries: Iterable<readonly [string, V]>, options?: PutIfAbsentOptions): Promise<WriteOutcomes> {
    const where = `cache ${this.name}: putMany`;
    checkCallOptions(this.name, 'putMany', options);
    const byKey = new Map<string, unknown>();
    for (const [key, value] of pairsOf(where, entries)) {
      if (byKey.has(this.#checkKey(key))) throw invalidOption(where, 'each key once', 'a key that is given twice');
      byKey.set(key, value);
    }
    return this.#parts.writer.putMany(byKey, options);
  }

  delete(key: string, options?: CallOptions): Promise<WriteReceipt> {
    return this.#checked('delete', key, options, () => this.#parts.writer.delete(key, options));
  }

  async invalidate(keys: readonly string[], options?: InvalidateOptions): Promise<void> {
    if (!Array.isArray(keys)) throw invalidOption(`cache ${this.name}: invalidate`, 'an array of keys', keys);
    checkCallOptions(this.name, 'invalidate', options);
    const distinct = [...new Set<string>(keys)].map((key) => this.#checkKey(key));
    return this.#parts.writer.invalidate(distinct, options);
  }

  localPut(key: string, value: V): void {
    this.#checkKey(key);
    const { codec, holder, clock } = this.#parts;
    const encoded = codec.encode(value);
    this.#coherence.localPut(key, holder.ofValue(encoded.value, encoded.payload, encoded.codec), clock.now());
  }

  localDelete(key: string): boolean {
    return this.#coherence.localDelete(this.#checkKey(key));
  }

  async whenVisible(token: VersionToken, options?: CallOptions): Promise<Visible> {
    checkCallOptions(this.name, 'whenVisible', options);
    const parts = this.#freshness.tokenOf(token);
    const { visibility } = this.#parts;
    if (visibility === undefined) throw unavailable('the fast lane is off in this pod');
    const timeoutMs = options?.timeout === undefined ? visibleTimeoutMs : parseDuration(options.timeout, 'timeout');
    return visibility.whenVisible(token, parts, { timeoutMs, signal: options?.signal });
  }

  on<E extends keyof CacheEvents<V>>(event: E, listener: (payload: CacheEvents<V>[E]) => void): () => void {
    oneOf<string>('event', event, ['change', 'flush', 'staleness']);
    if (typeof listener !== 'function') throw invalidOption('listener', 'a function', listener);
    return this.#parts.listeners.add(event, listener as (payload: CacheEvents<unknown>[E]) => void);
  }

  staleness(): number {
    const watermark = this.#parts.watermark();
    return watermark === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#parts.clock.now() - watermark);
  }

  inspect(key: string): Inspection {
    const partition = this.#parts.partitionOf(this.#checkKey(key));
    return inspectionOf(this.#coherence.peek(key), partition, this.#coherence.isInFlight(key));
  }

  ambiguousWrites(): readonly AmbiguousWrite[] {
    return this.#parts.ambiguous.list;
  }

  stats(): CacheStats & { readonly entries: number; readonly bytes: number } {
    const hits = this.#hitsAhead - this.#hitsLeft;
    return { ...this.#stats, hits, rules: [...this.#stats.rules], entries: this.#l1.entries, bytes: this.#l1.bytes };
  }

  hotKeys(max = 20): HotKeyReport {
    if (this.#hotKeys.wake()) {
      this.#hitsAhead -= this.#hitsLeft - 1;
      this.#hitsLeft = 1;
    }
    return this.#hotKeys.report(max);
  }

  warmUp(): WarmUpProgress {
    return this.#parts.warmUp();
  }

  /** Whether the cache has a `maxStaleness` of its own or of its Tidemark. */
  get isBounded(): boolean {
    return !this.#isUnbounded;
  }

  /** Looks whether the watermark is behind `maxStaleness`; tells listeners when that has changed. Called each second. */
  watchStaleness(): void {
    this.#stalenessWatch.look(this.staleness());
  }

  /** Hits are counted down to the next one that is a sample, so that sampling costs nothing besides. */
  #countHit(key: string): void {
    this.#hitsLeft -= 1;
    if (this.#hitsLeft === 0) this.#sampleHit(key);
  }

  #sampleHit(key: string): void {
    this.#hitsLeft = this.#hotKeys.hit(key);
    this.#hitsAhead += this.#hitsLeft;
  }

  #countMiss(key: string): void {
    this.#stats.misses += 1;
    this.#hotKeys.miss(key);
  }

  /** A hit that is not plain, or none. */
  #present(key: string, used: number): V | undefined {
    const answer = this.#l1Reader.answer(key, used, this.#maxStalenessMs);
    if (answer === undefined) this.#countMiss(key);
    else this.#countHit(key);
    return answer?.value as V | undefined;
  }

  /** A get that hits by more than a lookup, or misses. */
  async #getBounded(key: string, used: number): Promise<V | undefined> {
    const answer = this.#l1Reader.answer(key, used, this.#maxStalenessMs);
    if (answer === undefined) return this.#miss(key, undefined, this.#freshness.notBefore(this.#maxStalenessMs));
    this.#countHit(key);
    return answer.value as V | undefined;
  }

  /** A get with options of its own. */
  async #getWith(key: string, options: GetOptions): Promise<V | undefined> {
    checkCallOptions(this.name, 'get', options);
    const eventual = isEventual(options);
    const limitMs = this.#freshness.limitOf(options);
    const token = options.atLeast === undefined ? undefined : this.#freshness.tokenOf(options.atLeast, key);
    const answer = this.#l1Reader.read(key, limitMs, token);
    if (answer !== undefined) {
      this.#countHit(key);
      return answer.value as V | undefined;
    }
    if (eventual) return this.#miss(key, options, 'eventual');
    const notBefore =
      token === undefined || this.#freshness.hasSeen(token) ? this.#freshness.notBefore(limitMs) : Infinity;
    return this.#miss(key, options, notBefore);
  }

  async #miss(key: string, options: GetOptions | undefined, notBefore: ReadStart): Promise<V | undefined> {
    this.#checkKey(key);
    this.#countMiss(key);
    try {
      return await this.#deadline('get', options, this.#parts.definition.readTimeoutMs, async () =>
        this.#given(await this.#read(key, notBefore)),
      );
    } catch (error) {
      const answer = this.#grace.answer(key, error, options);
      if (answer === undefined) throw error;
      return answer.value as V | undefined;
    }
  }

  /** What was found in time is never lost: it is in the error. */
  async #readMissing(
    misses: readonly string[],
    found: Map<string, V>,
    notBefore: ReadStart,
    options: LookUpOptions | undefined,
  ): Promise<ReadonlyMap<string, V>> {
    const asked = found.size + misses.length;
    const missing = new Set(misses);
    let cause: unknown;
    const settle = async (key: string, read: Promise<unknown>): Promise<void> => {
      try {
        const value = await read;
        missing.delete(key);
        if (value !== undefined) found.set(key, this.#given(value) as V);
      } catch (error) {
        if (cause === undefined || (isTidemarkError(error) && !error.retriable)) cause = error;
      }
    };
    try {
      await this.#deadline('getMany', options, this.#parts.definition.readTimeoutMs, async (signal) => {
        for (let at = 0; at < misses.length && !signal.aborted; at += readsAtOnceMax) {
          const reads = this.#readMany(misses.slice(at, at + readsAtOnceMax), notBefore);
          await Promise.all([...reads].map(([key, read]) => settle(key, read)));
        }
      });
    } catch (error) {
      if (!isTidemarkError(error) || !error.retriable) throw error;
      cause ??= error;
    }
    for (const key of missing) {
      const answer = this.#grace.answer(key, cause, options);
      if (answer !== undefined) missing.delete(key);
      if (answer?.value !== undefined) found.set(key, answer.value as V);
    }
    if (missing.size > 0)
      throw new PartialReadError({ cache: this.name, asked, found: new Map(found), missing: [...missing], cause });
    return found;
  }

  #read(key: string, notBefore: ReadStart): Promise<unknown> {
    return notBefore === 'eventual' ? this.#parts.reader.readEventually(key) : this.#parts.reader.read(key, notBefore);
  }

  #readMany(keys: readonly string[], notBefore: ReadStart): ReadonlyMap<string, Promise<unknown>> {
    if (notBefore !== 'eventual') return this.#parts.reader.readMany(keys, notBefore);
    return new Map(keys.map((key) => [key, this.#parts.reader.readEventually(key)]));
  }

  /** Callers of one read share its value, unless each is to get a copy. */
  #given(value: unknown): V | undefined {
    return this.#parts.holder.give(value) as V | undefined;
  }

  #deadline<T>(
    operation: string,
    options: CallOptions | undefined,
    defaultMs: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#parts;
    const timeoutMs = options?.timeout === undefined ? defaultMs : parseDuration(options.timeout, 'timeout');
    return withDeadline(
      { clock, timeoutMs, what: `${operation} in cache ${this.name}`, signal: options?.signal },
      work,
    );
  }

  async #checked<T>(
    operation: 'put' | 'putIfAbsent' | 'delete',
    key: string,
    options: CallOptions | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    this.#checkKey(key);
    checkCallOptions(this.name, operation, options);
    return work();
  }

  #checkKey(key: string): string {
    if (this.#parts.isClosed()) throw new TidemarkError('CLOSED', `cache ${this.name} is closed`, { retriable: false });
    const problem = keyProblem(this.name, key);
    if (problem === undefined) return key;
    const context = { cache: this.name };
    throw new TidemarkError('INVALID_KEY', `cache ${this.name}: key: ${problem}`, { retriable: false, context });
  }
}
