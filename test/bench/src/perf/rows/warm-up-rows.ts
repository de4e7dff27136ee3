import { setTimeout as delay } from 'node:timers/promises';
import {
  type Backend,
  type CacheTuning,
  createTidemark,
  defineCache,
  memory,
  type MemoryBackend,
  type Store,
  type Tidemark,
  trust,
} from '@tidemark/cache';
import { overriding } from '../../races/libraries/overriding.js';
import { type BenchRow } from '../row.js';
import { keysOf, type User, userOf } from '../workload.js';

const keysMax = 100_000;
/** Of each request of the pod that starts, ms. */
const latencyMs = 10;
/** A list is published within it. */
const publishEvery = '10s';
const publishedWithinMs = 60_000;
/** What a pod must have been asked before it publishes. */
const reads = 5_000;

/** A pod starts among pods that have kept a list of hot keys. */
export const warmUpRows: readonly BenchRow[] = [
  {
    name: 'warm-up-100k',
    what: 'a pod starts and is ready, with the 100,000 keys of its region’s list of hot keys read into L1: from the call of `start()`',
    goal: { compared: 'figure', rule: 'at most', bound: 5 },
    unit: 's',
    lowerIsBetter: true,
    isSlow: true,
    isOfTheWall: true,
    note: `\`warmUp: { strategy: 'hot-keys' }\` with its defaults: a deadline of 5 s, and 25,000 keys a second at most, so that 3.5 s of it are the rate's. On the backend in memory, each answer of which takes ${latencyMs} ms; values are about 1 KB,
and are decoded. The list was published by another pod, through the same table.`,
    tidemark: async ({ quick }) => {
      const names = keysOf(quick ? keysMax / 10 : keysMax);
      const backend = memory();
      for (const [id, key] of names.entries())
        backend.writeItem('bench', `bench:${key}`, { value: JSON.stringify(userOf(id)), codec: 'json' });
      await publishList(backend, names);
      return readyAfterSeconds(backend, names.length);
    },
  },
];

function podOn(backend: Backend, tuning: CacheTuning): Tidemark {
  const limits = { maxEntries: keysMax, maxSize: '1gb' } as const;
  const definition = defineCache({ name: 'bench', table: 'bench', schema: trust<User>(), ...limits, ...tuning });
  return createTidemark({ service: 'bench', backend, caches: [definition], maxSize: '2gb' });
}

/** A pod that holds all of the keys publishes its list, and ends. */
async function publishList(backend: MemoryBackend, names: readonly string[]): Promise<void> {
  const tidemark = podOn(backend, { warmUp: { strategy: 'hot-keys', publishEvery } });
  await tidemark.start();
  const cache = tidemark.caches['bench'];
  for (const key of names) cache?.localPut(key, 0);
  for (let n = 0; n < reads; n += 1) cache?.getIfPresent(names[n % names.length] ?? '');
  for (let waitedMs = 0; backend.readItem('bench', '_tidemark:hot-keys:bench:local') === undefined; waitedMs += 100) {
    if (waitedMs > publishedWithinMs) throw new Error('no list was published');
    await delay(100);
  }
  await tidemark.close();
}

async function readyAfterSeconds(inner: MemoryBackend, keys: number): Promise<number> {
  const tidemark = podOn(slow(inner), { warmUp: 'hot-keys' });
  try {
    const beganMs = performance.now();
    await tidemark.start();
    // Where the deadline was too short, the figure says by how much.
    while (tidemark.health().warmUp['bench']?.state === 'running') await delay(1);
    const seconds = (performance.now() - beganMs) / 1_000;
    const { state, installed } = tidemark.health().warmUp['bench'] ?? {};
    if (state !== 'done' || installed !== keys) throw new Error(`${state} with ${installed} keys of ${keys}`);
    return seconds;
  } finally {
    await tidemark.close();
  }
}

function slow(inner: MemoryBackend): Backend {
  return {
    name: inner.name,
    region: inner.region,
    open: () => {
      const parts = inner.open();
      const { store } = parts;
      const later = overriding<Store>(store, {
        read: (...given) => delay(latencyMs).then(() => store.read(...given)),
        readMany: (...given) => delay(latencyMs).then(() => store.readMany(...given)),
      });
      return { ...parts, close: () => parts.close(), store: later };
    },
  };
}
