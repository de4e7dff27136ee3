import { WriteClock } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AmbiguousWriteError } from './cache-errors.js';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { Holder } from './holder.js';
import { newL1 } from './l1/l1.js';
import { L2Writer, type WriteResult } from './l2-writer.js';
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
let writer: L2Writer;
let ambiguous: [key: string, operation: string, writeId: string][];

beforeEach(() => {
  store = new ScriptedStore();
  ambiguous = [];
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
  writer = new L2Writer({
    ...{
      store,
      cache: 'things',
      table: 'things',
      bucket: 'things',
      region: 'here',
      codec,
      holder,
      coherence,
      clock,
      stats,
    },
    writeClock: new WriteClock('00000000000000aa', () => clock.now()),
    tombstoneMs: 86_400_000,
    onAmbiguous: (key, operation, writeId) => ambiguous.push([key, operation, writeId]),
  });
});

const put = (value: unknown, timeoutMs = 1_000, signal?: AbortSignal): Promise<WriteResult> =>
  writer.put('put', 'k', codec.encode(value), null, { type: 'replace' }, { timeoutMs, signal });
const held = (): unknown => coherence.peek('k')?.value;
const idOf = (index: number): string => store.writes[index]?.image?.writeId ?? '';
/** An id of another writer, so many ms from now. */
const idAt = (aheadMs: number): string =>
  (clock.now() + aheadMs).toString(16).padStart(12, '0') + '0000' + 'b'.repeat(16);
async function refuse(index: number, writeId: string | null, over: Parameters<typeof itemOf>[2] = {}): Promise<void> {
  store.writes[index]?.answer({ type: 'refused', old: itemOf('k', '"theirs"', { writeId, ...over }) });
  await settle();
}

describe('a put', () => {
  it('goes out once, on the condition that nothing newer is there, and is held after its acknowledgement', async () => {
    const receipt = put('mine');
    expect(store.writes[0]?.condition).toEqual({ type: 'newer', than: idOf(0) });
    expect(held()).toBeUndefined();
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await expect(receipt).resolves.toMatchObject({ type: 'committed', writeId: idOf(0) });
    expect([held(), coherence.peek('k')?.writeId, coherence.inFlight]).toEqual(['mine', idOf(0), 0]);
  });

  it('hazard 11: carries a fresh id in every attempt, past the winner’s', async () => {
    const receipt = put('mine');
    await refuse(0, idAt(5_000));
    expect(idOf(1) > idAt(5_000)).toBe(true);
    expect(store.writes[1]?.condition).toEqual({ type: 'newer', than: idOf(1) });
    store.writes[1]?.answer({ type: 'committed', old: undefined });
    await expect(receipt).resolves.toMatchObject({ type: 'committed', writeId: idOf(1) });
  });

  it('hazard 17: out-bids an id of the far future without moving its clock', async () => {
    const receipt = put('mine');
    await refuse(0, idAt(10_000_000));
    expect(idOf(1) > idAt(10_000_000)).toBe(true);
    store.writes[1]?.answer({ type: 'committed', old: undefined });
    await receipt;
    void put('next').catch(() => undefined);
    expect(idOf(2) < idAt(1_000)).toBe(true);
  });

  it.each([
    ['malformed', 'zzz'],
    ['the greatest there can be (hazard 17)', 'f'.repeat(32)],
  ])('gets past an id that is %s by compare-and-set', async (_name, id) => {
    const receipt = put('mine');
    await refuse(0, id);
    expect(store.writes[1]?.condition).toEqual({ type: 'replaces', writeId: id });
    store.writes[1]?.answer({ type: 'committed', old: itemOf('k', '"theirs"', { writeId: id }) });
    await expect(receipt).resolves.toMatchObject({ type: 'committed' });
  });

  it('is superseded by a second winner, and the entry is dropped', async () => {
    const receipt = put('mine');
    await refuse(0, idAt(10));
    await refuse(1, idAt(20));
    await expect(receipt).resolves.toEqual({ type: 'refused', reason: 'superseded' });
    expect([held(), stats.superseded, store.writes.length]).toEqual([undefined, 1, 2]);
  });

  it.each<[string, Parameters<typeof itemOf>[2]]>([
    ['loaded values', { loaded: true }],
    ['leases', { value: null, leaseId: 'l' }],
  ])('is never superseded by %s, and gives up after a bounded number of attempts', async (_name, over) => {
    const receipt = put('mine', 10_000);
    const outcome = expect(receipt).rejects.toMatchObject({ code: 'WRITE_CONTENDED', retriable: true });
    for (let attempt = 0; attempt < 8; attempt += 1) await refuse(attempt, idAt(attempt * 100), over);
    await outcome;
    expect([store.writes.length, coherence.inFlight]).toEqual([8, 0]);
  });

  it.each<[string, Error]>([
    ['says so', new TidemarkError('AMBIGUOUS_WRITE', 'no answer', { retriable: false })],
    ['breaks in an unknown way', new Error('socket hang up')],
  ])('hazards 9 and 53: is never sent again when the store %s; the entry is dropped', async (_name, error) => {
    coherence.localPut('k', { value: 'old', bytes: 1 }, 1);
    const receipt = put('mine');
    store.writes[0]?.fail(error);
    await expect(receipt).rejects.toBeInstanceOf(AmbiguousWriteError);
    expect([held(), store.writes.length, stats.ambiguousWrites]).toEqual([undefined, 1, 1]);
    expect(ambiguous).toEqual([['k', 'put', idOf(0)]]);
  });

  it('keeps the entry when nothing was written for certain', async () => {
    coherence.localPut('k', { value: 'old', bytes: 1 }, 1);
    const receipt = put('mine');
    store.writes[0]?.fail(new TidemarkError('THROTTLED', 'slow down', { retriable: true }));
    await expect(receipt).rejects.toMatchObject({ code: 'THROTTLED' });
    expect([held(), stats.writeErrors]).toEqual(['old', 1]);
  });

  it('hazard 10: installs nothing when something happened to the key before its acknowledgement', async () => {
    const receipt = put('mine');
    coherence.invalidate('k');
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await receipt;
    expect(held()).toBeUndefined();
  });

  it('hazard 34: an image that is too large is refused before it is sent', async () => {
    await expect(put('x'.repeat(300_000))).rejects.toThrow(/expected an item of at most 262144 bytes/);
    expect(store.writes).toHaveLength(0);
  });
});

describe('a delete', () => {
  it('hazard 61: is sent although nothing seems to be there, and leaves an absence', async () => {
    const receipt = writer.delete('k', 'remove', { timeoutMs: 1_000 });
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await expect(receipt).resolves.toMatchObject({ type: 'committed' });
    expect(coherence.peek('k')).toMatchObject({ value: undefined, writeId: null });
  });

  it('hazard 3: leaves nothing when an event came meanwhile', async () => {
    const receipt = writer.delete('k', 'remove', { timeoutMs: 1_000 });
    coherence.invalidate('k');
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await receipt;
    expect(coherence.peek('k')).toBeUndefined();
  });
});

describe('writes of one key', () => {
  it('hazard 40: follow one another, and their ids grow', async () => {
    const receipts = [put('a'), put('b')];
    expect(store.writes).toHaveLength(1);
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await settle();
    store.writes[1]?.answer({ type: 'committed', old: undefined });
    await Promise.all(receipts);
    expect([idOf(0) < idOf(1), held()]).toEqual([true, 'b']);
  });

  it('a write whose time passes while it waits ends in time, and is not sent', async () => {
    const first = put('a', 10_000);
    const second = put('b', 50);
    const outcome = expect(second).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(50);
    await outcome;
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await first;
    await writer.idle();
    expect([store.writes.length, held(), clock.pending]).toEqual([1, 'a', 0]);
  });

  it('a write that is aborted while it waits ends at once, and is not sent', async () => {
    const aborter = new AbortController();
    const first = put('a');
    const second = put('b', 1_000, aborter.signal);
    const outcome = expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    aborter.abort();
    await outcome;
    store.writes[0]?.answer({ type: 'committed', old: undefined });
    await first;
    await writer.idle();
    expect(store.writes).toHaveLength(1);
  });

  it('a retry gets what is left of its time, and none when nothing is left', async () => {
    const receipt = put('a', 100);
    const outcome = expect(receipt).rejects.toMatchObject({ code: 'TIMEOUT', retriable: true });
    await clock.advance(60);
    await refuse(0, idAt(1));
    expect(store.writes[1]?.call.timeoutMs).toBe(40);
    await clock.advance(40);
    await refuse(1, idAt(2), { loaded: true });
    await outcome;
    expect(store.writes).toHaveLength(2);
  });
});
