import { describe, expect, it } from '@jest/globals';
import { PartitionState } from './partition-state.js';

describe('PartitionState', () => {
  it('hazard 25: is open from when it is followed, and as long', () => {
    const state = new PartitionState();
    expect([state.open, state.watermark, state.progress]).toEqual([false, 0, -1]);
    state.followed = 'topic';
    expect(state.open).toBe(true);
    state.followed = undefined;
    expect(state.open).toBe(false);
  });

  it('hazard 45: has a higher generation after each flush, so that none comes back', () => {
    const state = new PartitionState();
    const generations = [0, 1, 2].map(() => {
      const before = state.generation;
      state.raiseGeneration();
      return before;
    });
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
    expect(new Set([...generations, state.generation]).size).toBe(4);
  });
});
