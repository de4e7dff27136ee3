import { afterEach, describe, expect, it } from '@jest/globals';
import { WriteClock } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { WarmUpWorld } from '../testing/warm-up-world.js';
import { type HotKeyList } from './hot-key-list.js';
import { ListStore } from './list-store.js';

const everyMs = 600_000;
let world: WarmUpWorld;

afterEach(async () => {
  await world.passing(world.tidemark.close());
  expect(world.clock.pending).toBe(0);
});

/** A running pod that stands by for `lost`, with what both regions' lists say. */
async function running(own: readonly string[], lost: readonly string[]): Promise<void> {
  world.put(...[...own, ...lost].filter((key) => key !== 'gone'));
  if (own.length > 0) await world.list('here', own);
  if (lost.length > 0) await world.list('lost', lost);
  await world.start();
  await world.passing(world.started);
}

async function until(what: string, is: () => boolean, stepMs = 1_000): Promise<void> {
  await eventually(what, async () => {
    await world.clock.advance(stepMs);
    return is();
  });
}

async function listOf(region: string): Promise<HotKeyList | undefined> {
  const { clock, store } = world;
  const lists = new ListStore({
    ...{ store, table: 'things', cache: 'things', region, clock, timeoutMs: 1_000, newLeaseId: () => 'l' },
    writeClock: new WriteClock('00000000000000ee', () => clock.now()),
  });
  return world.passing(lists.read(region));
}

describe('a running pod that stands by for another region', () => {
  it('holds the keys of that region’s list beside its own, and is ready before', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: ['here', 'lost'] });
    await running(['a'], ['a', 'b', 'gone']);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', list: { region: 'here' }, keys: 1 });
    await until('the other region’s keys', () => world.cache.warmUp().standby[0]?.installed !== 0);
    expect(world.held('a', 'b')).toEqual(['of a', 'of b']);
    expect(world.cache.warmUp().standby).toMatchObject([{ region: 'lost', keys: 3, held: 1, failed: 0 }]);
  });

  it('reads the list again, and then what it lacks of it alone', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running([], ['a', 'b']);
    await until('the first keys', () => world.cache.warmUp().standby[0]?.installed === 2);
    world.put('c');
    await world.list('lost', ['c', 'a', 'b']);
    await until('the new key', () => world.cache.warmUp().standby[0]?.installed === 3, 60_000);
    const asked = world.store.calls.flatMap(({ itemKeys }) => itemKeys).filter((key) => key.startsWith('things:'));
    expect(asked).toEqual(['things:c']);
    expect(world.held('c')).toEqual(['of c']);
  });

  it('fills L1 again after a flush, though the list is still the same', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running([], ['a', 'b']);
    await until('the first keys', () => world.cache.warmUp().standby[0]?.installed === 2);
    world.feed.watermark(2);
    expect(world.held('a', 'b')).toEqual([undefined, undefined]);
    await until('both keys again', () => world.cache.warmUp().standby[0]?.installed === 4, 60_000);
    expect(world.held('a', 'b')).toEqual(['of a', 'of b']);
    expect(world.cache.warmUp().standby[0]?.listAgeMs).toBeGreaterThan(everyMs / 3);
  });

  it('waits for a list that is not there yet', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running(['a'], []);
    await until('a first look', () => world.cache.warmUp().standby[0]?.reason !== null);
    expect(world.cache.warmUp().standby).toMatchObject([{ region: 'lost', listAgeMs: null, keys: 0 }]);
    world.put('b');
    await world.list('lost', ['b']);
    await until('the key', () => world.cache.warmUp().standby[0]?.installed === 1, 60_000);
  });

  it('pushes nothing out of an L1 that is full', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' }, { maxEntries: 10 });
    const [own, lost] = [names('own', 8), names('lost', 8)];
    await running(own, lost);
    await until('an end', () => world.cache.warmUp().standby[0]?.reason === 'L1 is full');
    expect(world.held(...own)).toEqual(own.map((key) => `of ${key}`));
    expect(world.held(...lost).filter((value) => value !== undefined)).toEqual(['of lost0', 'of lost1']);
  });

  it('reads no more than a thousand keys in a second', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running([], names('lost', 3_000));
    const startedMs = world.clock.monotonicMs();
    await until('all keys', () => world.cache.warmUp().standby[0]?.installed === 3_000, 100);
    expect(world.clock.monotonicMs() - startedMs).toBeGreaterThan(2_000);
  });

  it('does not name that region’s keys in the list of its own: two that stand by for each other would keep them for ever', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running(['a'], ['a', 'b']);
    await until('the other region’s keys', () => world.cache.warmUp().standby[0]?.installed === 1);
    for (let n = 0; n < 200; n += 1) world.cache.getIfPresent('a');
    const before = (await listOf('here'))?.at ?? 0;
    let list: HotKeyList | undefined;
    await eventually('the next list', async () => {
      await world.clock.advance(60_000);
      list = await listOf('here');
      return (list?.at ?? 0) > before;
    });
    expect(list?.recent.map(({ key }) => key)).toEqual(['a']);
  });

  it('names a key of both regions, also where a flush took it and standing by brought it back', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running(['a'], ['a', 'b']);
    await until('the other region’s keys', () => world.cache.warmUp().standby[0]?.installed === 1);
    world.feed.watermark(2);
    await until('all of them again', () => world.cache.warmUp().standby[0]?.installed === 3, 60_000);
    for (let n = 0; n < 200; n += 1) world.cache.getIfPresent('b');
    world.cache.getIfPresent('a');
    const before = (await listOf('here'))?.at ?? 0;
    let list: HotKeyList | undefined;
    await eventually('the next list', async () => {
      await world.clock.advance(60_000);
      list = await listOf('here');
      return (list?.at ?? 0) > before;
    });
    expect(list?.recent.map(({ key }) => key).sort()).toEqual(['a', 'b']);
  });

  it('is told in metrics', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', standbyFor: 'lost' });
    await running([], ['a', 'gone']);
    await until('the first key', () => world.cache.warmUp().standby[0]?.installed === 1);
    const series = world.metrics.collect().filter(({ name }) => name.startsWith('tidemark_cache_standby_'));
    const told = series.flatMap(({ name, series: each }) =>
      [...each.values()].map((one) => [name.slice(23), one.labels['result'], 'value' in one ? one.value : undefined]),
    );
    expect(told).toEqual(
      expect.arrayContaining([
        ['known_keys', undefined, 2],
        ['keys_total', 'installed', 1],
        ['keys_total', 'absent', 1],
        ['list_age_seconds', undefined, expect.any(Number)],
      ]),
    );
  });
});

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}
