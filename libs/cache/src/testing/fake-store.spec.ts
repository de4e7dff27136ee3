import { describe, expect, it } from '@jest/globals';
import { formatWriteId, type ItemImage, writeImage } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { FakeStore } from './fake-store.js';
import { storeContract } from './store-contract.js';

const table = 'permissions';

describe('the contract of a store: the fake', () => {
  const cases = storeContract(async () => {
    const store = new FakeStore({ tables: [table] });
    let release: () => void = () => undefined;
    return {
      store,
      table,
      putForeign: async (item) => store.writeItem(table, item),
      stall: () => {
        release = store.stall();
      },
      close: async () => release(),
    };
  });
  for (const { name, run } of cases) it(name, run);
});

const writeId = formatWriteId({ ms: 1_700_000_000_000, counter: 0, incarnation: '00000000000000aa' });
const image: ItemImage = {
  key: 'u:1',
  value: Uint8Array.of(1),
  codec: 'own',
  writeId,
  expiresAt: null,
  writtenBy: null,
  tombstone: false,
  leaseId: null,
  leaseUntil: null,
  loaded: false,
};
const newer = { type: 'newer', than: writeId } as const;
const call = { timeoutMs: 1_000 };

function failure(outcome: Promise<unknown>): Promise<unknown> {
  return outcome.then(
    (value) => ({ resolved: value }),
    (error: unknown) => error,
  );
}

describe('a fault', () => {
  it('of an error does nothing, and is told as it is, a time-out too', async () => {
    const store = new FakeStore();
    const error = new TidemarkError('TIMEOUT', 'never sent', { retriable: true });
    store.fault('put', { type: 'error', error });
    await expect(store.put(table, image, newer, call)).rejects.toBe(error);
    expect(store.item(table, 'u:1')).toBeUndefined();
    await expect(store.put(table, image, newer, call)).resolves.toMatchObject({ type: 'committed' });
  });

  it('meets calls of its operation only, as often as told, and after those set before it', async () => {
    const store = new FakeStore();
    store.fault('read', { type: 'throttle' }, 2);
    store.fault('read', { type: 'throttle', hotKey: true });
    await store.delete(table, 'u:1', newer, call);
    const read = (): Promise<unknown> => failure(store.read(table, 'u:1', call));
    const outcomes = [await read(), await read(), await read(), await read()];
    expect(outcomes).toMatchObject([
      { code: 'THROTTLED', context: { hotKey: false } },
      { code: 'THROTTLED', context: { hotKey: false } },
      { code: 'THROTTLED', context: { hotKey: true } },
      { resolved: undefined },
    ]);
    expect(store.calls.map(({ operation }) => operation)).toEqual(['delete', 'read', 'read', 'read', 'read']);
  });

  it('of a lost answer commits, and is ambiguous', async () => {
    const store = new FakeStore();
    store.fault('put', { type: 'lostAnswer' });
    store.fault('read', { type: 'lostAnswer' });
    await expect(store.put(table, image, newer, call)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    expect(store.item(table, 'u:1')).toEqual(writeImage(image));
    await expect(store.read(table, 'u:1', call)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('of a late request lets a write arrive after its caller gave up', async () => {
    const clock = new ManualClock();
    const store = new FakeStore({ clock });
    store.fault('put', { type: 'lateRequest', delayMs: 1_500 });
    const put = failure(store.put(table, image, newer, call));
    await clock.advance(1_000);
    expect(await put).toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    expect(store.item(table, 'u:1')).toBeUndefined();
    await clock.advance(500);
    expect(store.item(table, 'u:1')).toEqual(writeImage(image));
    expect(clock.pending).toBe(0);
  });

  it('of a late answer takes effect at once', async () => {
    const clock = new ManualClock();
    const store = new FakeStore({ clock });
    store.fault('put', { type: 'lateAnswer', delayMs: 500 });
    const put = failure(store.put(table, image, newer, call));
    await clock.advance(499);
    expect(store.item(table, 'u:1')).toEqual(writeImage(image));
    await clock.advance(1);
    expect(await put).toEqual({ resolved: { type: 'committed', old: undefined } });
  });

  it('of unread keys leaves those out, and fails when those are all', async () => {
    const store = new FakeStore();
    const error = new TidemarkError('TIMEOUT', 'late', { retriable: true });
    await store.put(table, image, newer, call);
    store.fault('readMany', { type: 'unread', itemKeys: ['u:2'], error });
    store.fault('readMany', { type: 'unread', itemKeys: ['u:1', 'u:2'] });
    const { items, unread } = await store.readMany(table, ['u:1', 'u:2'], call);
    expect([...items]).toEqual([['u:1', image]]);
    expect([...unread]).toEqual([['u:2', error]]);
    await expect(store.readMany(table, ['u:1', 'u:2'], call)).rejects.toMatchObject({ code: 'THROTTLED' });
  });
});

describe('a stalled fake', () => {
  it('answers once released', async () => {
    const store = new FakeStore();
    const release = store.stall();
    const put = store.put(table, image, newer, call);
    expect(store.calls).toHaveLength(1);
    expect(store.item(table, 'u:1')).toBeUndefined();
    release();
    await expect(put).resolves.toMatchObject({ type: 'committed' });
    await expect(store.read(table, 'u:1', call)).resolves.toEqual(image);
  });
});

describe('what is stored', () => {
  it('is out of reach of those who wrote and read it', async () => {
    const store = new FakeStore();
    const value = Uint8Array.of(1);
    await store.put(table, { ...image, value }, newer, call);
    value[0] = 2;
    const read = await store.read(table, 'u:1', call);
    (read?.value as Uint8Array)[0] = 3;
    await expect(store.read(table, 'u:1', call)).resolves.toEqual(image);
  });

  it('can be removed without a condition', async () => {
    const store = new FakeStore();
    await store.put(table, image, newer, call);
    store.removeItem(table, 'u:1');
    await expect(store.read(table, 'u:1', call)).resolves.toBeUndefined();
  });

  it('has a key', () => {
    expect(() => new FakeStore().writeItem(table, { key: { N: '1' } })).toThrow(
      expect.objectContaining({ code: 'INVALID_KEY' }),
    );
  });
});
