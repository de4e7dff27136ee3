import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { judgeArrival, judgePosition, Positions } from './positions.js';

describe('judgeArrival', () => {
  it.each([
    [5n, 5n, { type: 'expected' }],
    [5n, 6n, { type: 'gap', direction: 'ahead' }],
    [5n, 4n, { type: 'gap', direction: 'behind' }],
    [2n ** 60n, 2n ** 60n + 1n, { type: 'gap', direction: 'ahead' }],
  ])('expected %s, got %s', (expected, first, arrival) => {
    expect(judgeArrival(expected, first)).toEqual(arrival);
  });
});

describe('judgePosition', () => {
  it.each([
    [0n, 'expected'],
    [10n, 'expected'],
    [11n, 'gap'],
  ])('%s in a log of 0 to 10 is %s', (position, type) => {
    expect(judgePosition(position, 0n, 10n).type).toBe(type);
  });

  it('finds a position that retention has passed', () => {
    expect(judgePosition(4n, 5n, 10n)).toEqual({ type: 'gap', direction: 'ahead' });
  });
});

describe('Positions', () => {
  it('moves only partitions that it knows', () => {
    const positions = new Positions();
    positions.move('a', 0, 7n);
    expect(positions.has('a')).toBe(false);
    positions.fix('a', [1n, 2n]);
    positions.move('a', 1, 5n);
    positions.move('a', 2, 9n);
    expect(positions.of('a')).toEqual([1n, 5n]);
    expect([positions.count('a'), positions.count('b')]).toEqual([2, 0]);
  });

  it('reads added partitions from their first record', () => {
    const positions = new Positions();
    positions.fix('a', [4n]);
    positions.widen('a', 3);
    positions.widen('b', 3);
    expect(positions.of('a')).toEqual([4n, 0n, 0n]);
    expect(positions.topics()).toEqual(['a']);
  });

  it('has reached ends when every partition has', () => {
    const positions = new Positions();
    positions.fix('a', [4n, 1n]);
    expect(positions.reached('a', [4n, 2n])).toBe(false);
    positions.move('a', 1, 2n);
    expect(positions.reached('a', [4n, 2n])).toBe(true);
    expect(positions.reached('b', [1n])).toBe(false);
    expect(positions.reached('b', [0n])).toBe(true);
  });
});

describe('whatever batches come', () => {
  const batch = fc.record({
    skipped: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -9, max: 9 })),
    length: fc.nat(5),
  });

  it('hazards 26 and 52: a gap is told exactly where offsets do not go on from the last batch', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 20n, max: 2n ** 60n }), fc.array(batch, { maxLength: 12 }), (start, batches) => {
        const positions = new Positions();
        positions.fix('a', [0n, start]);
        return batches.every(({ skipped, length }) => {
          const expected = positions.at('a', 1) ?? 0n;
          const first = expected + BigInt(skipped) < 0n ? 0n : expected + BigInt(skipped);
          const arrival = judgeArrival(expected, first);
          positions.move('a', 1, first + BigInt(length));
          const isTold = arrival.type === 'gap';
          const isSo = !isTold || arrival.direction === (first > expected ? 'ahead' : 'behind');
          return isTold === (first !== expected) && isSo && positions.at('a', 0) === 0n;
        });
      }),
      runs(),
    );
  });

  it('a position within the log is one that can be read on from, and no other', () => {
    const offset = fc.bigInt({ min: 0n, max: 20n });
    fc.assert(
      fc.property(offset, offset, offset, (position, low, length) => {
        const within = position >= low && position <= low + length;
        return (judgePosition(position, low, low + length).type === 'expected') === within;
      }),
      runs(),
    );
  });
});
