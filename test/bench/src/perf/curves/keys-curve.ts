import { LRUCache } from 'lru-cache';
import { type Curve } from '../curve.js';
import { benchPod } from '../pod.js';
import { type Plan } from '../row.js';
import { nsEach } from '../timed.js';
import { keysOf, lookups, randomLookups } from '../workload.js';

interface Small {
  readonly id: number;
}

interface Store {
  get(key: string): Small | undefined;
  put(key: string, value: Small): void;
}

export const keysCurve: Curve = {
  name: 'growth-keys',
  what: 'A synchronous hit as L1 grows, keys looked up at random',
  xLabel: 'keys',
  xs: [1_000, 10_000, 100_000, 1_000_000, 10_000_000],
  unit: 'ns CPU',
  series: {
    'Tidemark, lru': (keys, plan) => nsPerHit(keys, plan, tidemark('lru', keys)),
    'Tidemark, s3-fifo': (keys, plan) => nsPerHit(keys, plan, tidemark('s3-fifo', keys)),
    'lru-cache': (keys, plan) => nsPerHit(keys, plan, lruCache(keys)),
  },
  note: 'Small values. What rises is the time that memory takes: the caches of the processor hold ever less of the map, the entries and the values.',
};

function tidemark(eviction: 'lru' | 's3-fifo', keys: number): Store {
  const { cache } = benchPod({ eviction, maxEntries: roomFor(keys), maxSize: '8gb' }, {}, { maxSize: '8gb' });
  return {
    get: (key) => cache.getIfPresent(key),
    put: (key, { id }) => cache.localPut(key, { id, name: '', tags: [], items: [], note: '' }),
  };
}

function lruCache(keys: number): Store {
  const lru = new LRUCache<string, Small>({ max: roomFor(keys) });
  return {
    get: (key) => lru.get(key),
    put: (key, { id }) => void lru.set(key, { id, name: '', tags: [], items: [], note: '' } as Small),
  };
}

function nsPerHit(keys: number, plan: Plan, store: Store): Promise<number> {
  const names = keysOf(keys);
  for (const [id, key] of names.entries()) store.put(key, { id });
  const asked = randomLookups(names);
  let at = 0;
  let sum = 0;
  return nsEach(plan, (times) => {
    for (let n = 0; n < times; n += 1) {
      at = (at + 1) & (lookups - 1);
      sum += store.get(asked[at] ?? '')?.id ?? Number.NaN;
    }
    if (Number.isNaN(sum)) throw new Error('a lookup that was to be a hit was a miss');
  });
}

/** Twice as much, or as much as a `Map` can. */
function roomFor(keys: number): number {
  return Math.min(keys * 2, 2 ** 24);
}
