import { WriteClock } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { Holder } from './holder.js';
import { newL1 } from './l1/l1.js';
import { L2Writer } from './l2-writer.js';
import { LeaseLoader, type Load } from './lease-loader.js';
import { LoadFlights } from './load-flights.js';
import { PartitionState } from './partition-state.js';
import { trust } from './standard-schema.js';
import { itemOf, ScriptedStore } from './testing/scripted-store.js';
import { ValueCodec } from './value-codec.js';

let store: ScriptedStore;
let stats: CacheStats;
let coherence: Coherence;
let clock: ManualClock;
let loader: LeaseLoader;
let flights: LoadFlights;
let leaseIds: number;
let installed: string[];

beforeEach(() => {
  store = new ScriptedStore();
  stats = newCacheStats();
  clock = new ManualClock();
  leaseIds = 0;
  installed = [];
  const state = new PartitionState();
  state.followed = 'topic';
  const codec = new ValueCodec(defineCache({ name: 'things', table: 'things', schema: trust() }));
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 100_000 }),
    ...{ stats, mode: 'update', sameValue: (a, b) => a === b },
    hold: () => ({ value: 'event', bytes: 1 }),
    partitionOf: () => ({ index: 0, state }),
  });
  const holder = new Holder({ codec, hold: 'object', clone: false, freeze: false });
  const common = {
    holder,
    store,
    table: 'things',
    codec,
    coherence,
    clock,
    stats,
    cache: 'things',
    tombstoneMs: 86_400_000,
  };
  const writer = new L2Writer({
    ...{ ...common, bucket: 'things', region: 'here', onAmbiguous: () => undefined },
    writeClock: new WriteClock('00000000000000aa', () => clock.now()),
  });
  flights = new LoadFlights({ ...{ coherence, clock, cache: 'things', loadTimeoutMs: 10_000, loadsMax: 2 } });
  loader = new LeaseLoader({
    ...{ ...common, writer, flights, random: () => 0.5, callTimeoutMs: 1_000, loadTimeoutMs: 10_000 },
    newLeaseId: () => `lease${(leaseIds += 1)}`,
    onInstalled: ({ writeId }) => installed.push(writeId),
  });
});

const never = (): null => null;
const ambiguous = new TidemarkError('AMBIGUOUS_WRITE', 'no answer', { retriable: false });
/** A load that a test ends by hand. */
function manualLoad(): {
  load: Load<string>;
  end: (value: string | undefined) => void;
  fail: (error: Error) => void;
  calls: number;
} {
  const manual = {
    calls: 0,
    end: (_value: string | undefined): void => undefined,
    fail: (_error: Error): void => undefined,
    load: (): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        manual.calls += 1;
        manual.end = resolve;
        manual.fail = reject;
      }),
  };
  return manual;
}
async function acquire(index: number, writeId: string | null = null): Promise<void> {
  const leaseId = store.claims[index]?.lease.leaseId ?? '';
  store.claims[index]?.answer({ type: 'acquired', image: itemOf('k', null, { writeId, leaseId }) });
  await settle();
}

describe('a load', () => {
  it('is claimed before it runs, installed under its lease, and kept', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    expect([store.claims.length, store.writes.length]).toEqual([1, 0]);
    expect(store.claims[0]?.lease).toMatchObject({ leaseId: 'lease1', leaseUntil: clock.now() + 10_000 });
    await acquire(0);
    expect(store.writes[0]).toMatchObject({
      condition: { type: 'leased', leaseId: 'lease1' },
      image: { value: '"loaded"', loaded: true, leaseId: null },
    });
    store.writes[0]?.answer({ type: 'committed', old: itemOf('k', null, { leaseId: 'lease1' }) });
    await expect(value).resolves.toBe('loaded');
    expect([coherence.peek('k')?.value, installed.length, coherence.inFlight]).toEqual(['loaded', 1, 0]);
  });

  it('hazard 58: writes an id past the one that the leased item had, which the lease itself did not touch', async () => {
    const base = (clock.now() + 5_000).toString(16).padStart(12, '0') + '0000' + 'b'.repeat(16);
    void loader.load('k', async () => 'loaded', never).catch(() => undefined);
    await acquire(0, base);
    expect((store.writes[0]?.image?.writeId ?? '') > base).toBe(true);
  });

  it('is shared by the callers of a key, until something happens to the key', async () => {
    const manual = manualLoad();
    const first = loader.load('k', manual.load, never);
    expect(loader.load('k', manual.load, never)).toBe(first);
    coherence.invalidate('k');
    const later = loader.load('k', manual.load, never);
    expect(later).not.toBe(first);
    expect([store.claims.length, manual.calls]).toEqual([2, 0]);
    first.catch(() => undefined);
    later.catch(() => undefined);
  });

  it('hazard 56: a newer put came while it ran: the load is discarded, and the put is read', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    await acquire(0);
    store.writes[0]?.answer({ type: 'refused', old: itemOf('k', '"put"') });
    await settle();
    store.reads[0]?.answer(itemOf('k', '"put"'));
    await expect(value).resolves.toBe('put');
    expect([coherence.peek('k')?.value, installed.length]).toEqual([undefined, 0]);
  });

  it('a delete came while it ran: it loads again under a fresh lease, and gives up after three', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    const outcome = expect(value).rejects.toMatchObject({ code: 'WRITE_CONTENDED', retriable: true });
    for (let round = 0; round < 3; round += 1) {
      await acquire(round);
      store.writes[round]?.answer({ type: 'refused', old: undefined });
      await settle();
      store.reads[round]?.answer(undefined);
      await settle();
    }
    expect(store.claims.map(({ lease }) => lease.leaseId)).toEqual(['lease1', 'lease2', 'lease3', 'lease4']);
    await acquire(3);
    expect(store.releases[0]?.lease).toEqual({ leaseId: 'lease4', writeId: null });
    store.releases[0]?.answer();
    await outcome;
    expect(stats.loads).toBe(3);
  });

  it('hazard 59: after a claim of unknown outcome only a read that shows this very lease allows it', async () => {
    const manual = manualLoad();
    void loader.load('k', manual.load, never).catch(() => undefined);
    store.claims[0]?.fail(ambiguous);
    await settle();
    store.reads[0]?.answer(undefined);
    await settle();
    expect([store.claims.length, manual.calls]).toEqual([2, 0]);
    store.claims[1]?.fail(ambiguous);
    await settle();
    store.reads[1]?.answer(itemOf('k', null, { leaseId: 'lease2', leaseUntil: clock.now() + 5_000 }));
    await settle();
    expect(store.claims).toHaveLength(2);
  });

  it('an install of unknown outcome is sent once more; refused then, what stands there is read', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    await acquire(0);
    store.writes[0]?.fail(ambiguous);
    await settle();
    expect(store.writes[1]?.condition).toEqual({ type: 'leased', leaseId: 'lease1' });
    expect(store.writes[1]?.image?.writeId).not.toBe(store.writes[0]?.image?.writeId);
    store.writes[1]?.answer({ type: 'refused', old: itemOf('k', '"loaded"') });
    await settle();
    store.reads[0]?.answer(itemOf('k', '"loaded"'));
    await expect(value).resolves.toBe('loaded');
  });

  it('that finds nothing gives its lease up and keeps nothing', async () => {
    const value = loader.load('k', async () => undefined, never);
    await acquire(0, 'B');
    expect(store.releases[0]?.lease).toEqual({ leaseId: 'lease1', writeId: 'B' });
    store.releases[0]?.answer();
    await expect(value).resolves.toBeUndefined();
    expect([store.writes.length, coherence.peek('k')]).toEqual([0, undefined]);
  });

  it('that fails gives its lease up and fails its callers with its own error', async () => {
    const value = loader.load('k', () => Promise.reject(new RangeError('origin')), never);
    const outcome = expect(value).rejects.toThrow(RangeError);
    await acquire(0);
    store.releases[0]?.fail(new Error('no answer'));
    await outcome;
    expect([stats.loadErrors, coherence.inFlight]).toEqual([1, 0]);
  });

  it('is aborted at its deadline', async () => {
    let aborted = false;
    const load: Load<string> = (_key, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve(undefined);
        });
      });
    const outcome = expect(loader.load('k', load, never)).rejects.toMatchObject({ code: 'TIMEOUT' });
    await acquire(0);
    await clock.advance(10_000);
    await outcome;
    expect([aborted, clock.pending]).toEqual([true, 0]);
  });

  it('that ends after its deadline gives its lease up and writes nothing', async () => {
    const manual = manualLoad();
    const outcome = expect(loader.load('k', manual.load, never)).rejects.toMatchObject({ code: 'TIMEOUT' });
    await acquire(0);
    await clock.advance(10_000);
    await outcome;
    manual.end('loaded');
    await settle();
    expect(store.releases.map(({ lease }) => lease.leaseId)).toEqual(['lease1']);
    expect(store.writes).toEqual([]);
  });

  it('that does not heed its signal is left behind at its deadline: nobody waits for its lease, and no room is taken', async () => {
    for (const key of ['a', 'b']) {
      const outcome = expect(loader.load(key, () => new Promise(() => undefined), never)).rejects.toMatchObject({
        code: 'TIMEOUT',
      });
      await acquire(store.claims.length - 1);
      await clock.advance(10_000);
      await outcome;
      store.releases.at(-1)?.answer();
      await settle();
    }
    expect(store.releases.map(({ lease }) => lease.leaseId)).toEqual(['lease1', 'lease2']);
    void loader.load('c', async () => 'loaded', never).catch(() => undefined);
    expect(store.claims).toHaveLength(3);
  });

  it('that is in hand when the pod closes is aborted, and gives its lease up before the pod lets go', async () => {
    let reason: unknown;
    const load: Load<string> = (_key, { signal }) =>
      new Promise(() =>
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        }),
      );
    const outcome = expect(loader.load('k', load, never)).rejects.toMatchObject({ code: 'ABORTED' });
    await acquire(0);
    let closed = false;
    void flights.close().then(() => (closed = true));
    await outcome;
    await settle();
    expect([reason, closed, store.releases.length]).toEqual([expect.objectContaining({ code: 'ABORTED' }), false, 1]);
    store.releases[0]?.answer();
    await settle();
    expect([closed, store.writes.length, coherence.inFlight, clock.pending]).toEqual([true, 0, 0, 0]);
  });

  it('may give its value at once', async () => {
    const value = loader.load('k', () => 'loaded', never);
    await acquire(0);
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await expect(value).resolves.toBe('loaded');
  });

  it('whose install fails gives its lease up', async () => {
    const outcome = expect(loader.load('k', async () => 'loaded', never)).rejects.toMatchObject({ code: 'THROTTLED' });
    await acquire(0);
    store.writes[0]?.fail(new TidemarkError('THROTTLED', 'slow down', { retriable: true }));
    await settle();
    store.releases[0]?.answer();
    await outcome;
    expect(store.releases[0]?.lease.leaseId).toBe('lease1');
  });

  it('beyond the bound of loads in hand is refused', async () => {
    void loader.load('a', async () => 'x', never).catch(() => undefined);
    void loader.load('b', async () => 'x', never).catch(() => undefined);
    await expect(loader.load('c', async () => 'x', never)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });
});

describe('another pod’s lease', () => {
  const theirs = (until: number): ReturnType<typeof itemOf> =>
    itemOf('k', null, { leaseId: 'theirs', leaseUntil: until });

  it('is waited for, and its value served', async () => {
    const manual = manualLoad();
    const value = loader.load('k', manual.load, never);
    store.claims[0]?.answer({ type: 'refused', old: theirs(clock.now() + 10_000) });
    await clock.advance(24);
    expect(store.reads).toHaveLength(0);
    await clock.advance(1);
    store.reads[0]?.answer(theirs(clock.now() + 9_000));
    await clock.advance(50);
    store.reads[1]?.answer(itemOf('k', '"theirs"'));
    await expect(value).resolves.toBe('theirs');
    expect(manual.calls).toBe(0);
  });

  it('is taken over when it has run out', async () => {
    void loader.load('k', async () => 'loaded', never).catch(() => undefined);
    store.claims[0]?.answer({ type: 'refused', old: theirs(clock.now() + 10) });
    await clock.advance(10);
    store.reads[0]?.answer(theirs(clock.now() - 1));
    await settle();
    expect(store.claims[1]?.lease.leaseId).toBe('lease2');
  });

  it('that is taken over when its waiter’s time is up is given up at once: the next caller need not wait for its end', async () => {
    const manual = manualLoad();
    const outcome = expect(loader.load('k', manual.load, never)).rejects.toMatchObject({ code: 'TIMEOUT' });
    store.claims[0]?.answer({ type: 'refused', old: theirs(clock.now() + 9_999) });
    await clock.advance(9_999);
    store.reads.at(-1)?.answer(theirs(clock.now() - 1));
    await settle();
    await clock.advance(1);
    await outcome;
    await acquire(1);
    expect(store.releases.map(({ lease }) => lease.leaseId)).toEqual(['lease2']);
    expect(manual.calls).toBe(0);
  });
});

describe('a value that stands there already', () => {
  const claimMeets = async (value: string, writeId: string): Promise<void> => {
    store.claims[0]?.answer({ type: 'refused', old: itemOf('k', value, { writeId, expiresAt: 1_900_000_000 }) });
    await settle();
  };

  it('is kept, as read when the call that met it began', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    const readAt = clock.now();
    await clock.advance(100);
    await claimMeets('"theirs"', 'B');
    await expect(value).resolves.toBe('theirs');
    expect(coherence.peek('k')).toMatchObject({ value: 'theirs', writeId: 'B', expiresAt: 1_900_000_000, readAt });
  });

  it('hazard 22: is not kept once the key was touched, and an older entry goes before it is handed out', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    const own = { value: 'own', writeId: 'A', expiresAt: 0, readAt: clock.now(), bytes: 3 };
    coherence.completePut(coherence.beginWrite('k', 'A'), own);
    expect(coherence.peek('k')?.value).toBe('own');
    await claimMeets('"newer"', 'B');
    await expect(value).resolves.toBe('newer');
    expect([coherence.peek('k'), stats.fencedFills]).toEqual([undefined, 1]);
  });

  it('that cannot be decoded is neither handed out nor kept', async () => {
    const value = loader.load('k', async () => 'loaded', never);
    const outcome = expect(value).rejects.toMatchObject({ code: 'MALFORMED_ITEM' });
    await claimMeets('{', 'B');
    await outcome;
    expect([coherence.peek('k'), coherence.inFlight]).toEqual([undefined, 0]);
  });
});
