import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { eventually, settle } from '@tidemark/runtime/testing';
import { WarmUpWorld } from '../testing/warm-up-world.js';

let world: WarmUpWorld;

afterEach(async () => {
  await world.passing(world.tidemark.close());
  expect(world.clock.pending).toBe(0);
});

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `k${at}`);

describe('warm-up', () => {
  it('from the region’s list reads the hot keys, then those used last, and is ready with them', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys' });
    world.put('a', 'b', 'c', 'd');
    await world.list('here', ['b', 'gone'], ['c', 'b', 'a']);
    await world.start();
    await world.passing(world.started);
    expect(world.held('a', 'b', 'c', 'd', 'gone')).toEqual(['of a', 'of b', 'of c', undefined, undefined]);
    expect(world.cache.warmUp()).toMatchObject({
      ...{ strategy: 'hot-keys', state: 'done', reason: null, list: { region: 'here' } },
      ...{ keys: 4, held: 0, read: 4, installed: 3, absent: 1, failed: 0 },
    });
    expect(world.tidemark.health().warmUp['things']).toEqual(world.cache.warmUp());
    expect(world.logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        message: 'warm-up ended',
        fields: expect.objectContaining({ installed: 3 }),
      }),
    );
  });

  it('is told in metrics of its cache, beside how uneven the reads are', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys' });
    world.put('a', 'b');
    await world.list('here', ['a', 'gone']);
    await world.start();
    await world.passing(world.started);
    world.held('a', 'a', 'a', 'b');
    const valueOf = (name: string, result?: string): number | undefined => {
      const series =
        world.metrics
          .collect()
          .find((family) => family.name === name)
          ?.series.values() ?? [];
      const found = [...series].find(({ labels }) => labels['result'] === result);
      return found !== undefined && 'value' in found ? found.value : undefined;
    };
    expect(valueOf('tidemark_cache_warm_up_keys_total', 'installed')).toBe(1);
    expect(valueOf('tidemark_cache_warm_up_keys_total', 'absent')).toBe(1);
    expect(valueOf('tidemark_cache_warm_up_known_keys')).toBe(2);
    expect(valueOf('tidemark_cache_warm_up_running')).toBe(0);
    expect(valueOf('tidemark_cache_hottest_key_ratio')).toBeGreaterThan(0.5);
    expect(valueOf('tidemark_cache_hottest_10_keys_ratio')).toBeCloseTo(1);
  });

  it('reads on the miss path of its own region, whoever’s list it was', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', from: ['elsewhere'] });
    world.put('a');
    await world.list('elsewhere', ['a', 'only-there']);
    await world.start();
    await world.passing(world.started);
    expect(world.held('a')).toEqual(['of a']);
    expect(world.cache.warmUp()).toMatchObject({ list: { region: 'elsewhere' }, installed: 1, absent: 1 });
  });

  it('takes the first region’s list that has keys, and says what was wrong with all when none has', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', from: ['own', 'east', 'west'] });
    world.put('a');
    await world.list('west', ['a']);
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', list: { region: 'west' }, installed: 1 });
  });

  it('that may not read the list has failed, and the pod starts', async () => {
    const error = new TidemarkError('ACCESS_DENIED', 'no', { retriable: false });
    world = new WarmUpWorld({ strategy: 'hot-keys' }, {}, { read: () => Promise.reject(error) });
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'failed', reason: expect.stringContaining('here: no') });
  });

  it('without a list yet, as in a new region, has not failed', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', from: ['own', 'east'] });
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', list: null, keys: 0, read: 0 });
    expect(world.cache.warmUp().reason).toContain('here: none; east: none');
    expect(world.logger.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('by most-recent begins with the keys that were used last', async () => {
    world = new WarmUpWorld({ strategy: 'most-recent', maxKeys: 2 });
    world.put('a', 'b', 'c');
    await world.list('here', ['a'], ['c', 'b', 'a']);
    await world.start();
    await world.passing(world.started);
    expect(world.held('a', 'b', 'c')).toEqual([undefined, 'of b', 'of c']);
  });

  it('by scan reads what the table holds of the cache, and nothing else', async () => {
    world = new WarmUpWorld({ strategy: 'scan', segments: 3 });
    world.put(...names(250));
    world.store.writeItem('things', { key: { S: 'others:x' }, value: { S: '1' } });
    await world.list('here', ['a']);
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', keys: 250, installed: 250, failed: 0 });
    expect(world.cache.stats().entries).toBe(250);
  });

  it('by scan where the store cannot fails, and the pod starts', async () => {
    world = new WarmUpWorld({ strategy: 'scan' }, {}, { scanKeys: undefined as never });
    world.put('a');
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'failed', reason: expect.stringContaining('cannot scan') });
  });

  it('leaves what L1 holds alone', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys' });
    world.put('a', 'b');
    await world.list('here', ['a', 'b']);
    world.store.fault('read', { type: 'lateAnswer', delayMs: 200 });
    await world.start();
    world.cache.localPut('a', 'mine');
    await world.passing(world.started);
    expect(world.held('a', 'b')).toEqual(['mine', 'of b']);
    expect(world.cache.warmUp()).toMatchObject({ held: 1, read: 1, installed: 1 });
  });

  it('stops when L1 is full, rather than push hot values out', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys' }, { maxEntries: 1_000, maxSize: '64kb' });
    const keys = names(900);
    world.put(...keys);
    await world.list('here', keys);
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', reason: 'L1 is full' });
    expect(world.held('k0')).toEqual(['of k0']);
    expect(world.cache.warmUp().read).toBeLessThan(900);
  });

  it('reads no more keys in a second than it may', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', keysPerSecond: 500, deadline: '1m' });
    const keys = names(2_000);
    world.put(...keys);
    await world.list('here', keys);
    await world.start();
    await eventually('the first keys', async () => {
      await world.clock.advance(1);
      return world.cache.warmUp().read > 0;
    });
    const before = world.cache.warmUp().read;
    await world.clock.advance(1_000);
    expect(world.cache.warmUp().read - before).toBeGreaterThan(350);
    expect(world.cache.warmUp().read - before).toBeLessThanOrEqual(600);
    expect(world.isReady).toBe(false);
    await world.warmed(100);
    await world.passing(world.started);
  });
});

describe('a warm-up’s deadline', () => {
  it('holds with a store that hangs: the pod is ready, and the rest goes on behind', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '2s' }, { readTimeout: '30s' });
    world.put('a');
    await world.list('here', ['a']);
    world.store.fault('read', { type: 'lateAnswer', delayMs: 1 });
    const startedMs = world.clock.monotonicMs();
    await world.start();
    const stalled = world.store.stall();
    await world.clock.advance(1_999);
    expect(world.isReady).toBe(false);
    await world.clock.advance(1);
    expect(world.isReady).toBe(true);
    expect(world.clock.monotonicMs() - startedMs).toBe(2_000);
    expect(world.cache.warmUp().installed).toBe(0);
    stalled();
    await world.warmed();
  });

  it('with `stop` is the end of it', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1s', afterDeadline: 'stop', keysPerSecond: 100 });
    world.put(...names(1_000));
    await world.list('here', names(1_000));
    await world.start();
    await world.passing(world.started);
    const { read, ...progress } = world.cache.warmUp();
    expect(progress).toMatchObject({ state: 'stopped', reason: 'its deadline has passed', ms: 1_000 });
    await world.clock.advance(10_000);
    expect(world.cache.warmUp().read - read).toBeLessThanOrEqual(100);
  });

  it('with `continue` is not: every key is read in the end', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1s', keysPerSecond: 200 });
    world.put(...names(1_000));
    await world.list('here', names(1_000));
    await world.start();
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'running' });
    await world.warmed(100);
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', installed: 1_000 });
  });

  it('holds nobody where the table is not followed yet; the warm-up begins once it is', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h' });
    world.put('a');
    await world.list('here', ['a']);
    world.started = world.tidemark.start();
    await world.clock.advance(5_000);
    await world.started;
    expect(world.cache.warmUp()).toMatchObject({ state: 'waiting', read: 0 });
    expect(world.store.calls.filter(({ operation }) => operation !== 'check')).toEqual([]);
    world.feed.watermark();
    await world.warmed(50);
    expect(world.held('a')).toEqual(['of a']);
  });

  it('with `stop` begins when the warm-up does, however late the table is followed', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1s', afterDeadline: 'stop', keysPerSecond: 100 });
    world.put(...names(1_000));
    await world.list('here', names(1_000));
    world.started = world.tidemark.start();
    await world.clock.advance(5_000);
    await world.started;
    expect(world.cache.warmUp()).toMatchObject({ state: 'waiting', reason: null });
    world.feed.watermark();
    await world.warmed(50);
    expect(world.cache.warmUp()).toMatchObject({ state: 'stopped', reason: 'its deadline has passed', ms: 1_000 });
    expect(world.cache.warmUp().installed).toBeGreaterThan(50);
  });

  it('is cut short by close()', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h', keysPerSecond: 100 });
    world.put(...names(5_000));
    await world.list('here', names(5_000));
    await world.start();
    await world.passing(world.tidemark.close());
    await world.passing(world.started);
    expect(world.cache.warmUp()).toMatchObject({ state: 'stopped', reason: 'the pod closes' });
  });
});

describe('a warm-up and what happens meanwhile', () => {
  /** The items have been read, and their answer is under way. */
  async function withAnswerUnderWay(): Promise<void> {
    world = new WarmUpWorld({ strategy: 'hot-keys' });
    world.put('a', 'b');
    await world.list('here', ['a', 'b']);
    const ofTheList = { type: 'unread', itemKeys: [] } as const;
    world.store.fault('readMany', ofTheList);
    world.store.fault('readMany', { type: 'lateAnswer', delayMs: 300 });
    await world.start();
    await eventually('the items’ request', async () => {
      await world.clock.advance(0);
      return world.store.calls.some(({ itemKeys }) => itemKeys.includes('things:a'));
    });
  }

  it('a changed key is not installed as it was before', async () => {
    await withAnswerUnderWay();
    world.feed.change('a');
    await world.warmed();
    expect(world.held('a', 'b')).toEqual([undefined, 'of b']);
    expect(world.cache.stats().fencedFills).toBe(1);
    await world.started;
  });

  it('a flush leaves nothing of what was read before it', async () => {
    await withAnswerUnderWay();
    world.feed.watermark(2);
    await world.warmed();
    expect(world.held('a', 'b')).toEqual([undefined, undefined]);
    await world.started;
  });

  it('a get of a key does not wait for the warm-up’s read of it', async () => {
    await withAnswerUnderWay();
    const value = world.cache.get('a');
    await settle();
    await expect(value).resolves.toBe('of a');
    expect(world.cache.warmUp().state).toBe('running');
    await world.warmed();
    await world.started;
  });
});

describe('a warm-up of a table in trouble', () => {
  it('slows down when throttled, and counts what it did not get', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h', keysPerSecond: 2_000 });
    const keys = names(3_000);
    world.put(...keys);
    await world.list('here', keys);
    const unread = keys.map((key) => `things:${key}`).filter((_, at) => at % 2 === 0);
    await world.start();
    world.store.fault('readMany', { type: 'unread', itemKeys: [] });
    world.store.fault('readMany', { type: 'unread', itemKeys: unread }, 8);
    await world.warmed(100);
    const { failed, installed, state } = world.cache.warmUp();
    expect(state).toBe('done');
    expect(failed).toBeGreaterThan(0);
    expect(installed + failed).toBe(3_000);
    expect(world.cache.warmUp().ms).toBeGreaterThan(1_200);
    await world.started;
  });

  it('reads at the rate of a budget that is smaller than any that it would choose, and loses nothing by it', async () => {
    const overload = { readsPerSecond: 20, podsAssumed: 1 };
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h' }, {}, {}, overload);
    world.put(...names(200));
    await world.list('here', names(200));
    await world.start();
    await world.warmed(50);
    await world.started;
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', installed: 200, failed: 0 });
    expect(world.cache.warmUp().ms).toBeGreaterThan(9_000);
    expect(world.cache.warmUp().ms).toBeLessThan(15_000);
  });

  it('is never faster than it may be, throttled or not', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h', keysPerSecond: 20 });
    world.put(...names(200));
    await world.list('here', names(200));
    await world.start();
    world.store.fault('readMany', { type: 'unread', itemKeys: [] });
    world.store.fault('readMany', { type: 'unread', itemKeys: ['things:k0', 'things:k5', 'things:k10'] }, 4);
    await world.warmed(50);
    await world.started;
    expect(world.cache.warmUp().ms).toBeGreaterThan(9_000);
  });

  it('passes over an item that somebody has spoilt, even one that is read alone', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h' });
    world.put(...names(100));
    world.store.writeItem('things', { key: { S: 'things:spoilt' }, value: { S: '{' } });
    await world.list('here', [...names(100), 'spoilt']);
    await world.start();
    await world.warmed();
    await world.started;
    expect(world.cache.warmUp()).toMatchObject({ state: 'done', reason: null, read: 101, installed: 100, failed: 1 });
  });

  it('gives up when nothing comes any more, and the pod starts', async () => {
    world = new WarmUpWorld({ strategy: 'hot-keys', deadline: '1h' });
    const keys = names(5_000);
    world.put(...keys);
    await world.list('here', keys);
    await world.start();
    world.store.fault('readMany', { type: 'unread', itemKeys: [] });
    const error = new TidemarkError('STORE_UNAVAILABLE', 'down', { retriable: true });
    world.store.fault('readMany', { type: 'error', error }, 100);
    await world.warmed(200);
    await world.started;
    expect(world.cache.warmUp().state).toBe('failed');
    expect(world.cache.warmUp().read).toBeLessThan(5_000);
  });
});
