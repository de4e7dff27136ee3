import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { Holder } from './holder.js';
import { newL1 } from './l1/l1.js';
import { L2Reader } from './l2-reader.js';
import { PartitionState } from './partition-state.js';
import { trust } from './standard-schema.js';
import { itemOf, ScriptedStore } from './testing/scripted-store.js';
import { ValueCodec } from './value-codec.js';

const codec = new ValueCodec(defineCache({ name: 'things', table: 'things', schema: trust() }));
const holder = new Holder({ codec, hold: 'object', clone: false, freeze: false });
let store: ScriptedStore;
let stats: CacheStats;
let coherence: Coherence;
let clock: ManualClock;

function readerOf(over: { readonly inFlightMax?: number; readonly store?: ScriptedStore } = {}): L2Reader {
  const common = { table: 'things', bucket: 'things', codec, holder, coherence, clock, stats, timeoutMs: 1_000 };
  return new L2Reader({ ...common, store, defer: (work) => work(), ...over });
}

beforeEach(() => {
  store = new ScriptedStore();
  stats = newCacheStats();
  clock = new ManualClock();
  const state = new PartitionState();
  state.followed = 'topic';
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 100_000 }),
    stats,
    mode: 'update',
    partitionOf: () => ({ index: 0, state }),
    hold: () => ({ value: 'event', bytes: 1 }),
    sameValue: (a, b) => a === b,
  });
});
const held = (key = 'k'): unknown => coherence.peek(key)?.value;

describe('read', () => {
  it('hazard 39: callers of one key share one read, each with a bound on its time', async () => {
    const reader = readerOf();
    const values = [reader.read('k'), reader.read('k'), ...reader.readMany(['k']).values()];
    expect([store.reads.length, store.batches.length, store.reads[0]?.call.timeoutMs]).toEqual([1, 0, 1_000]);
    store.reads[0]?.answer(itemOf('k', '"v"'));
    await expect(Promise.all(values)).resolves.toEqual(['v', 'v', 'v']);
    expect([held(), reader.inFlight, coherence.inFlight]).toEqual(['v', 0, 0]);
  });

  it('hazard 21: a read that something overtook serves those who wait, and nobody who comes later', async () => {
    const reader = readerOf();
    const early = reader.read('k');
    coherence.invalidate('k');
    const later = reader.read('k');
    expect(store.reads).toHaveLength(2);
    store.reads[1]?.answer(itemOf('k', '"new"', { writeId: 'B' }));
    await expect(later).resolves.toBe('new');
    store.reads[0]?.answer(itemOf('k', '"new"', { writeId: 'B' }));
    await expect(early).resolves.toBe('new');
    expect(held()).toBe('new');
  });

  it('hazard 22: an overtaken read that found something else drops the entry', async () => {
    const reader = readerOf();
    const early = reader.read('k');
    coherence.invalidate('k');
    const later = reader.read('k');
    store.reads[1]?.answer(itemOf('k', '"b"', { writeId: 'B' }));
    await later;
    store.reads[0]?.answer(itemOf('k', '"c"', { writeId: 'C' }));
    await expect(early).resolves.toBe('c');
    expect(coherence.peek('k')).toBeUndefined();
  });

  it.each<[string, ReturnType<typeof itemOf> | undefined]>([
    ['no item', undefined],
    ['an item without a value', itemOf('k', null, { tombstone: true })],
    ['hazard 20: an item that has expired and is still there', itemOf('k', '"v"', { expiresAt: 1_700_000_000 })],
  ])('%s is an absence, and is kept as one', async (_name, item) => {
    const value = readerOf().read('k');
    store.reads[0]?.answer(item);
    await expect(value).resolves.toBeUndefined();
    expect(coherence.peek('k')).toMatchObject({ value: undefined, writeId: null, expiresAt: 0 });
  });

  it('keeps when the read began, not when it ended', async () => {
    const value = readerOf().read('k');
    const began = clock.now();
    await clock.advance(400);
    store.reads[0]?.answer(itemOf('k', '"v"'));
    await value;
    expect(coherence.peek('k')?.readAt).toBe(began);
  });

  it('a value that cannot be decoded is an error, and nothing is left of the read', async () => {
    const reader = readerOf();
    const value = reader.read('k');
    store.reads[0]?.answer(itemOf('k', '{'));
    await expect(value).rejects.toMatchObject({ code: 'MALFORMED_ITEM' });
    expect([coherence.peek('k'), coherence.inFlight, reader.inFlight, stats.fillErrors]).toEqual([undefined, 0, 0, 1]);
  });

  it('hands on the store’s errors, wraps others, and asks again next time', async () => {
    const reader = readerOf();
    const first = reader.read('k');
    store.reads[0]?.fail(new TidemarkError('THROTTLED', 'slow down', { retriable: true }));
    await expect(first).rejects.toMatchObject({ code: 'THROTTLED' });
    const second = reader.read('k');
    store.reads[1]?.fail(new Error('socket'));
    await expect(second).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retriable: true });
    void reader.read('k').catch(() => undefined);
    expect(store.reads).toHaveLength(3);
  });

  it('hands on an error of another copy of the module, as of the other module format', async () => {
    const value = readerOf().read('k');
    const foreign = { [Symbol.for('@tidemark/error')]: true, code: 'MALFORMED_ITEM', retriable: false };
    store.reads[0]?.fail(Object.assign(new Error('not whole'), foreign));
    await expect(value).rejects.toMatchObject({ code: 'MALFORMED_ITEM', retriable: false });
  });

  it('a store that throws at once leaves no fence behind', async () => {
    store.read = () => {
      throw new Error('not a promise');
    };
    const reader = readerOf();
    await expect(reader.read('k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([reader.inFlight, coherence.inFlight]).toEqual([0, 0]);
  });

  it('refuses a read beyond its bound', () => {
    const reader = readerOf({ inFlightMax: 1 });
    void reader.read('k');
    expect(() => reader.read('l')).toThrow(/1 reads of L2 are in flight/);
    expect(() => reader.readMany(['l'])).toThrow(/in flight/);
    expect([reader.inFlight, coherence.inFlight]).toEqual([1, 1]);
  });
});

describe('readMany', () => {
  it('asks once for the keys that nobody reads yet', async () => {
    const reader = readerOf();
    const single = reader.read('a');
    const many = reader.readMany(['a', 'b', 'c']);
    const later = reader.read('b');
    await clock.advance(0);
    expect(store.batches.map(({ itemKeys }) => itemKeys)).toEqual([['things:b', 'things:c']]);
    store.reads[0]?.answer(itemOf('a', '1'));
    store.batches[0]?.answer({ items: new Map([['things:b', itemOf('b', '2')]]), unread: new Map() });
    await expect(Promise.all([...many.values(), single, later])).resolves.toEqual([1, 2, undefined, 1, 2]);
    expect([held('b'), coherence.peek('c')?.value, store.reads.length]).toEqual([2, undefined, 1]);
  });

  it('every fence is open before anything is read (hazard 1)', async () => {
    const many = readerOf().readMany(['a', 'b']);
    coherence.invalidate('b');
    await clock.advance(0);
    const items = new Map([
      ['things:a', itemOf('a', '1')],
      ['things:b', itemOf('b', '2')],
    ]);
    store.batches[0]?.answer({ items, unread: new Map() });
    await expect(Promise.all(many.values())).resolves.toEqual([1, 2]);
    expect([held('a'), coherence.peek('b')]).toEqual([1, undefined]);
  });

  it('a key that could not be read fails alone, as one that cannot be decoded does', async () => {
    const many = readerOf().readMany(['a', 'b', 'c']);
    const outcomes = Promise.allSettled(many.values());
    await clock.advance(0);
    const items = new Map([
      ['things:a', itemOf('a', '1')],
      ['things:c', itemOf('c', '{')],
    ]);
    store.batches[0]?.answer({ items, unread: new Map([['things:b', new Error('unprocessed')]]) });
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(coherence.inFlight).toBe(0);
  });

  it('a request that fails fails every key', async () => {
    const many = readerOf().readMany(['a', 'b']);
    const outcomes = Promise.allSettled(many.values());
    await clock.advance(0);
    store.batches[0]?.fail(new TidemarkError('TIMEOUT', 'late', { retriable: true }));
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(coherence.inFlight).toBe(0);
  });
});
