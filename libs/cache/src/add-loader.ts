import { type Duration } from '@tidemark/runtime';
import { type CacheStats } from './cache-stats.js';
import { type CacheWriter } from './cache-writer.js';
import { type L2Reader } from './l2-reader.js';
import { type Load } from './lease-loader.js';
import { type LoadFlights, untilAborted } from './load-flights.js';
import { type ValueCodec } from './value-codec.js';

export interface AddLoaderOptions {
  readonly writer: Pick<CacheWriter, 'putIfAbsent'>;
  readonly reader: Pick<L2Reader, 'read'>;
  readonly codec: ValueCodec;
  readonly stats: CacheStats;
  readonly flights: LoadFlights;
}

/**
 * Loads a value without a lease and adds it where nothing stands: of several pods each loads, and what was deleted meanwhile can come back.
 * Callers of one key in this pod share a load as long as nothing has happened to the key; one that ends too late adds nothing.
 */
export class AddLoader {
  readonly #options: AddLoaderOptions;

  constructor(options: AddLoaderOptions) {
    this.#options = options;
  }

  load<V>(key: string, load: Load<V>, expiresIn: Duration): Promise<V | undefined> {
    return this.#options.flights.load(key, (_fence, signal) => this.#run(key, load, expiresIn, signal));
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
      const value = await untilAborted(signal, () => load(key, { signal }));
      return value === undefined ? undefined : { value: codec.encode(value).value };
    } catch (error) {
      stats.loadErrors += 1;
      throw error;
    }
  }
}
