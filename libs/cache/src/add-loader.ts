import { type Clock, type Duration, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type CacheStats } from './cache-stats.js';
import { type CacheWriter } from './cache-writer.js';
import { type Coherence } from './coherence.js';
import { type Fence } from './fences.js';
import { type L2Reader } from './l2-reader.js';
import { type Load } from './lease-loader.js';
import { type ValueCodec } from './value-codec.js';

export interface AddLoaderOptions {
  readonly writer: Pick<CacheWriter, 'putIfAbsent'>;
  readonly reader: Pick<L2Reader, 'read'>;
  readonly coherence: Coherence;
  readonly codec: ValueCodec;
  readonly cache: string;
  readonly clock: Clock;
  readonly stats: CacheStats;
  /** Time a whole load may take, ms. */
  readonly loadTimeoutMs: number;
  /** Keys loaded at once; a further one fails with `QUEUE_FULL`. Default 1,000. */
  readonly loadsMax?: number;
}

interface Flight {
  readonly fence: Fence;
  readonly value: Promise<unknown>;
}

/**
 * Loads a value without a lease and adds it where nothing stands: of several pods each loads, and what was deleted meanwhile can come back.
 * Callers of one key in this pod share a load as long as nothing has happened to the key; one that ends too late adds nothing.
 */
export class AddLoader {
  readonly #options: AddLoaderOptions;
  readonly #flights = new Map<string, Flight>();
  #loads = 0;

  constructor(options: AddLoaderOptions) {
    this.#options = options;
  }

  load<V>(key: string, load: Load<V>, expiresIn: Duration): Promise<V | undefined> {
    const { coherence, clock, cache, loadTimeoutMs, loadsMax = 1_000 } = this.#options;
    const current = this.#flights.get(key);
    if (current !== undefined && coherence.joinable(current.fence)) return current.value as Promise<V | undefined>;
    if (this.#loads >= loadsMax)
      return Promise.reject(
        new TidemarkError('QUEUE_FULL', `${this.#loads} loads are in hand already`, { retriable: true }),
      );
    this.#loads += 1;
    const fence = coherence.beginFill(key);
    const what = `load in cache ${cache}`;
    const value = withDeadline({ clock, timeoutMs: loadTimeoutMs, what }, (signal) =>
      this.#run(key, load, expiresIn, signal),
    ).finally(() => {
      this.#loads -= 1;
      coherence.abandonFill(fence);
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight = { fence, value };
    this.#flights.set(key, flight);
    return value as Promise<V | undefined>;
  }

  async #run<V>(key: string, load: Load<V>, expiresIn: Duration, signal: AbortSignal): Promise<unknown> {
    const { writer, reader } = this.#options;
    const loaded = await this.#load(key, load, signal);
    if (loaded === undefined) return undefined;
    signal.throwIfAborted();
    const receipt = await writer.putIfAbsent(key, loaded.value, { expiresIn });
    return receipt.applied ? loaded.value : reader.read(key, Infinity);
  }

  /** As a reader of what is stored would get it; `undefined`: there is none. */
  async #load<V>(key: string, load: Load<V>, signal: AbortSignal): Promise<{ readonly value: unknown } | undefined> {
    const { codec, stats } = this.#options;
    try {
      stats.loads += 1;
      const value = await load(key, { signal });
      return value === undefined ? undefined : { value: codec.encode(value).value };
    } catch (error) {
      stats.loadErrors += 1;
      throw error;
    }
  }
}
