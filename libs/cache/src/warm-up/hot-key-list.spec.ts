import { describe, expect, it } from '@jest/globals';
import { type HotKeyList, keysInOrder, listKeysMax, nextList } from './hot-key-list.js';

const hot = (rates: Record<string, number>): { key: string; rate: number }[] =>
  Object.entries(rates).map(([key, rate]) => ({ key, rate }));

describe('nextList', () => {
  it('of the first pod is what it knows', async () => {
    expect(await nextList(undefined, { hot: hot({ a: 2, b: 8 }), recent: [['c', 'b']] }, 7)).toEqual({
      at: 7,
      hot: hot({ b: 8, a: 2 }),
      recent: [
        { key: 'c', age: 0 },
        { key: 'b', age: 0 },
      ],
    });
  });

  it('ranks what is hot in many pods above what is hot in one', async () => {
    let list: HotKeyList | undefined;
    for (let pod = 0; pod < 6; pod += 1)
      list = await nextList(list, { hot: hot({ everywhere: 10, [`only-${pod}`]: 12 }), recent: [] }, pod);
    expect(list?.hot[0]).toMatchObject({ key: 'everywhere' });
  });

  it('forgets keys that are hot no more, within a dozen publications', async () => {
    let list = await nextList(undefined, { hot: hot({ yesterday: 40 }), recent: [['yesterday']] }, 0);
    for (let at = 1; at <= 12; at += 1)
      list = await nextList(list, { hot: hot({ today: 1 }), recent: [['today']] }, at);
    expect(list.hot.map(({ key }) => key)).toEqual(['today']);
    expect(list.recent.map(({ key }) => key)).toEqual(['today']);
  });

  it('keeps what other pods used last behind what this pod did, the newer first', async () => {
    const first = await nextList(undefined, { hot: [], recent: [['a', 'b']] }, 0);
    const second = await nextList(first, { hot: [], recent: [['c', 'a']] }, 1);
    const third = await nextList(second, { hot: [], recent: [['d']] }, 2);
    expect(third.recent.map(({ key, age }) => `${key}${age}`)).toEqual(['d0', 'c1', 'a1', 'b2']);
  });

  it('has no more keys than it may, whatever pods hold', async () => {
    const many = (prefix: string): string[] => Array.from({ length: 80_000 }, (_, at) => `${prefix}${at}`);
    const first = await nextList(undefined, { hot: [], recent: [many('a')] }, 0);
    const second = await nextList(first, { hot: [], recent: [many('b')] }, 1);
    expect(second.recent.length).toBe(listKeysMax);
    expect(second.recent[0]?.key).toBe('b0');
  });
});

describe('keysInOrder', () => {
  it('gives the hottest first, or those that were used last, each once', async () => {
    const list = await nextList(undefined, { hot: hot({ a: 9, b: 5 }), recent: [['c', 'b', 'd']] }, 0);
    expect(await keysInOrder(list, 'hot-keys')).toEqual(['a', 'b', 'c', 'd']);
    expect(await keysInOrder(list, 'most-recent')).toEqual(['c', 'b', 'd', 'a']);
  });
});
