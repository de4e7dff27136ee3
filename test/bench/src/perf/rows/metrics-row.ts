import { type L1, newL1, none } from '@tidemark/cache/internals';
import { benchPod } from '../pod.js';
import { type BenchRow } from '../row.js';
import { nsEach } from '../timed.js';
import { keysOf, lookups, randomLookups, type User, userOf } from '../workload.js';

const keys = 1_000;

export const metricsRow: BenchRow = {
  name: 'hit-metrics-on-vs-off',
  what: '`getIfPresent` with its counters, beside the same steps over the same L1 without any',
  goal: { compared: 'ratio', rule: 'at least', bound: 0.9 },
  unit: 'ns CPU',
  lowerIsBetter: true,
  gateTolerance: 0.15,
  note: `Tidemark has no switch for its metrics: a hit adds one to a plain integer, which is read when somebody scrapes. So "off" is a copy of the hit path
that leaves the integer out. The row would show it if somebody put a labelled counter of a metrics library in its place.`,
  whyBehind: 'an addition costs about nothing; what is left is the noise of a run',
  tidemark: async (plan) => {
    const { cache } = benchPod({ maxEntries: keys * 2 });
    const names = keysOf(keys);
    for (const [id, key] of names.entries()) cache.localPut(key, userOf(id));
    return nsPerHit(plan, names, cache);
  },
  rival: {
    name: 'the same without counters',
    settings: 'the L1 that the product exports for checkers, behind a `getIfPresent` without a counter',
    measure: async (plan) => {
      const uncounted = new UncountedHits(keys * 2);
      const names = keysOf(keys);
      for (const [id, key] of names.entries()) uncounted.put(key, userOf(id));
      return nsPerHit(plan, names, uncounted);
    },
  },
};

class UncountedHits {
  readonly #l1: L1;
  readonly #isUnbounded: boolean = true;

  constructor(maxEntries: number) {
    this.#l1 = newL1({ eviction: 'lru', maxEntries, maxBytes: 64 * 1_024 * 1_024 });
  }

  put(key: string, value: User): void {
    const version = { writeId: null, stampUs: 0, expiresAt: 0, readAt: 0, partition: -1 };
    this.#l1.set(key, { value, isPlain: true, ...version, source: 'local' }, 1_000);
  }

  getIfPresent(key: string): User | undefined {
    const slot = this.#l1.use(key);
    if (slot > none && this.#isUnbounded) return this.#l1.valueAt(slot) as User | undefined;
    return undefined;
  }
}

function nsPerHit(
  plan: Parameters<BenchRow['tidemark']>[0],
  names: readonly string[],
  cache: { getIfPresent(key: string): User | undefined },
): Promise<number> {
  const asked = randomLookups(names);
  let at = 0;
  let sum = 0;
  return nsEach(plan, (times) => {
    for (let n = 0; n < times; n += 1) {
      at = (at + 1) & (lookups - 1);
      sum += cache.getIfPresent(asked[at] ?? '')?.id ?? Number.NaN;
    }
    if (Number.isNaN(sum)) throw new Error('a lookup that was to be a hit was a miss');
  });
}
