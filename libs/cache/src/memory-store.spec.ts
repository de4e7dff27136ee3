import { describe, expect, it } from '@jest/globals';
import { formatWriteId, type ItemImage } from '@tidemark/protocol';
import { ManualClock } from '@tidemark/runtime/testing';
import { type MemoryChange, MemoryStore } from './memory-store.js';
import { storeContract } from './testing/store-contract.js';

const table = 'permissions';
const call = { timeoutMs: 1_000 };

describe('the contract of a store: the one in memory', () => {
  const cases = storeContract(async () => {
    let release: () => void = () => undefined;
    let stalled: Promise<void> | undefined;
    const store = new MemoryStore(undefined, undefined, { tables: [table], before: () => stalled });
    return {
      store,
      table,
      putForeign: async (item) => store.writeItem(table, item),
      stall: () => {
        stalled = new Promise((resolve) => (release = resolve));
      },
      close: async () => release(),
    };
  });
  for (const { name, run } of cases) it(name, run);
});

const writeId = formatWriteId({ ms: 1_700_000_000_000, counter: 0, incarnation: '00000000000000aa' });
const newer = { type: 'newer', than: writeId } as const;
const image: ItemImage = {
  ...{ key: 'u:1', value: Uint8Array.of(1), codec: 'own', writeId, expiresAt: null, writtenBy: null },
  ...{ tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
};

describe('a call that waits for nothing', () => {
  it('takes effect in its turn, and sets no timer', () => {
    const clock = new ManualClock();
    const changes: MemoryChange[] = [];
    const store = new MemoryStore((change) => changes.push(change), undefined, { clock });
    void store.put(table, image, newer, call);
    expect(changes).toEqual([{ table, old: undefined, new: image }]);
    expect(clock.pending).toBe(0);
  });
});

describe('a change', () => {
  it('is told of every write that is done, and of no other', async () => {
    const changes: [old: string | null | undefined, now: string | null | undefined][] = [];
    const store = new MemoryStore((change) => changes.push([change.old?.leaseId, change.new?.leaseId]));
    const claim = { leaseId: 'l-1', nowMs: 0, leaseUntil: 1, expiresAt: 1 };
    await store.delete(table, 'u:1', newer, call);
    await store.touch(table, 'u:1', 'm-1', call);
    await store.acquireLease(table, 'u:1', claim, call);
    await store.acquireLease(table, 'u:1', claim, call);
    await store.touch(table, 'u:1', 'm-1', call);
    await store.releaseLease(table, 'u:1', { leaseId: 'l-2', writeId: null }, call);
    await store.releaseLease(table, 'u:1', { leaseId: 'l-1', writeId: null }, call);
    store.write(table, 'u:1', image);
    store.write(table, 'u:1', undefined);
    store.write(table, 'u:1', undefined);
    expect(changes).toEqual([
      [undefined, 'l-1'],
      ['l-1', 'l-1'],
      ['l-1', undefined],
      [undefined, null],
      [null, undefined],
    ]);
  });

  it('is told without what is malformed in it', () => {
    const changes: MemoryChange[] = [];
    const store = new MemoryStore((change) => changes.push(change));
    store.writeItem(table, { key: { S: 'u:1' }, value: { L: [] }, codec: { S: 'own' } });
    expect(changes).toMatchObject([{ old: undefined, new: { key: 'u:1', value: null, codec: 'own' } }]);
  });
});

describe('a table', () => {
  it('is there once it is named, and is told once', async () => {
    const tables: string[] = [];
    const store = new MemoryStore(undefined, (name) => tables.push(name));
    await store.check('one', call);
    await store.read('two', 'u:1', call);
    await store.read('one', 'u:1', call);
    expect(tables).toEqual(['one', 'two']);
  });
});
