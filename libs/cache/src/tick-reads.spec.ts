import { beforeEach, describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { itemOf, ScriptedStore } from './testing/scripted-store.js';
import { TickReads } from './tick-reads.js';

let store: ScriptedStore;
let reads: TickReads;
beforeEach(() => {
  store = new ScriptedStore();
  reads = new TickReads({ store, table: 'things', timeoutMs: 1_000 });
});

const imageOf = (itemKey: string): ReturnType<typeof itemOf> => ({ ...itemOf('', '"v"'), key: itemKey });

describe('reads of one tick', () => {
  it('go out as one request, also when promise jobs ask for them one after the other', async () => {
    const values = Array.from({ length: 99 }, (_, at) => reads.read(`k${at}`));
    const later = Promise.resolve()
      .then(() => undefined)
      .then(() => reads.read('k99'));
    expect(store.batches).toHaveLength(0);
    await settle();
    expect([store.reads.length, store.batches.length, store.batches[0]?.itemKeys.length]).toEqual([0, 1, 100]);
    expect(store.batches[0]?.call.timeoutMs).toBe(1_000);
    store.batches[0]?.answer({ items: new Map([['k7', imageOf('k7')]]), unread: new Map() });
    const answers = await Promise.all([...values, later]);
    expect(answers.map((item) => item?.key).filter((key) => key !== undefined)).toEqual(['k7']);
  });

  it('are two requests from the hundred and first on, which do not wait for each other', async () => {
    const values = Array.from({ length: 101 }, (_, at) => reads.read(`k${at}`));
    await settle();
    expect([store.batches.map(({ itemKeys }) => itemKeys.length), store.reads.length]).toEqual([[100], 1]);
    store.reads[0]?.answer(imageOf('k100'));
    await expect(values[100]).resolves.toMatchObject({ key: 'k100' });
  });

  it('are as many requests as the store asks for, so that none waits for the turn of another', async () => {
    reads = new TickReads({ store: Object.assign(store, { readKeysMax: 40 }), table: 'things', timeoutMs: 1_000 });
    const values = Array.from({ length: 100 }, (_, at) => reads.read(`k${at}`));
    await settle();
    expect(store.batches.map(({ itemKeys }) => itemKeys.length)).toEqual([40, 40, 20]);
    store.batches[0]?.answer({ items: new Map([['k7', imageOf('k7')]]), unread: new Map() });
    await expect(values[7]).resolves.toMatchObject({ key: 'k7' });
  });

  it('one alone is a single read; the next tick makes another', async () => {
    const one = reads.read('k');
    await settle();
    const other = reads.read('k');
    await settle();
    expect([store.reads.map(({ itemKey }) => itemKey), store.batches.length]).toEqual([['k', 'k'], 0]);
    store.reads[1]?.answer(undefined);
    await expect(other).resolves.toBeUndefined();
    store.reads[0]?.fail(new Error('gone'));
    await expect(one).rejects.toThrow('gone');
  });

  it('fail one by one, or all with their request', async () => {
    const [first, second] = [reads.read('a'), reads.read('b')];
    await settle();
    store.batches[0]?.answer({ items: new Map(), unread: new Map([['b', new Error('unprocessed')]]) });
    await expect(first).resolves.toBeUndefined();
    await expect(second).rejects.toThrow('unprocessed');
    const all = Promise.allSettled([reads.read('a'), reads.read('b')]);
    await settle();
    store.batches[1]?.fail(new Error('gone'));
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('a store that throws at once fails them', async () => {
    store.read = () => {
      throw new Error('not a promise');
    };
    await expect(reads.read('k')).rejects.toThrow('not a promise');
  });
});
