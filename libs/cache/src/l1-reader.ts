import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type Entry } from './entry.js';
import { type Freshness } from './freshness.js';
import { type Holder, PackedValue } from './holder.js';
import { type L1 } from './l1/l1.js';
import { type TokenParts } from './version-token.js';

export interface L1ReaderOptions {
  readonly l1: L1;
  readonly coherence: Coherence;
  readonly freshness: Freshness;
  readonly holder: Holder;
  readonly stats: CacheStats;
}

/** What L1 has to say of a key; `value` `undefined`: that there is none. */
export interface Answer {
  readonly value: unknown;
}

/** Hits that take more than a lookup: within bounds, of values that expire, that are packed, or of which each caller gets a copy. */
export class L1Reader {
  readonly #options: L1ReaderOptions;

  constructor(options: L1ReaderOptions) {
    this.#options = options;
  }

  /** `undefined`: L1 has no entry that is right enough, or none that can be decoded. `limitMs`: see `Freshness`. */
  read(key: string, limitMs: number, token?: TokenParts): Answer | undefined {
    const entry = this.#options.l1.get(key);
    return entry === undefined ? undefined : this.answer(key, entry, limitMs, token);
  }

  answer(key: string, entry: Entry, limitMs: number, token?: TokenParts): Answer | undefined {
    const { freshness, holder } = this.#options;
    if (!freshness.isFresh(key, entry, limitMs)) return undefined;
    if (token !== undefined && !freshness.isAtLeast(entry, token)) return undefined;
    if (entry.value instanceof PackedValue) return this.#unpacked(key, entry, entry.value);
    return { value: holder.give(entry.value) };
  }

  /** One that cannot be decoded is dropped: the read of L2 that follows says why. */
  #unpacked(key: string, entry: Entry, packed: PackedValue): Answer | undefined {
    const { coherence, holder, stats } = this.#options;
    try {
      const held = holder.unpack(packed);
      if (!holder.keepsUnpacked) return held;
      coherence.reshape(key, entry, held);
      return { value: holder.give(held.value) };
    } catch {
      stats.undecodable += 1;
      coherence.invalidate(key);
      return undefined;
    }
  }
}
