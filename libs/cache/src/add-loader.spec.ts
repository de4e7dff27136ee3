import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AddLoader } from './add-loader.js';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { type WriteReceipt } from './cache.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { newL1 } from './l1/l1.js';
import { type Load } from './lease-loader.js';
import { LoadFlights } from './load-flights.js';
import { PartitionState } from './partition-state.js';
import { trust } from './standard-schema.js';
import { ValueCodec } from './value-codec.js';
import { encodeToken } from './version-token.js';

let clock: ManualClock;
let stats: CacheStats;
let coherence: Coherence;
let loader: AddLoader;
let added: unknown[];
let receipt: WriteReceipt;
let ends: ((value: unknown) => void)[];

const token = encodeToken({ table: 'things', itemKey: 'things:k', region: 'here', writeId: 'w', at: 1 });
const load: Load<unknown> = () => new Promise((resolve) => ends.push(resolve));

beforeEach(() => {
  clock = new ManualClock();
  stats = newCacheStats();
  added = [];
  ends = [];
  receipt = { applied: true, writeId: 'w', token };
  const state = new PartitionState();
  state.followed = 'topic';
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 100_000 }),
    ...{ stats, mode: 'update', sameValue: (a, b) => a === b },
    hold: () => ({ value: 'event', bytes: 1 }),
    partitionOf: () => ({ index: 0, state }),
  });
  loader = new AddLoader({
    writer: {
      putIfAbsent: async (key, value, options) => {
        added.push([key, value, options?.expiresIn]);
        return receipt;
      },
    },
    reader: { read: async () => 'what stands there' },
    codec: new ValueCodec(defineCache({ name: 'things', table: 'things', schema: trust() })),
    flights: new LoadFlights({ coherence, clock, cache: 'things', loadTimeoutMs: 10_000, loadsMax: 2 }),
    stats,
  });
});

describe('a load without a lease', () => {
  it('is shared by the callers of a key, added once, and given as a reader gets it', async () => {
    const values = Array.from({ length: 100 }, () => loader.load('k', load, '1h'));
    await settle();
    expect(ends).toHaveLength(1);
    ends[0]?.({ n: 1, none: undefined });
    expect(new Set(await Promise.all(values))).toStrictEqual(new Set([{ n: 1 }]));
    expect(added).toStrictEqual([['k', { n: 1 }, '1h']]);
    expect([stats.loads, coherence.inFlight, clock.pending]).toEqual([1, 0, 0]);
  });

  it('is refused where JSON would make something else of what came', async () => {
    const refused = expect.objectContaining({ code: 'INVALID_VALUE', message: expect.stringContaining('got Date') });
    await expect(loader.load('k', async () => new Date(0), '1h')).rejects.toThrow(refused);
    expect([added.length, stats.loadErrors]).toEqual([0, 1]);
  });

  it('is not shared any more once something has happened to the key', async () => {
    void loader.load('k', load, '1h').catch(() => undefined);
    coherence.invalidate('k');
    void loader.load('k', load, '1h').catch(() => undefined);
    await settle();
    expect(ends).toHaveLength(2);
  });

  it('gives what stands there when somebody else was first', async () => {
    receipt = { applied: false, reason: 'exists' };
    const value = loader.load('k', async () => 'loaded', '1h');
    await expect(value).resolves.toBe('what stands there');
  });

  it('that ends after its deadline adds nothing', async () => {
    const outcome = expect(loader.load('k', load, '1h')).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(10_000);
    await outcome;
    ends[0]?.('late');
    await settle();
    expect([added, coherence.inFlight, clock.pending]).toEqual([[], 0, 0]);
  });

  it('that finds nothing, or fails, adds nothing', async () => {
    await expect(loader.load('k', async () => undefined, '1h')).resolves.toBeUndefined();
    const failing = (): never => {
      throw new RangeError('origin');
    };
    await expect(loader.load('k', failing, '1h')).rejects.toThrow(RangeError);
    await expect(loader.load('k', async () => 5n, '1h')).rejects.toBeInstanceOf(TidemarkError);
    expect([added, stats.loads, stats.loadErrors]).toEqual([[], 3, 2]);
  });

  it('beyond the bound of loads in hand is refused', async () => {
    for (const key of ['a', 'b']) void loader.load(key, load, '1h').catch(() => undefined);
    await expect(loader.load('c', load, '1h')).rejects.toMatchObject({ code: 'QUEUE_FULL', retriable: true });
  });
});
