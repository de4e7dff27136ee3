import { LRUCache } from 'lru-cache';
import { benchPod } from '../pod.js';
import { type BenchRow, type Measure } from '../row.js';
import { nsEach } from '../timed.js';
import { keysOf, lookups, randomLookups, type User, userOf } from '../workload.js';

type Eviction = 'lru' | 's3-fifo';

interface Case {
  readonly name: string;
  readonly keys: number;
  readonly goals: Readonly<Record<Eviction, number>>;
}

const cases: readonly Case[] = [
  { name: '1k-hot', keys: 1_000, goals: { lru: 0.85, 's3-fifo': 1 } },
  { name: '100k-random', keys: 100_000, goals: { lru: 0.75, 's3-fifo': 1 } },
];

const whyBehind: Readonly<Record<Eviction, string>> = {
  lru: 'both look a slot up in a map and move it in a list of numbers; Tidemark looks besides whether the value is given as it stands, and counts the hit',
  's3-fifo':
    'the lookup in the map is most of a hit, and is the same in both; that a hit moves no list about makes up for what is looked at besides',
};

/** Synchronous hits beside `lru-cache.get`, which holds the bare value and keeps no versions, no counters and no expiry. */
export const hitRows: readonly BenchRow[] = (['lru', 's3-fifo'] as const).flatMap((eviction) =>
  cases.map(({ name, keys, goals }) => rowOf(eviction, name, keys, goals[eviction])),
);

function rowOf(eviction: Eviction, name: string, keys: number, bound: number): BenchRow {
  return {
    name: `hit-${eviction}-${name}`,
    what: `\`getIfPresent\` with eviction \`${eviction}\`, ${keys.toLocaleString('en')} keys looked up at random, beside \`lru-cache.get\``,
    goal: { compared: 'ratio', rule: 'at least', bound },
    unit: 'ns CPU',
    lowerIsBetter: true,
    ...(keys === 1_000 || eviction === 's3-fifo' ? { gateTolerance: 0.15 } : {}),
    tidemark: async (plan) => {
      const { cache } = benchPod({ eviction, maxEntries: keys * 2, maxSize: '1gb' });
      const names = keysOf(keys);
      for (const [id, key] of names.entries()) cache.localPut(key, userOf(id));
      return nsPerHit(plan, names, (key) => cache.getIfPresent(key));
    },
    rival: {
      name: 'lru-cache',
      settings: '`new LRUCache({ max })`, no `ttl`, no options at the call',
      measure: async (plan) => {
        const lru = new LRUCache<string, User>({ max: keys * 2 });
        const names = keysOf(keys);
        for (const [id, key] of names.entries()) lru.set(key, userOf(id));
        return nsPerHit(plan, names, (key) => lru.get(key));
      },
    },
    whyBehind: whyBehind[eviction],
  };
}

/** Each hit is used, so that nothing of it can be left out. */
async function nsPerHit(
  plan: Parameters<Measure>[0],
  names: readonly string[],
  get: (key: string) => User | undefined,
): Promise<number> {
  const asked = randomLookups(names);
  let at = 0;
  let sum = 0;
  const ns = await nsEach(plan, (times) => {
    for (let n = 0; n < times; n += 1) {
      at = (at + 1) & (lookups - 1);
      sum += get(asked[at] ?? '')?.id ?? Number.NaN;
    }
  });
  if (Number.isNaN(sum)) throw new Error('a lookup that was to be a hit was a miss');
  return ns;
}
