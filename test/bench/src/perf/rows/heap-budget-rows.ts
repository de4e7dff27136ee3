import { setTimeout as delay } from 'node:timers/promises';
import { type Cache, createTidemark, defineCache, memory, type Store, trust } from '@tidemark/cache';
import { formatWriteId } from '@tidemark/protocol';
import { overriding } from '../../races/libraries/overriding.js';
import { collectedHeap } from '../collected-heap.js';
import { type BenchRow, type Plan } from '../row.js';
import { seeded } from '../seeded.js';
import { userOf } from '../workload.js';

const batch = 100;
/** Every so many batches of reads, one of writes. */
const writeEvery = 5;

/** Whether `maxSize` is what a cache takes. */
export const heapBudgetRows: readonly BenchRow[] = (['lru', 's3-fifo'] as const).map((eviction) => ({
  name: `heap-vs-budget-${eviction}`,
  what: `how far the growth of the heap is from \`maxSize\`, up or down, after a million fills and puts of mixed sizes with eviction \`${eviction}\``,
  goal: { compared: 'figure', rule: 'at most', bound: 5 },
  unit: '% of the budget',
  lowerIsBetter: true,
  isExact: true,
  isSlow: true,
  note: `Four in five by reads of L2, one by \`put\`: numbers, small and large objects, maps by id, texts of one and of two bytes a character, from 10 bytes to 40 KB, under random keys; an L1 of 256 MiB has
let the most of them go. Heap and what hangs from it outside, after forced collections, less the same before the first fill.`,
  whyBehind: 'sizes are estimates',
  tidemark: async (plan) => Math.abs((await heapShare(plan, eviction)) - 1) * 100,
}));

async function heapShare({ quick }: Plan, eviction: 'lru' | 's3-fifo'): Promise<number> {
  const budgetMib = quick ? 64 : 256;
  const definition = defineCache({
    ...{ name: 'bench', table: 'bench', schema: trust<unknown>(), eviction },
    ...{ maxSize: `${budgetMib}mb`, maxEntries: 10_000_000 },
  });
  const inner = memory();
  const backend = {
    ...{ name: inner.name, region: inner.region },
    open: () => {
      const parts = inner.open();
      return { ...parts, close: () => parts.close(), store: overriding<Store>(parts.store, mixedStore()) };
    },
  };
  const tidemark = createTidemark({ service: 'bench', backend, caches: [definition] });
  await tidemark.start();
  const cache = tidemark.cache(definition);
  const random = seeded(5);
  // What is made once, and never again, is there before it is measured.
  await fill(cache, random, 2_000);
  inner.flushTable('bench', 'bench');
  while (cache.stats().entries > 0) await delay(10);
  const before = collectedHeap();
  await fill(cache, random, quick ? 100_000 : 1_000_000);
  const share = (collectedHeap() - before) / (budgetMib * 1_048_576);
  if (cache.stats().entries > cache.stats().fills / 2) throw new Error('the cache was never full');
  await tidemark.close();
  return share;
}

async function fill(cache: Cache<unknown>, random: () => number, times: number): Promise<void> {
  const key = (): string => Buffer.from(`tenant-07:key:${Math.floor(random() * 1e9)}`).toString();
  for (let done = 0; done < times; done += batch) {
    const keys = Array.from({ length: batch }, key);
    if ((done / batch) % writeEvery === 0) await Promise.all(keys.map((each) => cache.put(each, mixedValue(each))));
    else await cache.getMany(keys);
    // As a call of the network would: the puts' own events come round.
    await delay(0);
  }
}

/** L2 that has a value for every key, and keeps nothing of what is written. */
function mixedStore(): Partial<Store> {
  const rest = { codec: null, expiresAt: null, writtenBy: null, tombstone: false, leaseId: null, leaseUntil: null };
  let minted = 0;
  const writeId = (): string => {
    minted += 1;
    const id = formatWriteId({ ms: 1_600_000_000_000 + minted, counter: 0, incarnation: '0123456789abcdef' });
    return Buffer.from(id).toString();
  };
  const image = (key: string) => ({
    ...{ key, value: JSON.stringify(mixedValue(key)), writeId: writeId(), loaded: false },
    ...rest,
  });
  return {
    readMany: async (_table, keys) => ({ items: new Map(keys.map((key) => [key, image(key)])), unread: new Map() }),
    put: async () => ({ type: 'committed', old: undefined }),
  };
}

/** The same for the same end of a key; each is made anew. */
function mixedValue(key: string): unknown {
  const id = Number(key.slice(-7).replace(/\D/g, ''));
  const random = seeded(id);
  const kind = random();
  const size = random();
  if (kind < 0.1) return id + 0.5;
  if (kind < 0.35) return { id, name: `n${id}`, on: true };
  if (kind < 0.55) return userOf(id);
  if (kind < 0.65) return Object.fromEntries(Array.from({ length: 1 + size * 8 }, (_, n) => [`${id}-${n}`, n]));
  if (kind < 0.7) return Array.from({ length: 1 + size * 200 }, (_, n) => id * n);
  const length = Math.floor(10 * 4_000 ** size);
  return (kind < 0.9 ? oneByte : twoBytes).slice(0, length) + id;
}

const oneByte = 'x'.repeat(40_000);
const twoBytes = '€'.repeat(20_000);
