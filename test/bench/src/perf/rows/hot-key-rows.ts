import { setTimeout as delay } from 'node:timers/promises';
import { type CacheStats, createTidemark, defineCache, memory, trust } from '@tidemark/cache';
import { type BenchRow, type Plan } from '../row.js';
import { sum } from '../statistics.js';

const pods = 10;
const readsPerWrite = 200;
const readEveryMs = 5;

/** One key that is written once a second while ten pods read it 200 times a second each. */
export const hotKeyRows: readonly BenchRow[] = [
  {
    name: 'hot-key-drops',
    what: 'drops of a hot key for each write and pod: one key written once a second in 10 pods, 200 reads a second in each',
    goal: { compared: 'figure', rule: 'at most', bound: 0.05 },
    unit: 'drops',
    lowerIsBetter: true,
    isExact: true,
    note: 'On the backend in memory, fast lane and change log both; a drop is an entry that an event could not place. In the time of the wall.',
    tidemark: async (plan) => {
      const { writes, stats } = await readHotKey(plan);
      return sum(stats.map(({ drops }) => drops)) / (writes * pods);
    },
  },
  {
    name: 'hot-key-hit-ratio',
    what: 'share of the reads of that key that L1 answers',
    goal: { compared: 'figure', rule: 'at least', bound: 0.99 },
    unit: 'hits a read',
    lowerIsBetter: false,
    isExact: true,
    tidemark: async (plan) => {
      const { stats } = await readHotKey(plan);
      const hits = sum(stats.map((each) => each.hits));
      return hits / (hits + sum(stats.map(({ misses }) => misses)));
    },
  },
];

async function readHotKey({
  quick,
}: Plan): Promise<{ readonly writes: number; readonly stats: readonly CacheStats[] }> {
  const backend = memory();
  const definition = defineCache({ name: 'bench', table: 'bench', schema: trust<number>() });
  const tidemarks = Array.from({ length: pods }, () =>
    createTidemark({ service: 'bench', backend, caches: [definition] }),
  );
  await Promise.all(tidemarks.map((tidemark) => tidemark.start()));
  const caches = tidemarks.map((tidemark) => tidemark.cache(definition));
  const writes = quick ? 3 : 15;
  for (let write = 0; write < writes; write += 1) {
    await caches[write % pods]?.put('hot', write);
    for (let read = 0; read < readsPerWrite; read += 1) {
      await Promise.all(caches.map((cache) => cache.get('hot')));
      await delay(readEveryMs);
    }
  }
  const stats = caches.map((cache) => cache.stats());
  await Promise.all(tidemarks.map((tidemark) => tidemark.close()));
  return { writes, stats };
}
