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
    ...row('failover-hit-ratio'),
    what: 'hit ratio of a region’s pods in the first minute in which they serve another region’s callers besides their own, as a share of what both regions had before',
    note: `With \`warmUp: { strategy: 'hot-keys', standbyFor: [lost region] }\`. In virtual time on the backend in memory: two regions of ${pods} pods, ${readsPerSecond} reads a second and pod. The callers of each region ask for ${keys.toLocaleString('en')} items of their own by Zipf, the worst case of a fail-over; all items are in the L2 of both,
and L1 could hold them all.`,
    whyBehind: 'what the other region’s callers asked for since its last list is a miss',
    tidemark: (plan) => failOver(plan, false),
  },
  {
    ...row('failover-hit-ratio-new-pods'),
    what: "the same where as many pods are added for the other region’s callers, with `warmUp: { strategy: 'hot-keys', from: [lost region] }`",
    note: 'The list of keys comes by the replication of the table, values from the region’s own L2; pods take calls once they have started.',
    whyBehind: 'the list names what the other region’s pods read most and last, as of its last publication',
    tidemark: (plan) => failOver(plan, true),
  },
];

function row(name: string): Omit<BenchRow, 'what' | 'tidemark'> {
  return {
    ...{ name, unit: 'of the steady ratio', lowerIsBetter: false, isExact: true, isSlow: true },
    goal: { compared: 'figure', rule: 'at least', bound: 0.99 },
  };
}

/** The calls of one region: which keys its callers ask for. */
interface Traffic {
  readonly next: () => string;
}

async function failOver({ quick }: Plan, newPods: boolean): Promise<number> {
  const clock = new ManualClock();
  const lostRegion = new VirtualRegion(clock, 'lost');
  const keptRegion = new VirtualRegion(clock, 'kept', lostRegion);
  const tuning = { maxEntries: 2 * keys, maxSize: '64mb' } as const;
  const warmUp = { strategy: 'hot-keys', publishEvery: '1m' } as const;
  const lost = await lostRegion.startPods(pods, { ...tuning, warmUp });
  const kept = await keptRegion.startPods(pods, {
    ...tuning,
    ...(newPods ? {} : { warmUp: { ...warmUp, standbyFor: ['lost'] } }),
  });
  const [ofLost, ofKept] = [trafficOf('lost', 19), trafficOf('kept', 23)];
  const before: Load = [
    [lost, [ofLost]],
    [kept, [ofKept]],
  ];
  await serve(clock, (quick ? 5 : 15) * minuteMs, before);
  const steady = await serve(clock, minuteMs, before);
  const added = newPods ? await keptRegion.startPods(pods, { ...tuning, warmUp: { ...warmUp, from: ['lost'] } }) : [];
  const after: Load = newPods
    ? [
        [added, [ofLost]],
        [kept, [ofKept]],
      ]
    : [[kept, [ofLost, ofKept]]];
  const first = await serve(clock, minuteMs, after);
  for (const region of [lostRegion, keptRegion]) await region.close();
  return first / steady;
}

type Load = readonly (readonly [readonly Cache<Small>[], readonly Traffic[]])[];

/** Every pod of a list serves its share of each traffic for so long; the hit ratio of all. */
async function serve(clock: ManualClock, ms: number, load: Load): Promise<number> {
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
