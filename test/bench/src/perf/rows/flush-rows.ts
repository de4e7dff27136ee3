import { type Cache } from '@tidemark/cache';
import { ManualClock } from '@tidemark/runtime/testing';
import { type BenchRow, type Plan } from '../row.js';
import { seeded } from '../seeded.js';
import { type Small, VirtualRegion } from '../virtual-region.js';
import { keysOf } from '../workload.js';

const pods = 8;
const keysPerSecond = 20_000;
const recoveredRatio = 0.99;
/** Of each pod; so many that it always has something to wait for. */
const readsInFlight = 512;
/** As many as keep the budget busy until two in a hundred keys are missing. */
const lookupsPerSecond = (50 * keysPerSecond) / pods;
const tickMs = 10;
const windowTicks = 50;
/** Lookups of a tick and pod that count for the hit ratio; the others are made as far as they find something to read. */
const sampled = 200;

const common = {
  goal: { compared: 'figure', rule: 'at most', bound: 1.05 },
  lowerIsBetter: true,
  isExact: true,
  isSlow: true,
} as const;

/** All L1s of a region are flushed at once, with `overload.readsPerSecond` set. */
export const flushRows: readonly BenchRow[] = [
  {
    ...common,
    name: 'flush-100k-8-pods',
    what: `keys that reach L2 in a second after a flush of 100,000 keys in ${pods} pods, as a share of \`overload.readsPerSecond\` (${keysPerSecond.toLocaleString('en')}), from the flush until the hit ratio is ${recoveredRatio} again`,
    unit: 'of the rate',
    note: `In virtual time on the backend in memory, whose answers take none: keys looked up at random, ${readsInFlight} reads of each pod under way or waiting. A pod may save up a quarter of a second's
share, so that a single second may have 1.25 of it. Pods learn from their reports how many share the rate.`,
    tidemark: async (plan) => {
      const { keysRead, recoveredMs } = await recover(plan);
      return keysRead / (recoveredMs / 1_000) / keysPerSecond;
    },
  },
  {
    ...common,
    name: 'flush-100k-8-pods-recovery',
    what: `time from that flush until half a second has a hit ratio of ${recoveredRatio}, as a multiple of what the rate implies: ${recoveredRatio} × keys × pods / rate`,
    unit: 'of the time implied',
    tidemark: async (plan) => {
      const { keys, recoveredMs } = await recover(plan);
      return recoveredMs / 1_000 / ((recoveredRatio * keys * pods) / keysPerSecond);
    },
  },
];

interface Recovery {
  readonly keys: number;
  readonly keysRead: number;
  readonly recoveredMs: number;
}

async function recover({ quick }: Plan): Promise<Recovery> {
  const names = keysOf(quick ? 20_000 : 100_000);
  const clock = new ManualClock();
  const region = new VirtualRegion(clock);
  const tuning = { maxEntries: names.length, maxSize: '512mb' } as const;
  const caches = await region.startPods(pods, tuning, { overload: { readsPerSecond: keysPerSecond } });
  for (const cache of caches) for (const key of names) cache.localPut(key, { id: 0 });
  await clock.advance(5_000);
  region.flush();
  await clock.advance(1);
  if (caches.some((cache) => cache.stats().entries > 0)) throw new Error('the flush has not reached every pod');
  const recoveredMs = await untilRecovered(clock, caches, names);
  const { keysRead } = region;
  await region.close();
  return { keys: names.length, keysRead, recoveredMs };
}

/** Looks keys up until a window has the ratio; ms. */
async function untilRecovered(
  clock: ManualClock,
  caches: readonly Cache<Small>[],
  names: readonly string[],
): Promise<number> {
  const random = seeded(11);
  const waiting = caches.map(() => new Set<string>());
  const beganMs = clock.monotonicMs();
  const hits: number[] = [];
  const lookups = (lookupsPerSecond * tickMs) / 1_000;
  for (let tick = 0; tick < 1_000_000; tick += 1) {
    let hitsOfTick = 0;
    for (const [pod, cache] of caches.entries())
      hitsOfTick += lookUp(
        cache,
        waiting[pod] ?? new Set(),
        lookups,
        () => names[Math.floor(random() * names.length)] ?? '',
      );
    hits.push(hitsOfTick);
    await clock.advance(tickMs);
    const inWindow = hits.slice(-windowTicks).reduce((sum, each) => sum + each, 0);
    if (inWindow >= recoveredRatio * windowTicks * sampled * caches.length) return clock.monotonicMs() - beganMs;
  }
  throw new Error('the hit ratio did not recover');
}

/** Hits of the sample. A miss is read where a read may begin, and is nothing but a miss otherwise. */
function lookUp(cache: Cache<Small>, waiting: Set<string>, lookups: number, next: () => string): number {
  let hits = 0;
  for (let n = 0; n < lookups && (n < sampled || waiting.size < readsInFlight); n += 1) {
    const key = next();
    if (cache.getIfPresent(key) !== undefined) hits += n < sampled ? 1 : 0;
    else if (waiting.size < readsInFlight && !waiting.has(key)) {
      waiting.add(key);
      void cache
        .get(key)
        .catch(() => undefined)
        .finally(() => waiting.delete(key));
    }
  }
  return hits;
}
