import { describe, expect, it } from '@jest/globals';
import { keysInOrder, listKeysMax, nextList, type RecentlyListed } from './hot-key-list.js';
import { decodePart, encodeParts } from './list-parts.js';
import { type Pause, sliceKeys } from './slices.js';

/** Counts how often keys are looked at between two pauses. */
class Work {
  max = 0;
  #now = 0;

  readonly pause: Pause = async () => {
    this.#now = 0;
  };

  listed(count: number): RecentlyListed[] {
    return Array.from({ length: count }, (_, at) => {
      const look = (): string => this.#look(`key-${at}`);
      return {
        get key() {
          return look();
        },
        age: 1,
      };
    });
  }

  *slices(count: number): Generator<readonly string[]> {
    for (let from = 0; from < count; from += sliceKeys)
      yield Array.from({ length: sliceKeys }, (_, at) => this.#look(`own-${from + at}`));
  }

  #look(key: string): string {
    this.#now += 1;
    this.max = Math.max(this.max, this.#now);
    return key;
  }
}

describe('a list of hot keys of the largest size', () => {
  it('is made from what was there and what L1 has without holding the event loop up', async () => {
    const work = new Work();
    const old = { at: 1, hot: [], recent: work.listed(listKeysMax) };
    const own = { hot: [], recent: work.slices(listKeysMax / 2) };
    const list = await nextList(old, own, 2, work.pause);
    expect(list.recent.length).toBe(listKeysMax);
    expect(work.max).toBeLessThanOrEqual(2 * sliceKeys);
  });

  it('is encoded and put into order so, too', async () => {
    const work = new Work();
    const list = { at: 1, hot: [], recent: work.listed(listKeysMax) };
    expect((await keysInOrder(list, 'hot-keys', work.pause)).length).toBe(listKeysMax);
    const parts = await encodeParts(list, work.pause);
    expect(parts.length).toBeGreaterThan(1);
    expect(work.max).toBeLessThanOrEqual(2 * sliceKeys);
  });

  it('is decoded with a pause for each slice of its keys', async () => {
    const list = { at: 1, hot: [], recent: Array.from({ length: 10_000 }, (_, at) => ({ key: `key-${at}`, age: 0 })) };
    const [part = new Uint8Array()] = await encodeParts(list);
    let pauses = 0;
    const decoded = await decodePart('things', part, async () => void (pauses += 1));
    expect(decoded?.recent.length).toBe(10_000);
    expect(pauses).toBeGreaterThanOrEqual(10_000 / sliceKeys);
  });
});
