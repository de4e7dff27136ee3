import { type Cache } from '@tidemark/cache';
import { ManualClock } from '@tidemark/runtime/testing';
import { type BenchRow, type Plan } from '../row.js';
import { seeded } from '../seeded.js';
import { zipf } from '../traces.js';
import { type Small, VirtualRegion } from '../virtual-region.js';
import { keysOf } from '../workload.js';

const pods = 4;
const keys = 20_000;
/** Of each region's traffic, for each of its pods. */
const readsPerSecond = 500;
const tickMs = 100;
const minuteMs = 60_000;

/** A region is lost, and the other one serves its callers. */
export const failoverRows: readonly BenchRow[] = [
  {
    name: 'failover-hit-ratio',
    what: 'hit ratio of a region’s pods in the first minute in which they serve another region’s callers besides their own, as a share of what both regions had before',
    goal: { compared: 'figure', rule: 'at least', bound: 0.99 },
    unit: 'of the steady ratio',
    lowerIsBetter: false,
    isExact: true,
    isSlow: true,
    note: `In virtual time on the backend in memory: two regions of ${pods} pods, ${readsPerSecond} reads a second and pod. The callers of each region ask for ${keys.toLocaleString('en')} items of their own by Zipf, the worst case of a fail-over; all items are in the L2 of both,
and L1 could hold them all.`,
    whyBehind:
      'a pod holds what its own callers asked for: no pod is told yet what is hot in another region, so that the first read of each such key is a miss',
    tidemark: failOver,
  },
];

/** The calls of one region: which keys its callers ask for. */
interface Traffic {
  readonly next: () => string;
}

async function failOver({ quick }: Plan): Promise<number> {
  const clock = new ManualClock();
  const regions = [new VirtualRegion(clock, 'lost'), new VirtualRegion(clock, 'kept')];
  const [lost = [], kept = []] = await Promise.all(
    regions.map((region) => region.startPods(pods, { maxEntries: 2 * keys, maxSize: '64mb' })),
  );
  const [ofLost, ofKept] = [trafficOf('lost', 19), trafficOf('kept', 23)];
  const settleMs = (quick ? 5 : 15) * minuteMs;
  await serve(clock, settleMs, [
    [lost, [ofLost]],
    [kept, [ofKept]],
  ]);
  const steady = await serve(clock, minuteMs, [
    [lost, [ofLost]],
    [kept, [ofKept]],
  ]);
  const first = await serve(clock, minuteMs, [[kept, [ofLost, ofKept]]]);
  for (const region of regions) await region.close();
  return first / steady;
}

/** Every pod of a list serves its share of each traffic for so long; the hit ratio of all. */
async function serve(
  clock: ManualClock,
  ms: number,
  load: readonly (readonly [readonly Cache<Small>[], readonly Traffic[]])[],
): Promise<number> {
  let hits = 0;
  let reads = 0;
  for (let at = 0; at < ms; at += tickMs) {
    for (const [caches, traffics] of load)
      for (const cache of caches)
        for (const { next } of traffics)
          for (let n = 0; n < (readsPerSecond * tickMs) / 1_000; n += 1) {
            const key = next();
            reads += 1;
            if (cache.getIfPresent(key) !== undefined) hits += 1;
            else void cache.get(key);
          }
    await clock.advance(tickMs);
  }
  return hits / reads;
}

/** Of items that no other region's callers ask for. */
function trafficOf(home: string, seed: number): Traffic {
  const names = keysOf(keys).map((key) => Buffer.from(`${home}:${key}`).toString());
  const rank = zipf(keys, 0.99, seeded(seed));
  return { next: () => names[rank()] ?? '' };
}
