import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Attributes } from '@tidemark/protocol';
import { ManualClock } from '@tidemark/runtime/testing';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { Holder } from './holder.js';
import { newL1 } from './l1/l1.js';
import { L2Reader } from './l2-reader.js';
import { PartitionState } from './partition-state.js';
import { trust } from './standard-schema.js';
import { FakeStore } from './testing/fake-store.js';
import { MemoryRegion, tokenOf } from './testing/memory-region.js';
import { ValueCodec } from './value-codec.js';

const table = 'things';
const codec = new ValueCodec(defineCache({ name: 'things', table, schema: trust() }));
const holder = new Holder({ codec, hold: 'object', clone: false, freeze: false });

describe('a reader of L2', () => {
  let store: FakeStore;
  let stats: CacheStats;
  let coherence: Coherence;
  let clock: ManualClock;
  const readerOf = (inFlightMax = 10): L2Reader =>
    new L2Reader({
      ...{ store, table, bucket: 'things', codec, holder, coherence, clock, stats, timeoutMs: 1_000, inFlightMax },
    });
  const write = (key: string, value: string, rest: Attributes = {}): void =>
    store.writeItem(table, { key: { S: `things:${key}` }, value: { S: JSON.stringify(value) }, ...rest });
  const held = (key = 'k'): unknown => coherence.peek(key)?.value;

  beforeEach(() => {
    clock = new ManualClock();
    store = new FakeStore({ clock });
    stats = newCacheStats();
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

  it('hazard 2: hands out what the replica had once, and L1 keeps nothing of it, nor loses by it what it has', async () => {
    const reader = readerOf();
    write('k', 'v1');
    store.lag();
    write('k', 'v2');
    await expect(reader.readEventually('k')).resolves.toBe('v1');
    expect([held(), coherence.inFlight, stats.fills]).toEqual([undefined, 0, 0]);
    await expect(reader.read('k')).resolves.toBe('v2');
    await expect(reader.readEventually('k')).resolves.toBe('v1');
    expect(held()).toBe('v2');
    expect(store.calls.map(({ consistency }) => consistency)).toEqual(['eventual', undefined, 'eventual']);
  });

  it('reads a key once for all who ask at a time, and those of one tick together', async () => {
    const reader = readerOf();
    write('a', '1');
    const keys = ['a', 'a', 'b', 'a'];
    await expect(Promise.all(keys.map((key) => reader.readEventually(key)))).resolves.toEqual([
      '1',
      '1',
      undefined,
      '1',
    ]);
    expect(store.calls).toEqual([
      { operation: 'readMany', table, itemKeys: ['things:a', 'things:b'], consistency: 'eventual' },
    ]);
    expect(reader.inFlight).toBe(0);
  });

  it('waits for a strong read that is under way instead; a strong read never waits for an eventual one', async () => {
    const reader = readerOf();
    write('k', 'v1');
    store.lag();
    write('k', 'v2');
    const strong = reader.read('k');
    await expect(reader.readEventually('k')).resolves.toBe('v2');
    await strong;
    coherence.invalidate('k');
    const [eventual, next] = [reader.readEventually('k'), reader.read('k')];
    await expect(Promise.all([eventual, next])).resolves.toEqual(['v1', 'v2']);
    expect(held()).toBe('v2');
  });

  it('is as bounded with them', async () => {
    const reader = readerOf(2);
    const reads = ['a', 'b', 'c'].map((key) => reader.readEventually(key));
    await expect(reads[2]).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(Promise.all(reads.slice(0, 2))).resolves.toEqual([undefined, undefined]);
    await expect(reader.readEventually('c')).resolves.toBeUndefined();
  });

  it('fails as it does otherwise, and takes what has expired for nothing', async () => {
    const reader = readerOf();
    write('old', 'v', { expiresAt: { N: String(Math.floor(clock.now() / 1_000) - 1) } });
    await expect(reader.readEventually('old')).resolves.toBeUndefined();
    write('odd', 'v', { codec: { S: 'other' } });
    await expect(reader.readEventually('odd')).rejects.toMatchObject({ code: 'MALFORMED_ITEM' });
    store.fault('read', { type: 'error', error: new Error('no') });
    await expect(reader.readEventually('k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retriable: true });
    expect(coherence.inFlight).toBe(0);
  });
});

describe('get and getMany with consistency: eventual', () => {
  let region: MemoryRegion;
  const eventual = { consistency: 'eventual' } as const;

  beforeEach(() => {
    region = new MemoryRegion();
  });
  afterEach(async () => {
    expect(await region.close()).toBe(0);
  });

  it('are answered by L1 where it can, else by L2, and leave nothing in L1', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    await a.put('k', 'v');
    await expect(a.get('k', eventual)).resolves.toBe('v');
    expect(a.stats()).toMatchObject({ hits: 1, misses: 0 });
    await expect(b.get('k', eventual)).resolves.toBe('v');
    await expect(b.getMany(['k', 'none'], eventual)).resolves.toEqual(new Map([['k', 'v']]));
    expect(b.stats()).toMatchObject({ hits: 0, misses: 3, entries: 0 });
    await expect(b.get('k', { consistency: 'strong' })).resolves.toBe('v');
    await expect(b.getMany(['k'], eventual)).resolves.toEqual(new Map([['k', 'v']]));
    expect(b.stats()).toMatchObject({ hits: 1, entries: 1 });
  });

  it('are refused beside what such a read cannot keep, and where there is no such read', async () => {
    const a = await region.pod();
    const token = tokenOf(await a.put('k', 'v'));
    const refused = { code: 'INVALID_OPTIONS', message: expect.stringContaining('consistency') };
    await expect(a.get('k', { ...eventual, atLeast: token })).rejects.toMatchObject(refused);
    await expect(a.get('k', { ...eventual, maxStaleness: '5s' })).rejects.toMatchObject(refused);
    await expect(a.getMany(['k'], { ...eventual, maxStaleness: '5s' })).rejects.toMatchObject(refused);
    await expect(a.get('k', { consistency: 'weak' as never })).rejects.toMatchObject(refused);
    await expect(a.getOrLoad('k', () => 'x', eventual as never)).rejects.toMatchObject(refused);
    await expect(a.get('k', { consistency: 'strong', atLeast: token })).resolves.toBe('v');
  });
});
