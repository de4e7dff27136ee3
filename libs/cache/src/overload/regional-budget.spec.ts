import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isTidemarkError, MetricRegistry } from '@tidemark/runtime';
import { type Backend, type Store } from '../backend.js';
import { type Cache } from '../index.js';
import { MemoryRegion } from '../testing/memory-region.js';
import { type TidemarkOptions } from '../tidemark.js';

const keys = Array.from({ length: 120 }, (_, n) => `k${n}`);
let region: MemoryRegion;
/** When each key was read from L2, ms. */
let readsAt: number[];

beforeEach(() => {
  region = new MemoryRegion();
  readsAt = [];
  for (const key of keys) region.backend.writeItem('things', `things:${key}`, { value: '"v"', writeId: 'A' });
});
afterEach(async () => {
  expect(await region.close()).toBe(0);
});

function pod(options: Partial<TidemarkOptions>): Promise<Cache<string>> {
  const counted: Backend = {
    name: 'counted',
    region: region.backend.region,
    open: () => {
      const parts = region.backend.open();
      return { ...parts, store: counting(parts.store) };
    },
  };
  return region.pod({}, { backend: counted, ...options });
}

function counting(store: Store): Store {
  const note = (reads: number): void => {
    for (let n = 0; n < reads; n += 1) readsAt.push(region.clock.monotonicMs());
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'read') note(1);
      const method = Reflect.get(target, name) as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => {
        if (name === 'readMany') note((given[1] as string[]).length);
        return method.apply(target, given);
      };
    },
  });
}

/** Each pod asks for keys that it does not hold, for so long; the codes of those that failed. */
async function askFor(ms: number, caches: readonly Cache<string>[]): Promise<readonly string[]> {
  const codes: string[] = [];
  for (let at = 0; at < ms; at += 10) {
    for (const cache of caches) {
      const missing = keys.filter((key) => cache.getIfPresent(key) === undefined).slice(0, 10);
      for (const key of missing)
        cache.get(key).catch((error: unknown) => codes.push(isTidemarkError(error) ? error.code : 'another'));
    }
    await region.clock.advance(10);
  }
  return codes;
}

const readsIn = (fromMs: number, toMs: number): number => readsAt.filter((at) => at >= fromMs && at < toMs).length;

describe('a budget of reads for a region', () => {
  const overload = { readsPerSecond: 120, podsAssumed: 10 };

  it('hazard 39: after a flush the misses of all pods together keep to it, and L1 is full when its rate says so', async () => {
    const caches = [await pod({ overload }), await pod({ overload }), await pod({ overload })];
    await region.clock.advance(2_500);
    for (const cache of caches) for (const key of keys) cache.localPut(key, 'v');
    region.backend.flushTable('things', 'test');
    await region.clock.advance(10);
    expect(caches.map((cache) => cache.stats().entries)).toEqual([0, 0, 0]);
    const flushedAt = region.clock.monotonicMs();
    const codes = await askFor(2_500, caches);
    // Three pods times 120 keys at 120 a second are 3 s, of which a quarter is there at once.
    for (let ms = flushedAt; ms < flushedAt + 2_500; ms += 1_000)
      expect(readsIn(ms, ms + 1_000)).toBeLessThanOrEqual(120 * 1.25 + 1);
    expect(readsIn(flushedAt, flushedAt + 2_500)).toBeLessThanOrEqual(120 * 2.75 + 1);
    await askFor(500, caches);
    expect(caches.map((cache) => cache.stats().entries)).toEqual([120, 120, 120]);
    expect(codes).toEqual([]);
  });

  it('is shared by the pods that live, and by so many as are assumed where none tells of itself', async () => {
    const alone = await pod({ overload, fastLane: false });
    await askFor(1_000, [alone]);
    expect(readsAt.length).toBeLessThanOrEqual(120 / 10 + 3 + 1);
    readsAt = [];
    const telling = await pod({ overload });
    await askFor(1_000, [telling]);
    expect(readsAt.length).toBeGreaterThan(100);
  });

  it('holds up neither hits nor writes, and tells of itself in metrics', async () => {
    const metrics = new MetricRegistry();
    const cache = await pod({ overload: { readsPerSecond: 1, podsAssumed: 1 }, metrics });
    await region.within(0, cache.get('k0'));
    const refused = region.within(0, cache.get('k1'));
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED', retriable: true });
    expect(await region.within(0, cache.get('k0'))).toBe('v');
    await expect(region.within(0, cache.put('k1', 'w'))).resolves.toMatchObject({ applied: true });
    await expect(region.within(0, cache.delete('k2'))).resolves.toMatchObject({ applied: true });
    const families = metrics.collect().filter(({ name }) => name.startsWith('tidemark_l2_read_'));
    const values = families.map(({ name, series }): [string, unknown] => {
      const [value] = [...series.values()].map((each): unknown => Reflect.get(each, 'value'));
      return [name, value];
    });
    expect(Object.fromEntries(values)).toMatchObject({
      tidemark_l2_read_keys_total: 1,
      tidemark_l2_read_budget_keys_per_second: 1,
      tidemark_l2_read_budget_queued_keys: 0,
      tidemark_l2_read_budget_refused_keys_total: 1,
    });
  });

  it('makes nobody wait until one large getMany is through, which ends in its time all the same', async () => {
    const cache = await pod({ overload: { readsPerSecond: 100, podsAssumed: 1 } });
    await region.clock.advance(2_000);
    const many = cache.getMany(keys.slice(0, 100), { timeout: '5s' });
    await region.clock.advance(0);
    const asked = ['k110', 'k111', 'k112'].map((key) => cache.get(key));
    await region.clock.advance(300);
    expect(['k110', 'k111', 'k112'].map((key) => cache.getIfPresent(key))).toEqual(['v', 'v', 'v']);
    await Promise.all(asked);
    expect((await region.within(1_000, many)).size).toBe(100);
  });

  it('leaves gets their turns while a pod warms up by a scan, which ends all the same', async () => {
    const overload = { readsPerSecond: 400, podsAssumed: 10 };
    const started = region.pod({ warmUp: { strategy: 'scan', deadline: '10ms' } }, { overload });
    await region.clock.advance(10);
    const cache = await started;
    for (let n = 0; n < 10; n += 1) {
      const asked = cache.get(`absent-${n}`);
      await expect(region.within(200, asked)).resolves.toBeUndefined();
    }
    await region.clock.advance(60_000);
    expect(cache.warmUp()).toMatchObject({ state: 'done', installed: keys.length, failed: 0 });
  });

  it.each([
    ['readsPerSecond', 0],
    ['readsPerSecond', 2.5],
    ['podsAssumed', 0],
  ])('refuses %s of %d', async (field, value) => {
    await expect(pod({ overload: { [field]: value } })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      context: { field: `overload.${field}` },
    });
  });
});
