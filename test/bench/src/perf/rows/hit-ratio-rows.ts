import { type Eviction, newL1, none } from '@tidemark/cache/internals';
import { LRUCache } from 'lru-cache';
import { type BenchRow } from '../row.js';
import { mean } from '../statistics.js';
import { type Trace, traces } from '../traces.js';

/** Share of the keys that the cache can hold. */
const shares = [0.01, 0.1];

/** Requests to play, and about how many different keys they ask for. */
export interface Workload {
  readonly keys: number;
  readonly requests: number;
  /** The key of each next request. */
  readonly next: () => number;
}

/** Made in the process that plays it. */
export type MakeWorkload = (quick: boolean) => Workload;

/** Hit ratios on generated workloads, in percent; each is the mean over caches of 1 % and 10 % of the keys. */
export const hitRatioRows: readonly BenchRow[] = [
  {
    ...hitRatio('hit-ratio-mean', Object.values(traces).map(generated), 2),
    what: 'hit ratio of `s3-fifo` beside lru-cache, the mean of the workloads below',
  },
  ...Object.entries(traces).map(([name, trace]) => ({
    ...hitRatio(`hit-ratio-${name}`, [generated(trace)], -4),
    what: trace.what,
  })),
];

function generated({ keys, generate }: Trace): MakeWorkload {
  return (quick) => ({ keys, requests: quick ? 300_000 : 1_000_000, next: generate() });
}

/** A row of the mean hit ratio on workloads; `bound`: points that it may lie below lru-cache’s, negative, or must lie above it. */
export function hitRatio(name: string, of: readonly MakeWorkload[], bound: number): Omit<BenchRow, 'what'> {
  return {
    name,
    goal: { compared: 'difference', rule: 'at least', bound },
    unit: '% hits',
    lowerIsBetter: false,
    isExact: true,
    tidemark: async ({ quick }) => mean(of.map((make) => ratioOf(make, quick, s3Fifo))),
    rival: {
      name: 'lru-cache',
      settings: '`new LRUCache({ max })`, as large',
      measure: async ({ quick }) => mean(of.map((make) => ratioOf(make, quick, lru))),
    },
    whyBehind: 'what was asked for last is what will be asked for next there, and that is all that LRU looks at',
  };
}

interface Policy {
  has(key: string): boolean;
  put(key: string): void;
}

function ratioOf(make: MakeWorkload, quick: boolean, policyOf: (entries: number) => Policy): number {
  return mean(
    shares.map((share) => {
      const workload = make(quick);
      return percentOf(workload, policyOf(Math.max(1, Math.round(workload.keys * share))));
    }),
  );
}

function percentOf({ requests, next }: Workload, policy: Policy): number {
  let hits = 0;
  for (let request = 0; request < requests; request += 1) {
    const key = String(next());
    if (policy.has(key)) hits += 1;
    else policy.put(key);
  }
  return (100 * hits) / requests;
}

function s3Fifo(maxEntries: number): Policy {
  const eviction: Eviction = 's3-fifo';
  const l1 = newL1({ eviction, maxEntries, maxBytes: Number.MAX_SAFE_INTEGER });
  const version = { writeId: null, stampUs: 0, expiresAt: 0, readAt: 0, partition: -1 };
  return {
    has: (key) => l1.use(key) !== none,
    put: (key) => l1.set(key, { value: 1, isPlain: true, ...version, source: 'fill' }, 0),
  };
}

function lru(max: number): Policy {
  const cache = new LRUCache<string, 1>({ max });
  return { has: (key) => cache.get(key) !== undefined, put: (key) => void cache.set(key, 1) };
}
