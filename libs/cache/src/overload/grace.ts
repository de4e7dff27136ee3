import { type CacheStats } from '../cache-stats.js';
import { type GetOptions } from '../cache.js';
import { type Answer, type L1Reader } from '../l1-reader.js';
import { isOverload } from './overload-error.js';

export interface GraceOptions {
  readonly l1Reader: L1Reader;
  readonly stats: CacheStats;
  /** Of the cache, ms. */
  readonly maxStalenessMs: number;
  /** How much older an entry may be while L2 fails, ms; `undefined`: none is served then. */
  readonly graceMs: number | undefined;
}

/**
 * What L1 still has, when L2 has failed. Never what has expired, nor for calls that say themselves how fresh it must be: those get the failure.
 */
export class Grace {
  readonly #options: GraceOptions;

  constructor(options: GraceOptions) {
    this.#options = options;
  }

  /** `undefined`: the failure stands. */
  answer(key: string, error: unknown, options: GetOptions | undefined): Answer | undefined {
    const { l1Reader, stats, maxStalenessMs, graceMs } = this.#options;
    if (graceMs === undefined || !isOverload(error)) return undefined;
    if (options?.atLeast !== undefined || options?.maxStaleness !== undefined) return undefined;
    const answer = l1Reader.read(key, maxStalenessMs + graceMs);
    if (answer !== undefined) stats.graceHits += 1;
    return answer;
  }
}
