import { describe, expect, it } from '@jest/globals';
import { seeded } from './seeded.js';
import { traces } from './traces.js';

describe('seeded', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const take = (seed: number): number[] => Array.from({ length: 5 }, seeded(seed));
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
  });

  it('spreads over all of [0, 1)', () => {
    const random = seeded(3);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let n = 0; n < 10_000; n += 1) {
      const tenth = Math.floor(random() * 10);
      counts[tenth] = (counts[tenth] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
});

describe('traces', () => {
  it.each(Object.entries(traces))('%s asks for the same keys in every run', (_, { generate }) => {
    const take = (): number[] => Array.from({ length: 1_000 }, generate());
    const ids = take();
    expect(take()).toEqual(ids);
    expect(ids.every((id) => Number.isInteger(id))).toBe(true);
  });

  it('asks for the most popular key of a hundred thousand about once in twelve', () => {
    const next = traces['ycsb-zipfian']?.generate() ?? (() => 0);
    let first = 0;
    for (let n = 0; n < 20_000; n += 1) if (next() === 0) first += 1;
    // 1 / H(100000, 0.99) = 0.0784.
    expect(first / 20_000).toBeGreaterThan(0.07);
    expect(first / 20_000).toBeLessThan(0.087);
  });

  it('scans keys that come once', () => {
    const next = traces['zipf-and-scan']?.generate() ?? (() => 0);
    const scanned = Array.from({ length: 140_000 }, next).filter((id) => id > 100_000);
    expect(scanned).toHaveLength(40_000);
    expect(new Set(scanned).size).toBe(scanned.length);
  });
});
