import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type Freshness } from './freshness.js';
import { type Holder, PackedValue } from './holder.js';
import { aside, none } from './l1/columns.js';
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
    return this.answer(key, this.#options.l1.use(key), limitMs, token);
  }

  /** `used`: what the use of the key gave. */
  answer(key: string, used: number, limitMs: number, token?: TokenParts): Answer | undefined {
    const { l1, freshness, holder } = this.#options;
    const slot = used < none ? aside(used) : used;
    if (slot === none || !freshness.isFresh(key, slot, limitMs)) return undefined;
    if (token !== undefined && !freshness.isAtLeast(slot, token)) return undefined;
    const value = l1.valueAt(slot);
    if (value instanceof PackedValue) return this.#unpacked(key, value);
    return { value: holder.give(value) };
  }

  /** One that cannot be decoded is dropped: the read of L2 that follows says why. */
  #unpacked(key: string, packed: PackedValue): Answer | undefined {
    const { coherence, holder, stats } = this.#options;
    try {
      const held = holder.unpack(packed);
      if (!holder.keepsUnpacked) return held;
      coherence.reshape(key, held);
      return { value: holder.give(held.value) };
    } catch {
      stats.undecodable += 1;
      coherence.invalidate(key);
      return undefined;
    }
  }
}
