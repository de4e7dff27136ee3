import { LRUCache } from 'lru-cache';
import { benchPod } from '../pod.js';
import { type BenchRow, type Measure, type Rival } from '../row.js';
import { nsEach } from '../timed.js';
import { keysOf, lookups, randomLookups, type User, userOf } from '../workload.js';

/** Awaited hits of 1,000 keys. The rivals do what their documents recommend for one process; only the default rows do not. */
export const awaitedRows: readonly BenchRow[] = [
  awaited('get-vs-async-lru', 0.85, {
    name: 'lru-cache',
    settings: '`async (key) => lru.get(key)`: what an `await` of the store alone would cost',
    measure: async (plan) => {
      const lru = new LRUCache<string, User>({ max: entriesMax() });
      const get = async (key: string): Promise<User | undefined> => lru.get(key);
      return nsPerGet(plan, async (key, user) => void lru.set(key, user), get);
    },
  }),
  awaited('get-vs-bentocache-default', 50, {
    name: 'bentocache',
    settings:
      '`memoryDriver({ maxItems })` as it comes: values are serialized at each call, so that callers cannot change what is cached',
    measure: (plan) => bentocache(plan, {}),
  }),
  awaited('get-vs-bentocache-by-reference', 20, {
    name: 'bentocache',
    settings: '`memoryDriver({ maxItems, serialize: false })`, which its documents name as the faster choice',
    measure: (plan) => bentocache(plan, { serialize: false }),
  }),
  awaited('get-vs-nestjs-cache-manager', 3.5, {
    name: '@nestjs/cache-manager',
    settings: '`CacheModule.register({ ttl })` and the injected `CACHE_MANAGER`, as its documents show it',
    measure: nestCacheManager,
  }),
  awaited('get-vs-layered-loader', 1.15, {
    name: 'layered-loader',
    settings:
      "`inMemoryCache: { cacheType: 'lru-object' }`, the fastest that its documents name; 14.2.2, the last that says it runs on Node 20",
    measure: layeredLoader,
  }),
  awaited('get-vs-cacheable', 1, {
    name: 'cacheable',
    settings:
      '`new Cacheable({ primary: createKeyv({ useClone: false, lruSize }) })`: no copies, the fastest setting it documents',
    measure: cacheable,
  }),
];

function awaited(name: string, bound: number, rival: Rival): BenchRow {
  return {
    name,
    what: `awaited \`get\` of 1,000 keys, beside ${rival.name}`,
    goal: { compared: 'ratio', rule: 'at least', bound },
    unit: 'ns CPU',
    lowerIsBetter: true,
    // The far rivals' rows are no gates: a ratio of fifty moves with the rival.
    ...(bound < 3 ? { gateTolerance: 0.15 } : {}),
    tidemark: async (plan) => {
      const { cache } = benchPod({ maxEntries: entriesMax() });
      return nsPerGet(
        plan,
        async (key, user) => cache.localPut(key, user),
        (key) => cache.get(key),
      );
    },
    rival,
    whyBehind:
      'an awaited `get` is one async function too, and inside it are the entry, its expiry and the counter of hits that the synchronous hit has',
  };
}

type Plan = Parameters<Measure>[0];

function entriesMax(): number {
  return 10_000;
}

async function bentocache(plan: Plan, setting: { readonly serialize?: false }): Promise<number> {
  const { BentoCache, bentostore } = await import('bentocache');
  const { memoryDriver } = await import('bentocache/drivers/memory');
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: entriesMax(), ...setting }));
  const bento = new BentoCache({ default: 'memory', ttl: '1h', stores: { memory: store } });
  return nsPerGet(
    plan,
    async (key, value) => void (await bento.set({ key, value })),
    (key) => bento.get<User>({ key }),
  );
}

async function nestCacheManager(plan: Plan): Promise<number> {
  await import('reflect-metadata');
  const { CACHE_MANAGER, CacheModule } = await import('@nestjs/cache-manager');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  class BenchModule {}
  Module({ imports: [CacheModule.register({ ttl: 3_600_000 })] })(BenchModule);
  const context = await NestFactory.createApplicationContext(BenchModule, { logger: false });
  const cache = context.get<{
    get(key: string): Promise<User | undefined>;
    set(key: string, value: User): Promise<User>;
  }>(CACHE_MANAGER);
  return nsPerGet(
    plan,
    async (key, user) => void (await cache.set(key, user)),
    (key) => cache.get(key),
  );
}

async function layeredLoader(plan: Plan): Promise<number> {
  const { Loader } = await import('layered-loader');
  const source = new Map<string, User>();
  const loader = new Loader<User>({
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: 3_600_000, maxItems: entriesMax() },
    dataSourceGetOneFn: async (key: string) => source.get(key),
  });
  const fill = async (key: string, user: User): Promise<void> => {
    source.set(key, user);
    await loader.get(key);
  };
  return nsPerGet(plan, fill, (key) => loader.get(key));
}

async function cacheable(plan: Plan): Promise<number> {
  const { Cacheable, createKeyv } = await import('cacheable');
  const ttl = 3_600_000;
  const cache = new Cacheable({ primary: createKeyv({ useClone: false, ttl, lruSize: entriesMax() }), ttl });
  return nsPerGet(
    plan,
    async (key, user) => void (await cache.set(key, user)),
    (key) => cache.get<User>(key),
  );
}

/** One after another, as a request handler does. */
async function nsPerGet(
  plan: Plan,
  put: (key: string, user: User) => Promise<void>,
  get: (key: string) => Promise<User | null | undefined>,
): Promise<number> {
  const names = keysOf(1_000);
  for (const [id, key] of names.entries()) await put(key, userOf(id));
  const asked = randomLookups(names);
  let at = 0;
  let sum = 0;
  const ns = await nsEach(plan, async (times) => {
    for (let n = 0; n < times; n += 1) {
      at = (at + 1) & (lookups - 1);
      sum += (await get(asked[at] ?? ''))?.id ?? Number.NaN;
    }
  });
  if (Number.isNaN(sum)) throw new Error('a lookup that was to be a hit was a miss');
  return ns;
}
