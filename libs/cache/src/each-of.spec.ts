import { settle } from '@tidemark/runtime/testing';
import { describe, expect, it } from '@jest/globals';
import { eachOf } from './each-of.js';

describe('eachOf', () => {
  it('keeps to its bound and does everything', async () => {
    const gates: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const all = eachOf([1, 2, 3, 4, 5], 2, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running -= 1;
    });
    for (let i = 0; i < 5; i += 1) {
      gates[i]?.();
      await settle();
    }
    await all;
    expect([most, gates.length]).toEqual([2, 5]);
  });

  it('begins nothing more after a failure, and waits for what was begun', async () => {
    const begun: number[] = [];
    let ended = false;
    const all = eachOf([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await settle();
      ended = true;
    });
    await expect(all).rejects.toThrow('first');
    expect([begun, ended]).toEqual([[1, 2], true]);
  });

  it('of nothing is done', async () => {
    await expect(eachOf([], 5, () => Promise.reject(new Error('never')))).resolves.toBeUndefined();
  });
});
