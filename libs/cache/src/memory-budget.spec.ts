import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { MemoryBudget } from './memory-budget.js';

const mib = 1_048_576;

describe('MemoryBudget', () => {
  it('takes caches that fit together, and refuses the one that no longer does, with what the others take', () => {
    const budget = new MemoryBudget('100mb');
    budget.reserve({ name: 'a', maxBytes: 60 * mib });
    budget.reserve({ name: 'b', maxBytes: 40 * mib });
    expect(() => budget.reserve({ name: 'c', maxBytes: 1 })).toThrow(
      'maxSize: expected caches of 100 MiB together, got "101 MiB (a 60 MiB, b 40 MiB, c 1 MiB)"',
    );
  });

  it('counts a cache that is declared again once', () => {
    const budget = new MemoryBudget('100mb');
    for (let time = 0; time < 2; time += 1) budget.reserve({ name: 'a', maxBytes: 60 * mib });
  });

  it('is half of the heap when nobody says otherwise', () => {
    const half = getHeapStatistics().heap_size_limit / 2;
    const budget = new MemoryBudget(undefined);
    budget.reserve({ name: 'a', maxBytes: Math.floor(half) });
    expect(() => budget.reserve({ name: 'b', maxBytes: 1 })).toThrow(/MiB together/);
  });

  it('refuses a size that is none', () => {
    expect(() => new MemoryBudget('much' as never)).toThrow(/maxSize/);
  });
});
