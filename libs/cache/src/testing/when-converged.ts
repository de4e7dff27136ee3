import { type Clock, systemClock, wait } from '@tidemark/runtime';
import { isDeepStrictEqual } from 'node:util';
import { type Cache } from '../cache.js';

export interface WhenConvergedOptions<V> {
  /** The pods' caches that are to agree with L2. */
  readonly caches: readonly Cache<V>[];
  readonly keys: readonly string[];
  /** The same cache in one more pod, which is asked for what L2 holds; its own L1 does not matter. */
  readonly witness: Cache<V>;
  /** Ms; default 10,000. */
  readonly timeoutMs?: number;
  /** Between two looks, ms; default 10. */
  readonly intervalMs?: number;
  readonly clock?: Clock;
}

/** Resolves when every cache holds L2's value of every key, or nothing; rejects after the time-out naming what differs. For tests, once writes have stopped. */
export async function whenConverged<V>(options: WhenConvergedOptions<V>): Promise<void> {
  const { clock = systemClock, timeoutMs = 10_000, intervalMs = 10 } = options;
  const endMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const differing = await divergence(options);
    if (differing.length === 0) return;
    if (clock.monotonicMs() >= endMs)
      throw new Error(`not converged after ${timeoutMs} ms: ${differing.slice(0, 10).join(', ')}`);
    await wait(clock, intervalMs);
  }
}

/** `<key> in cache <index>`, for each entry that is not what L2 holds. */
async function divergence<V>({ caches, keys, witness }: WhenConvergedOptions<V>): Promise<readonly string[]> {
  const truth = await witness.getMany(keys, { maxStaleness: '0ms' });
  return caches.flatMap((cache, index) =>
    keys
      .filter((key) => {
        const { state } = cache.inspect(key);
        if (state === 'none') return false;
        return state === 'absent' ? truth.has(key) : !isDeepStrictEqual(cache.getIfPresent(key), truth.get(key));
      })
      .map((key) => `${key} in cache ${index}`),
  );
}
