import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { itemKeyOf } from '@tidemark/protocol';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { MemoryRegion, tokenOf } from './testing/memory-region.js';
import { type CacheChange } from './cache-events.js';
import { defineCache, tuneCache } from './define-cache.js';
import { trust } from './standard-schema.js';
import { createTidemark } from './tidemark.js';

let region: MemoryRegion;

beforeEach(() => {
  region = new MemoryRegion();
});
afterEach(async () => {
  expect(await region.close()).toBe(0);
});

describe('maxStaleness', () => {
  it.each<[string, () => unknown]>([
    [
      'a cache',
      () => tuneCache(defineCache({ name: 'things', table: 'things', schema: trust() }), { maxStaleness: '3s' }),
    ],
    ['a Tidemark', () => createTidemark({ service: 's', backend: region.backend, maxStaleness: '3s' })],
  ])('of %s that a healthy pipeline cannot meet is refused with the reason', (_name, make) => {
    expect(make).toThrow(/maxStaleness: expected at least '4s', since a watermark is up to/);
  });

  it('hazards 28 and 55: without watermarks an entry is served as long as its own read is young enough', async () => {
    const a = await region.pod({ maxStaleness: '5s' });
    await a.put('k', 'one');
    region.backend.pauseFeeds(true);
    await region.clock.advance(4_900);
    await expect(a.get('k')).resolves.toBe('one');
    expect(a.stats()).toMatchObject({ hits: 1, staleMisses: 0 });
    await region.clock.advance(1_200);
    await expect(a.get('k')).resolves.toBe('one');
    expect(a.stats()).toMatchObject({ hits: 1, staleMisses: 1, fills: 1 });
    await region.clock.advance(4_900);
    await expect(a.get('k')).resolves.toBe('one');
    expect(a.stats()).toMatchObject({ hits: 2, staleMisses: 1, fills: 1 });
    region.backend.pauseFeeds(false);
  });

  it('hazard 29: after a pause nothing is served that the pod cannot prove', async () => {
    const a = await region.pod({ maxStaleness: '5s' });
    await a.put('k', 'one');
    await region.soon();
    region.clock.jump(60_000);
    expect(a.getIfPresent('k')).toBeUndefined();
    await expect(a.get('k')).resolves.toBe('one');
    expect(a.stats().fills).toBe(1);
  });

  it('is kept though the clock of the pipeline ran an hour ahead before it fell silent', async () => {
    const podClock = new ManualClock(region.clock.now() - 3_600_000);
    const both = async (ms: number): Promise<void> => {
      await podClock.advance(ms);
      await region.clock.advance(ms);
    };
    const definition = defineCache({ name: 'things', table: 'things', schema: trust<string>(), maxStaleness: '5s' });
    const tidemark = createTidemark({ service: 's', backend: region.backend, caches: [definition], clock: podClock });
    const started = tidemark.start();
    await both(1_500);
    await started;
    const a = tidemark.cache(definition);
    await a.put('k', 'one');
    await both(1_500);
    region.backend.pauseFeeds(true);
    region.backend.writeItem('things', itemKeyOf('things', 'k'), { value: '"two"' });
    await both(7_000);
    expect(a.staleness()).toBeGreaterThanOrEqual(7_000);
    await expect(a.get('k')).resolves.toBe('two');
    region.backend.pauseFeeds(false);
    await tidemark.close();
  });

  it('what L2 holds takes the place of the stale entry, and its late event confirms it', async () => {
    const [a, b] = [await region.pod({ maxStaleness: '5s' }), await region.pod()];
    await a.put('k', 'one');
    region.backend.pauseFeeds(true);
    await b.put('k', 'two');
    await region.clock.advance(7_000);
    await expect(a.get('k')).resolves.toBe('two');
    expect(a.getIfPresent('k')).toBe('two');
    region.backend.pauseFeeds(false);
    await region.soon();
    expect(a.getIfPresent('k')).toBe('two');
  });

  it('of one call asks L2 for what L1 cannot prove; 0ms always asks', async () => {
    const a = await region.pod();
    await a.put('k', 'one');
    region.backend.pauseFeeds(true);
    await region.clock.advance(3_000);
    await a.get('k', { maxStaleness: '10s' });
    await a.getMany(['k'], { maxStaleness: '10s' });
    expect(a.stats().fills).toBe(0);
    await a.get('k', { maxStaleness: '1s' });
    await a.get('k', { maxStaleness: '0ms' });
    await a.getMany(['k'], { maxStaleness: '0ms' });
    expect(a.stats().fills).toBe(3);
    region.backend.pauseFeeds(false);
  });

  it('tells its listeners when it falls behind and when it is back', async () => {
    const a = await region.pod({}, { maxStaleness: '5s' });
    const told: boolean[] = [];
    a.on('staleness', ({ stale }) => told.push(stale));
    region.backend.pauseFeeds(true);
    await region.clock.advance(8_000);
    region.backend.pauseFeeds(false);
    await region.clock.advance(3_000);
    expect(told).toEqual([true, false]);
  });
});

describe('atLeast', () => {
  it('reads L2 once where L1 may be behind the token, and L1 where it is not', async () => {
    const [a, b] = [await region.pod({}, { fastLane: false }), await region.pod({}, { fastLane: false })];
    await a.put('k', 'one');
    await b.get('k');
    region.backend.pauseFeeds(true);
    const token = tokenOf(await a.put('k', 'two'));
    await expect(b.get('k')).resolves.toBe('one');
    await expect(b.get('k', { atLeast: token })).resolves.toBe('two');
    await expect(b.get('k', { atLeast: token })).resolves.toBe('two');
    await expect(a.get('k', { atLeast: token })).resolves.toBe('two');
    expect([a.stats().fills, b.stats().fills]).toEqual([0, 2]);
    region.backend.pauseFeeds(false);
  });

  it('of a delete reads L2 until a read is younger than it by the clocks’ skew', async () => {
    const a = await region.pod();
    await a.put('k', 'one');
    const token = tokenOf(await a.delete('k'));
    await expect(a.get('k', { atLeast: token })).resolves.toBeUndefined();
    await region.clock.advance(5_000);
    await a.get('k', { atLeast: token });
    await a.get('k', { atLeast: token });
    expect(a.stats().fills).toBe(2);
  });

  it('joins no read that began before', async () => {
    const a = await region.pod();
    const early = a.get('k');
    const token = tokenOf(await (await region.pod()).put('k', 'two'));
    await expect(a.get('k', { atLeast: token })).resolves.toBe('two');
    await early;
  });

  it('refuses a token of another region, key or cache', async () => {
    const a = await region.pod();
    const token = tokenOf(await a.put('k', 'one'));
    await expect(a.get('other', { atLeast: token })).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    await region.close();
    region = new MemoryRegion({ region: 'elsewhere' });
    const b = await region.pod();
    await expect(b.get('k', { atLeast: token })).rejects.toMatchObject({ code: 'WRONG_REGION', retriable: false });
  });
});

describe('whenVisible', () => {
  it('resolves once every pod is past the write', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    await b.get('k');
    const token = tokenOf(await a.put('k', 'one'));
    await expect(region.within(200, a.whenVisible(token))).resolves.toEqual({ pods: 2, silent: [] });
    await expect(b.get('k')).resolves.toBe('one');
    await expect(region.within(200, b.whenVisible(token))).resolves.toEqual({ pods: 2, silent: [] });
  });

  it('is unavailable in a pod that does not publish, and does not wait for such a pod', async () => {
    const [a, b] = [await region.pod(), await region.pod({}, { fastLane: false })];
    const token = tokenOf(await b.put('k', 'one'));
    await expect(b.whenVisible(token)).rejects.toMatchObject({ code: 'VISIBILITY_UNAVAILABLE' });
    await expect(region.within(200, a.whenVisible(token))).resolves.toEqual({ pods: 1, silent: [] });
  });

  it('at its deadline names the pods that have not said so', async () => {
    const a = await region.pod();
    await region.clock.advance(100);
    const token = tokenOf(await a.put('k', 'one'));
    region.backend.pauseFeeds(true);
    await expect(region.within(500, a.whenVisible(token, { timeout: '500ms' }))).rejects.toMatchObject({
      ...{ code: 'VISIBILITY_TIMEOUT', committed: true, missing: [expect.stringMatching(/^[\w-]{36}$/)] },
    });
    region.backend.pauseFeeds(false);
  });
});

describe('the fast lane', () => {
  it('brings a write ahead of the change log, whose twin then changes nothing', async () => {
    region = new MemoryRegion({ eventDelayMs: 1_000 });
    const [a, b] = [await region.pod(), await region.pod()];
    await region.clock.advance(2_000);
    await a.put('k', 'one');
    await region.clock.advance(2_000);
    await b.get('k');
    for (let round = 0; round < 10; round += 1) {
      await a.put('k', `value ${round}`);
      await region.clock.advance(10);
      expect(b.getIfPresent('k')).toBe(`value ${round}`);
      await region.clock.advance(1_000);
    }
    expect([a.stats().drops, b.stats().drops]).toEqual([0, 0]);
  });
});

describe('listeners', () => {
  it('are told of every change of the cache once, whoever wrote and whoever holds it', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    const told: unknown[] = [];
    for (const each of [a, b])
      each.on('change', ({ key, kind, value }: CacheChange<string>) =>
        told.push([each === a ? 'a' : 'b', key, kind, value]),
      );
    await a.put('k', 'one');
    await region.soon();
    await b.delete('k');
    await region.soon();
    region.backend.writeItem('things', itemKeyOf('things', 'k'), { value: '"foreign"' });
    await region.soon();
    expect(told).toEqual([
      ['a', 'k', 'put', 'one'],
      ['b', 'k', 'put', 'one'],
      ['b', 'k', 'delete', undefined],
      ...[['a', 'k', 'delete', undefined]],
      ['a', 'k', 'put', 'foreign'],
      ['b', 'k', 'put', 'foreign'],
    ]);
  });

  it('are told of flushes, and no more once they are taken away', async () => {
    const a = await region.pod();
    await a.put('k', 'one');
    const told: number[] = [];
    const away = a.on('flush', ({ entries }) => told.push(entries));
    region.backend.flushTable('things', 'told by the test');
    await region.soon();
    expect(told.reduce((sum, entries) => sum + entries, 0)).toBe(1);
    const before = told.length;
    away();
    region.backend.flushTable('things', 'told by the test');
    await region.soon();
    expect(told).toHaveLength(before);
  });

  it('of unknown events are refused', async () => {
    const a = await region.pod();
    expect(() => a.on('nonsense' as never, () => undefined)).toThrow(/event: expected 'change' or/);
    expect(() => a.on('change', 5 as never)).toThrow(/listener: expected a function/);
  });
});

describe('refresh', () => {
  it('reads a key again at once that an event has dropped, if it was held', async () => {
    const a = await region.pod({ refresh: true, mode: 'invalidate' });
    await a.get('k');
    await (await region.pod()).put('k', 'one');
    await (await region.pod()).put('other', 'one');
    await region.soon();
    await settle();
    expect(a.getIfPresent('k')).toBe('one');
    expect(a.getIfPresent('other')).toBeUndefined();
    expect(a.stats().refreshes).toBe(1);
  });
});
