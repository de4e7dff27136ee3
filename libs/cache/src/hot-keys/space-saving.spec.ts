import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SpaceSaving } from './space-saving.js';

const keys = fc.integer({ min: 0, max: 40 }).map((n) => `k${Math.floor(n ** 1.5 / 4)}`);
const streams = fc.array(fc.tuple(keys, fc.integer({ min: 1, max: 9 })), { maxLength: 400 });
const capacities = fc.integer({ min: 1, max: 24 });

function trueWeights(stream: readonly (readonly [string, number])[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const [key, weight] of stream) weights.set(key, (weights.get(key) ?? 0) + weight);
  return weights;
}

function counted(capacity: number, stream: readonly (readonly [string, number])[]): SpaceSaving {
  const sketch = new SpaceSaving(capacity);
  for (const [key, weight] of stream) sketch.add(key, weight);
  return sketch;
}

describe('SpaceSaving', () => {
  it('never counts less than the truth, nor more than total / capacity beyond it', () => {
    fc.assert(
      fc.property(capacities, streams, (capacity, stream) => {
        const truth = trueWeights(stream);
        const sketch = counted(capacity, stream);
        for (const { key, count, error } of sketch.heaviest(capacity)) {
          const own = truth.get(key) ?? 0;
          expect(count).toBeGreaterThanOrEqual(own);
          expect(count - error).toBeLessThanOrEqual(own);
          expect(error).toBeLessThanOrEqual(sketch.total / capacity);
        }
      }),
    );
  });

  it('holds every key that has more than total / capacity', () => {
    fc.assert(
      fc.property(capacities, streams, (capacity, stream) => {
        const sketch = counted(capacity, stream);
        const held = new Set(sketch.heaviest(capacity).map(({ key }) => key));
        for (const [key, own] of trueWeights(stream))
          if (own > sketch.total / capacity) expect(held.has(key)).toBe(true);
      }),
    );
  });

  it('holds no more keys than its capacity, each once, and their counts sum up to the total', () => {
    fc.assert(
      fc.property(capacities, streams, (capacity, stream) => {
        const sketch = counted(capacity, stream);
        const all = sketch.heaviest(1_000);
        expect(all.length).toBe(Math.min(capacity, trueWeights(stream).size));
        expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
        expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(sketch.total);
      }),
    );
  });

  it('is exact while there are no more keys than its capacity', () => {
    const sketch = counted(3, [
      ['a', 2],
      ['b', 5],
      ['a', 1],
      ['c', 1],
    ]);
    expect(sketch.heaviest(2)).toEqual([
      { key: 'b', count: 5, error: 0 },
      { key: 'a', count: 3, error: 0 },
    ]);
  });

  it('lets what was counted before count less, and new keys overtake it', () => {
    const sketch = counted(2, [
      ['old', 100],
      ['new', 1],
    ]);
    sketch.scale(0.001);
    sketch.add('new', 1);
    expect(sketch.heaviest(1)).toMatchObject([{ key: 'new' }]);
    expect(sketch.total).toBeCloseTo(1.101);
  });
});
