import { beforeEach, describe, expect, it } from '@jest/globals';
import { isTidemarkError, MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { itemOf, ScriptedStore } from '../testing/scripted-store.js';
import { GuardedStore } from './guarded-store.js';
import { ReadBudget } from './read-budget.js';
import { type GuardProfile, TableGuard } from './table-guard.js';

const table = 'things';
const call = { timeoutMs: 1_000 };
const condition = { type: 'newer', than: '0'.repeat(32) } as never;
let clock: ManualClock;
let store: ScriptedStore;
let guard: TableGuard;
let chance: number;

beforeEach(() => {
  clock = new ManualClock();
  store = new ScriptedStore();
  chance = 0.99;
  guard = new TableGuard({
    table,
    clock,
    random: () => chance,
    metrics: new MetricRegistry(),
    inFlightMax: 4,
    queueMax: 8,
  });
});

function storeFor(profile: Partial<GuardProfile> = {}): GuardedStore {
  return new GuardedStore(store, guard, { availability: 'critical', hedgeAfterMs: undefined, ...profile });
}

/** Reads that the store answers after `latencyMs` each. */
async function answered(reads: number, latencyMs: number): Promise<void> {
  for (let n = 0; n < reads; n += 1) {
    const read = storeFor().read(table, 'k', call);
    await clock.advance(latencyMs);
    store.reads.at(-1)?.answer(itemOf('k', '"v"'));
    await read;
  }
}

async function failed(reads: number, error: Error): Promise<void> {
  for (let n = 0; n < reads; n += 1) {
    const read = storeFor()
      .read(table, 'k', call)
      .catch(() => undefined);
    store.reads.at(-1)?.fail(error);
    await read;
  }
}
const failure = (code: 'THROTTLED' | 'MALFORMED_ITEM', hotKey = false): TidemarkError =>
  new TidemarkError(code, 'no', { retriable: true, context: { hotKey } });
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown): unknown => Reflect.get(Object(error), 'code'));
const nextTimeoutMs = async (): Promise<number> => {
  void storeFor().read(table, 'k', call);
  const last = store.reads.at(-1);
  last?.answer(undefined);
  await settle();
  return last?.call.timeoutMs ?? 0;
};

describe('time-outs of reads', () => {
  it('follow the observed latency down and up, and are the configured one before anything is known', async () => {
    expect(await nextTimeoutMs()).toBe(1_000);
    await answered(120, 5);
    expect(await nextTimeoutMs()).toBe(500);
    await answered(120, 100);
    expect(await nextTimeoutMs()).toBeGreaterThan(399);
    await clock.advance(60_000);
    expect(await nextTimeoutMs()).toBe(1_000);
  });
});

describe('shedding', () => {
  it('refuses a write with an error that says that it was not sent', async () => {
    for (let n = 0; n < 40; n += 1) {
      const write = storeFor()
        .put(table, itemOf('k', '"v"'), condition, call)
        .catch(() => undefined);
      store.writes.at(-1)?.fail(failure('THROTTLED'));
      await write;
    }
    chance = 0;
    const sent = store.writes.length;
    expect(await codeOf(storeFor().put(table, itemOf('k', '"v"'), condition, call))).toBe('OVERLOADED');
    expect([store.writes.length, guard.load().shed]).toEqual([sent, 1]);
    expect(guard.load()).toMatchObject({ shedShareReads: 0, inFlight: 0 });
  });

  it('counts neither items that cannot be read nor a hot key', async () => {
    await failed(50, failure('MALFORMED_ITEM'));
    await failed(50, failure('THROTTLED', true));
    expect(guard.load().shedShareReads).toBe(0);
    await failed(400, failure('THROTTLED'));
    expect(guard.load().shedShareReads).toBeGreaterThan(0.5);
  });

  it('begins with best effort', async () => {
    await answered(70, 1);
    await failed(30, failure('THROTTLED'));
    chance = 0;
    expect(await codeOf(storeFor({ availability: 'best-effort' }).read(table, 'k', call))).toBe('OVERLOADED');
    const critical = storeFor().read(table, 'k', call);
    store.reads.at(-1)?.answer(undefined);
    expect(await critical).toBeUndefined();
  });
});

describe('a stalled store', () => {
  it('holds no more than its places and its queue, and every call ends by its time-out', async () => {
    const codes = Array.from({ length: 20 }, () => codeOf(storeFor().read(table, 'k', call)));
    await settle();
    expect(guard.load()).toMatchObject({ inFlight: 4, queued: 8, refused: 8 });
    expect(store.reads).toHaveLength(4);
    for (const read of store.reads) read.fail(new TidemarkError('TIMEOUT', 'late', { retriable: true }));
    await clock.advance(1_000);
    for (const read of store.reads) read.fail(new TidemarkError('TIMEOUT', 'late', { retriable: true }));
    await settle();
    const counts = (await Promise.all(codes)).filter((code) => code === 'QUEUE_FULL').length;
    expect([counts, guard.load().inFlight, guard.load().queued, clock.pending]).toEqual([8, 0, 0, 0]);
  });
});

describe('a budget of reads', () => {
  const keysOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `k${n}`);
  const noItems = { items: new Map(), unread: new Map() };

  beforeEach(() => {
    const budget = new ReadBudget({
      ...{ clock, table, queueMax: 8 },
      keysPerSecondAtFirst: 40,
      keysPerSecond: () => 40,
    });
    guard = new TableGuard({ table, clock, budget, random: () => chance, metrics: new MetricRegistry() });
  });

  it('cuts a large read up, and gives what was read in time beside what was not', async () => {
    const read = storeFor().readMany(table, [...keysOf(45), 'k0'], call);
    await settle();
    expect(store.batches.map(({ itemKeys }) => itemKeys.length)).toEqual([10]);
    for (let ms = 0; ms < 1_000; ms += 50) {
      for (const batch of store.batches.splice(0))
        batch.answer({ items: new Map(batch.itemKeys.map((key) => [key, itemOf(key, '"v"')])), unread: new Map() });
      await clock.advance(50);
    }
    const { items, unread } = await read;
    expect([items.size, [...unread.keys()]]).toEqual([40, keysOf(45).slice(40)]);
    expect([...unread.values()].map((error) => isTidemarkError(error, 'OVERLOADED'))).toEqual(Array(5).fill(true));
    expect(guard.load()).toMatchObject({ readKeys: 40, budgetRefusedKeys: 5, budgetQueuedKeys: 0, inFlight: 0 });
  });

  it('fails a large read of which nothing was read in time', async () => {
    void storeFor().readMany(table, keysOf(10), call);
    const read = codeOf(storeFor().readMany(table, keysOf(20), { timeoutMs: 100 }));
    expect(await read).toBe('OVERLOADED');
    for (const batch of store.batches) batch.answer(noItems);
  });

  it('gives the read itself what the wait has left', async () => {
    for (let n = 0; n < 10; n += 1) void storeFor().read(table, 'k', call);
    const read = storeFor().read(table, 'k', call);
    await clock.advance(25);
    expect(store.reads.map(({ call: { timeoutMs } }) => timeoutMs)).toEqual([...Array<number>(10).fill(1_000), 975]);
    for (const open of store.reads) open.answer(undefined);
    expect(await read).toBeUndefined();
  });

  it('holds up no write, and takes no place from one, however many reads wait', async () => {
    for (let n = 0; n < 30; n += 1) void codeOf(storeFor().read(table, 'k', call));
    await settle();
    void codeOf(storeFor().put(table, itemOf('k', '"v"'), condition, call));
    expect(store.writes).toHaveLength(1);
    expect(guard.load()).toMatchObject({ inFlight: 11, queued: 0, budgetQueuedKeys: 8 });
    guard.close();
  });

  it('says nothing about the table when it refuses', async () => {
    for (let n = 0; n < 100; n += 1) void codeOf(storeFor().read(table, 'k', call));
    for (const open of store.reads) open.answer(undefined);
    await settle();
    expect(guard.load()).toMatchObject({ shed: 0, shedShareReads: 0 });
    guard.close();
  });

  it('gives no second read a turn that another waits for', async () => {
    const hedging = { hedgeAfterMs: 5 } as const;
    for (let n = 0; n < 11; n += 1) void codeOf(storeFor(hedging).read(table, 'k', call));
    await clock.advance(20);
    expect(store.reads).toHaveLength(10);
    guard.close();
  });
});

describe('a hedged read', () => {
  const hedging = { hedgeAfterMs: 10 } as const;

  it('is answered by the second when the first is late, and the first is aborted', async () => {
    const read = storeFor(hedging).read(table, 'k', call);
    await clock.advance(10);
    expect(store.reads.map(({ call: { timeoutMs } }) => timeoutMs)).toEqual([1_000, 990]);
    store.reads[1]?.answer(itemOf('k', '"v"'));
    expect(await read).toMatchObject({ value: '"v"' });
    expect(store.reads.map(({ call: { signal } }) => signal?.aborted)).toEqual([true, true]);
    store.reads[0]?.fail(new TidemarkError('ABORTED', 'gone', { retriable: false }));
    await settle();
    expect(guard.load()).toMatchObject({ hedgesWon: 1, hedgesLost: 0, inFlight: 0, shedShareReads: 0 });
  });

  it('is as consistent, both times, as was asked for', async () => {
    const eventual = { ...call, consistency: 'eventual' } as const;
    const reads = [storeFor(hedging).read(table, 'k', eventual), storeFor().readMany(table, ['k', 'l'], eventual)];
    await clock.advance(10);
    expect([...store.reads, ...store.batches].map((sent) => sent.call.consistency)).toEqual(
      Array.from({ length: 3 }, () => 'eventual'),
    );
    store.reads[0]?.answer(undefined);
    store.batches[0]?.answer({ items: new Map(), unread: new Map() });
    await Promise.all(reads);
    store.reads[1]?.answer(undefined);
    await settle();
  });

  it('is answered by the first when that is there first, and gives the second place back', async () => {
    const read = storeFor(hedging).read(table, 'k', call);
    await clock.advance(10);
    store.reads[0]?.answer(undefined);
    await read;
    expect(store.reads[1]?.call.signal?.aborted).toBe(true);
    store.reads[1]?.fail(new TidemarkError('ABORTED', 'gone', { retriable: false }));
    await settle();
    expect(guard.load()).toMatchObject({ hedgesWon: 0, hedgesLost: 1, inFlight: 0 });
  });

  it('reads once when the answer is in time, and fails only when both have failed', async () => {
    const quick = storeFor(hedging).read(table, 'k', call);
    store.reads[0]?.answer(undefined);
    await quick;
    expect([store.reads.length, clock.pending]).toEqual([1, 0]);
    const read = storeFor(hedging).read(table, 'k', call);
    await clock.advance(10);
    store.reads[1]?.fail(failure('THROTTLED'));
    await settle();
    store.reads[2]?.answer(itemOf('k', '"late"'));
    expect(await read).toMatchObject({ value: '"late"' });
  });

  it('is begun for one read in twenty at most', async () => {
    for (let n = 0; n < 200; n += 1) {
      const before = store.reads.length;
      const read = storeFor(hedging).read(table, 'k', call);
      await clock.advance(10);
      for (const open of store.reads.slice(before)) open.answer(undefined);
      await read;
    }
    await settle();
    expect(store.reads.length).toBeGreaterThan(215);
    expect(store.reads.length).toBeLessThanOrEqual(220);
  });

  it('is aborted by its caller with both its reads', async () => {
    const aborter = new AbortController();
    const read = codeOf(storeFor(hedging).read(table, 'k', { ...call, signal: aborter.signal }));
    await clock.advance(10);
    aborter.abort();
    expect(store.reads.map(({ call: { signal } }) => signal?.aborted)).toEqual([true, true]);
    for (const open of store.reads) open.fail(new TidemarkError('ABORTED', 'gone', { retriable: false }));
    expect(await read).toBe('ABORTED');
  });
});
