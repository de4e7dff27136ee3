import { itemKeyOf } from '@tidemark/protocol';
import { type Clock, parseDurationOrZero, TidemarkError } from '@tidemark/runtime';
import { type CacheStats } from './cache-stats.js';
import { type ReadOptions } from './cache.js';
import { type Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { type L1 } from './l1/l1.js';
import { decodeToken, invalidToken, type TokenParts, type VersionToken } from './version-token.js';

export interface FreshnessOptions {
  readonly definition: CacheDefinition;
  readonly region: string;
  readonly l1: L1;
  readonly coherence: Coherence;
  readonly stats: CacheStats;
  readonly clock: Clock;
  /** Of the cache, ms; `Infinity`: none. */
  readonly maxStalenessMs: number;
  /** Of a partition, ms since the epoch; 0 before the first. */
  readonly watermarkOf: (partition: number) => number;
}

/** Clocks are wrong by less than half of this; so far apart, what two of them say orders two moments, ms. */
const clockSkewMs = 5_000;

/** How fresh an entry is, and how fresh a caller wants it: by `maxStaleness`, by the item's expiry, by a token. */
export class Freshness {
  readonly #options: FreshnessOptions;

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /** What a call asks for, ms. Throws `INVALID_OPTIONS`. */
  limitOf(options: ReadOptions | undefined): number {
    const text = options?.maxStaleness;
    return text === undefined ? this.#options.maxStalenessMs : parseDurationOrZero(text, 'maxStaleness');
  }

  /** Whether the slot’s entry has not expired, and something proves that it was right `limitMs` ago. Forgets one that has expired. */
  isFresh(key: string, slot: number, limitMs: number): boolean {
    const { l1, clock, coherence, stats, watermarkOf } = this.#options;
    const expiresAt = l1.expiryAt(slot);
    if (expiresAt === 0 && limitMs === Infinity) return true;
    const now = clock.now();
    if (expiresAt !== 0 && expiresAt * 1_000 <= now) {
      coherence.expire(key);
      return false;
    }
    if (limitMs === Infinity) return true;
    const provenAt = Math.max(l1.readTimeAt(slot), watermarkOf(l1.partitionAt(slot)));
    if (now - provenAt <= limitMs && limitMs > 0) return true;
    stats.staleMisses += 1;
    return false;
  }

  isAtLeast(slot: number, token: TokenParts): boolean {
    const { l1 } = this.#options;
    if (token.writeId !== null && l1.writeIdAt(slot) === token.writeId) return true;
    return this.hasSeen(token) || l1.readTimeAt(slot) >= token.at + clockSkewMs;
  }

  hasSeen({ writeId }: TokenParts): boolean {
    return writeId !== null && this.#options.coherence.hasSeen(writeId);
  }

  /** When a read of L2 must have begun for its answer to be fresh enough, ms since the epoch; `Infinity`: now. */
  notBefore(limitMs: number): number {
    if (limitMs === Infinity) return 0;
    return limitMs === 0 ? Infinity : this.#options.clock.now() - limitMs;
  }

  /** A token of this cache (and of `key`), from this region. Throws `INVALID_TOKEN` and `WRONG_REGION`. */
  tokenOf(token: VersionToken, key?: string): TokenParts {
    const { definition, region } = this.#options;
    const parts = decodeToken(token);
    const expected = itemKeyOf(definition.name, key ?? '');
    const fits = key === undefined ? parts.itemKey.startsWith(expected) : parts.itemKey === expected;
    if (parts.table !== definition.table || !fits)
      throw invalidToken(`expected a token of ${key === undefined ? 'this cache' : 'this key'}, got another’s`);
    if (parts.region === region) return parts;
    throw new TidemarkError('WRONG_REGION', `the token is of region ${parts.region}, this pod reads ${region}`, {
      retriable: false,
      context: { tokenRegion: parts.region, region },
    });
  }
}
