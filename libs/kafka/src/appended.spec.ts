import { describe, expect, it } from '@jest/globals';
import { placesOf } from './appended.js';

const to = (...partitions: readonly number[]) =>
  partitions.map((partition) => ({ partition, record: { key: null, value: null, header: null } }));

const run = (partition: number, baseOffset: number, count: number, appendTimeMs = -1) => ({
  partition,
  baseOffset,
  count,
  appendTimeMs,
});

describe('placesOf', () => {
  it('counts on within a run, and over from one run of a partition to the next', () => {
    const runs = [run(0, 100, 2), run(1, 7, 1, 5_000), run(0, 200, 1)];
    expect(placesOf(to(0, 1, 0, 0), runs)).toEqual([
      { partition: 0, offset: 100, appendTimeMs: -1 },
      { partition: 1, offset: 7, appendTimeMs: 5_000 },
      { partition: 0, offset: 101, appendTimeMs: -1 },
      { partition: 0, offset: 200, appendTimeMs: -1 },
    ]);
  });

  it('never makes a place up', () => {
    expect(() => placesOf(to(0, 0), [run(0, 1, 1)])).toThrow(RangeError);
    expect(() => placesOf(to(1), [run(0, 1, 1)])).toThrow(RangeError);
    expect(placesOf([], [])).toEqual([]);
  });
});
