import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { encodeControl, type Route } from '@tidemark/protocol';
import {
  type Backend,
  type ChangeFeed,
  type ChangeFeedHandler,
  createTidemark,
  defineCache,
  memory,
  MetricRegistry,
  PartialReadError,
  type Tidemark,
  trust,
} from './index.js';
import { itemOf, ScriptedStore } from './testing/scripted-store.js';

const things = defineCache({ name: 'things', table: 'things', schema: trust<string>() });
const route: Route = {
  ...{ table: 'things', version: 1, writerEpoch: 1, topics: { a: 1 }, deleted: false },
  ...{ changedAt: 0, changedBy: 'test' },
};

class OnePartitionFeed implements ChangeFeed {
  handler: ChangeFeedHandler | undefined;
  closes = 0;
  closeFailure: Error | undefined;

  async open(handler: ChangeFeedHandler): Promise<void> {
    this.handler = handler;
    handler.onState('live');
    handler.onRoute(route);
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Map(topics.map((topic) => [topic, 1]));
  }

  watermark(): void {
    const record = encodeControl({ control: 'watermark', table: 'things', at: 10, streamId: 's', since: 1 });
    this.handler?.onBatch({ topic: 'a', partition: 0, records: [record] });
  }

  async close(): Promise<void> {
    this.closes += 1;
    if (this.closeFailure !== undefined) throw this.closeFailure;
  }
}

let store: ScriptedStore;
let feed: OnePartitionFeed;
let clock: ManualClock;
let backendCloses: number;
let tidemark: Tidemark;

beforeEach(() => {
  store = new ScriptedStore();
  feed = new OnePartitionFeed();
  clock = new ManualClock();
  backendCloses = 0;
  const backend: Backend = {
    name: 'test',
    region: 'here',
    open: () => ({
      store,
      feed,
      publisher: { publish: async () => [] },
      pods: { report: async () => undefined, read: async () => ({ now: 0, pods: [] }) },
      close: async () => {
        backendCloses += 1;
      },
    }),
  };
  tidemark = createTidemark({ service: 'test', backend, caches: [things], clock });
});

async function live(): Promise<void> {
  const started = tidemark.start();
  await settle();
  feed.watermark();
  await started;
  expect(tidemark.health().state).toBe('live');
}

describe('start', () => {
  it('resolves when every partition is followed', async () => {
    await live();
    // The next report of this pod; nothing waits for the deadline any more.
    expect(clock.pending).toBe(1);
  });

  it('hazard 28: resolves at its deadline when nothing is followed, and then reads through', async () => {
    const started = tidemark.start();
    await clock.advance(5_000);
    await started;
    expect(tidemark.health().state).toBe('starting');
    const value = tidemark.cache(things).get('k');
    await settle();
    store.reads[0]?.answer(itemOf('k', '"v"'));
    await expect(value).resolves.toBe('v');
    expect(tidemark.cache(things).getIfPresent('k')).toBeUndefined();
  });

  it.each<[string, TidemarkError, boolean]>([
    ['a missing table', new TidemarkError('TABLE_MISSING', 'gone', { retriable: false }), true],
    ['a throttled check', new TidemarkError('THROTTLED', 'slow', { retriable: true }), false],
  ])('what waiting cannot mend is thrown, the rest is not: %s', async (_name, error, thrown) => {
    store.check = async () => Promise.reject(error);
    const outcome = tidemark.start().then(
      () => false,
      () => true,
    );
    await clock.advance(5_000);
    await expect(outcome).resolves.toBe(thrown);
  });

  it('opens no feed any more when it was closed meanwhile', async () => {
    let checked: () => void = () => undefined;
    store.check = () =>
      new Promise((resolve) => {
        checked = resolve;
      });
    const started = tidemark.start();
    await tidemark.close();
    checked();
    await started;
    expect([feed.handler, feed.closes, clock.pending]).toEqual([undefined, 1, 0]);
  });

  it('ends when it is closed while it waits', async () => {
    const started = tidemark.start();
    await settle();
    await tidemark.close();
    await started;
    expect([tidemark.health().state, clock.pending]).toEqual(['closed', 0]);
  });
});

describe('close', () => {
  it('leaves nothing in L1 that would never be told of a change', async () => {
    await live();
    const cache = tidemark.cache(things);
    const value = cache.get('k');
    await settle();
    store.reads[0]?.answer(itemOf('k', '"v"'));
    await value;
    expect(cache.getIfPresent('k')).toBe('v');
    const slow = cache.get('slow');
    await settle();
    await tidemark.close();
    store.reads[1]?.answer(itemOf('slow', '"v"'));
    await expect(slow).resolves.toBe('v');
    expect([cache.getIfPresent('k'), cache.getIfPresent('slow')]).toEqual([undefined, undefined]);
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => cache.localPut('k', 'mine')).toThrow(/closed/);
  });

  it('has begun when listeners hear of its flush: they can neither read nor close it once more', async () => {
    await live();
    const cache = tidemark.cache(things);
    const calls: Promise<unknown>[] = [];
    cache.on('flush', () => calls.push(cache.get('k'), cache.put('k', 'v'), tidemark.close()));
    await tidemark.close();
    expect(calls).toHaveLength(3);
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes).toMatchObject([{ reason: { code: 'CLOSED' } }, { reason: { code: 'CLOSED' } }, {}]);
    expect([store.reads.length, store.writes.length, feed.closes, backendCloses]).toEqual([0, 0, 1, 1]);
  });

  it('waits for writes in hand, keeps nothing of them, and no longer than its deadline', async () => {
    await live();
    const cache = tidemark.cache(things);
    const put = cache.put('k', 'v', { timeout: '1h' });
    let closed = false;
    const closing = tidemark.close().then(() => (closed = true));
    await clock.advance(4_999);
    expect([closed, feed.closes]).toEqual([false, 0]);
    await clock.advance(1);
    await closing;
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await expect(put).resolves.toMatchObject({ applied: true });
    expect([cache.getIfPresent('k'), feed.closes, backendCloses]).toEqual([undefined, 1, 1]);
  });

  it('waits for loads in hand, and ends those that are left with their leases given up', async () => {
    await live();
    const cache = tidemark.cache(things);
    const outcome = cache.getOrLoad('k', () => new Promise<string>(() => undefined)).catch((error: unknown) => error);
    await settle();
    store.reads[0]?.answer(undefined);
    await settle();
    store.claims[0]?.answer({ type: 'acquired', image: itemOf('k', null, { leaseId: 'mine', writeId: null }) });
    const closing = tidemark.close();
    await clock.advance(4_999);
    expect([store.releases.length, backendCloses]).toEqual([0, 0]);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ code: 'ABORTED' });
    expect([store.releases.length, backendCloses]).toEqual([1, 0]);
    store.releases[0]?.answer();
    await closing;
    expect([backendCloses, clock.pending]).toEqual([1, 0]);
  });

  it('is held up by no lease that cannot be given up', async () => {
    await live();
    const cache = tidemark.cache(things);
    const load = cache.getOrLoad('k', () => new Promise<string>(() => undefined)).catch(() => undefined);
    await settle();
    store.reads[0]?.answer(undefined);
    await settle();
    store.claims[0]?.answer({ type: 'acquired', image: itemOf('k', null, { leaseId: 'mine', writeId: null }) });
    const closing = tidemark.close();
    await clock.advance(6_000);
    await Promise.all([closing, load]);
    expect(backendCloses).toBe(1);
  });

  it('is done once, and lets go of the backend although the feed fails to close', async () => {
    await live();
    feed.closeFailure = new Error('stuck');
    await expect(tidemark.close()).rejects.toThrow('stuck');
    await expect(tidemark.close()).rejects.toThrow('stuck');
    expect([feed.closes, backendCloses]).toEqual([1, 1]);
  });
});

describe('getMany', () => {
  beforeEach(live);

  it('at its deadline says what was found, in L1 and in L2', async () => {
    const cache = tidemark.cache(things);
    cache.localPut('a', 'local');
    const single = cache.get('b', { timeout: '1m' });
    const outcome = cache.getMany(['a', 'b', 'c']).catch((error: unknown) => error);
    await settle();
    store.reads[0]?.answer(itemOf('b', '"read"'));
    await single;
    await clock.advance(1_000);
    const error = await outcome;
    expect(error).toBeInstanceOf(PartialReadError);
    expect(error).toMatchObject({ missing: ['c'], retriable: true, cause: { code: 'TIMEOUT' } });
    expect([...(error as PartialReadError).found]).toEqual([
      ['a', 'local'],
      ['b', 'read'],
    ]);
  });

  it('is aborted as its caller says, and refuses a bad time-out as such', async () => {
    const aborter = new AbortController();
    const cache = tidemark.cache(things);
    const aborted = cache.getMany(['k'], { signal: aborter.signal }).catch((error: unknown) => error);
    aborter.abort();
    expect(await aborted).toMatchObject({ code: 'ABORTED' });
    await expect(cache.getMany(['l'], { timeout: 'soon' as never })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  it('of more keys than may be in flight reads them one part after the other', async () => {
    const cache = tidemark.cache(things);
    const keys = Array.from({ length: 10_001 }, (_, index) => `k${index}`);
    const many = cache.getMany(keys);
    const sizes: number[] = [];
    for (let part = 0; part < 3; part += 1) {
      await settle();
      expect(store.batches).toHaveLength(part + 1);
      const itemKeys = store.batches[part]?.itemKeys ?? [];
      sizes.push(itemKeys.length);
      store.batches[part]?.answer({
        items: new Map(itemKeys.map((itemKey) => [itemKey, { ...itemOf('', '"v"'), key: itemKey }])),
        unread: new Map(),
      });
    }
    expect(sizes).toEqual([5_000, 5_000, 1]);
    expect((await many).size).toBe(10_001);
  });

  it('counts a key that is asked for twice once', async () => {
    const cache = tidemark.cache(things);
    cache.localPut('a', 'local');
    const many = cache.getMany(['a', 'a', 'b', 'b']);
    await clock.advance(0);
    store.batches[0]?.answer({ items: new Map(), unread: new Map() });
    await many;
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1 });
  });
});

describe('memory', () => {
  it('opened and closed again and again, leaves no timer', async () => {
    const backend = memory({ clock });
    for (let round = 0; round < 3; round += 1) {
      const pod = createTidemark({ service: 'test', backend, caches: [things], clock });
      const started = pod.start();
      await clock.advance(1_500);
      await started;
      await pod.close();
    }
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });
});

describe('metrics', () => {
  it('of a closed Tidemark stay as they were at its end, and hold nothing of it', async () => {
    const metrics = new MetricRegistry();
    const pod = createTidemark({ service: 'test', backend: memory({ clock }), caches: [things], clock, metrics });
    const started = pod.start();
    await clock.advance(1_500);
    await started;
    const cache = pod.cache(things);
    const puts = metrics.counter('tidemark_cache_requests_total', '', { cache: 'things', op: 'put', result: 'sent' });
    await cache.put('k', 'v');
    await pod.close();
    expect(puts.value).toBe(1);
    puts.value = 7;
    metrics.collect();
    expect(puts.value).toBe(7);
  });
});

describe('defineCache', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['without decode', { name: 'x', encode: () => '' }],
    ['with a bad name', { name: 'X Y', encode: () => '', decode: () => 1 }],
  ])('names the field of a codec that is %s', (_name, codec) => {
    const options = { name: 'x', table: 'things', schema: trust(), codec };
    expect(() => defineCache(options as never)).toThrow(/cache x: codec: expected/);
  });
});
