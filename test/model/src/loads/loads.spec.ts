import { afterAll, describe, expect, it } from '@jest/globals';
import { explore, walk } from '../explore/explore.js';
import { isLong, Report, seed, statesMax, timeoutMs, verdictOf } from '../explore/report.js';
import { LoadModel } from './load-model.js';
import { type LoadOptions } from './load-options.js';

const strangers = { foreign: ['update', 'put', 'remove', 'malformed'] } as const;

/** What one run is about, what it may do, and how much more in a long run. */
const runs: readonly [string, LoadOptions, Partial<LoadOptions>][] = [
  [
    'hazard 56: two pods that take leases over from each other',
    { calls: [2, 1], ticks: 4 },
    { calls: [2, 2], ticks: 6, removals: [1] },
  ],
  ['hazard 56: three pods that wait for one load', { calls: [1, 1, 1], ticks: 3 }, { ticks: 5, puts: [1] }],
  [
    'hazards 56 and 62: puts, and deletes that remove',
    { calls: [1, 1], ticks: 2, puts: [0, 1], removals: [1, 0] },
    { ticks: 4, puts: [1, 1] },
  ],
  [
    'hazards 56, 58 and 61: puts, and deletes that mark',
    { calls: [1, 0], ticks: 3, puts: [0, 1], removals: [1, 1], deletes: 'tombstone' },
    { calls: [1, 1], puts: [1, 1] },
  ],
  [
    'hazards 14, 15 and 60: writers without Tidemark beside a put',
    { calls: [1, 1], ticks: 2, puts: [1, 0], foreigns: 1, ...strangers },
    { ticks: 4, foreigns: 2, removals: [0, 1] },
  ],
  [
    'hazard 59: answers that are lost, requests that take effect late, a delete',
    { calls: [1, 1], ticks: 2, removals: [0, 1], lost: 1 },
    { ticks: 4, lost: 2, puts: [1, 0] },
  ],
  [
    'hazards 56 and 59: a loader that ends at once, and lost answers',
    { calls: [1, 1], ticks: 4, crashes: 1, lost: 1 },
    { calls: [1, 1, 1], ticks: 5, lost: 2 },
  ],
  [
    'hazards 20 and 56: a value that expires',
    { calls: [1, 1], ticks: 4, puts: [1, 0], expires: true },
    { calls: [2, 1], ticks: 5, puts: [1, 1], removals: [0, 1] },
  ],
  [
    'hazards 10, 21 and 22: L1 of a pod that loads and puts, deletes that remove',
    { calls: [1, 0], ticks: 2, puts: [1, 0], removals: [0, 1], l1: true },
    { calls: [1, 1], puts: [1, 1] },
  ],
  [
    'hazards 10, 21 and 22: L1 of a pod that loads and deletes, deletes that mark',
    { calls: [1, 0], ticks: 2, puts: [0, 1], removals: [1, 0], deletes: 'tombstone', l1: true },
    { calls: [2, 0], puts: [1, 1] },
  ],
  [
    'hazards 9 and 10: L1 beside lost answers',
    { calls: [1, 0], ticks: 2, removals: [0, 1], lost: 1, l1: true },
    { puts: [1, 1], ticks: 3, lost: 2 },
  ],
  [
    'hazards 14, 15 and 60: L1 beside writers without Tidemark',
    { calls: [1, 0], ticks: 2, foreigns: 2, l1: true, ...strangers },
    { calls: [2, 0], ticks: 3, puts: [1, 0] },
  ],
];

const report = new Report('loads of one item');
afterAll(() => report.end());

describe('pods that load one item in every order', () => {
  it.each(runs)(
    '%s: no load overwrites what came after it, nobody waits for nothing, nothing is left',
    (name, options, more) => {
      const exploration = explore(new LoadModel(isLong ? { ...options, ...more } : options), statesMax);
      report.add(name, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.complete || isLong).toBe(true);
      expect(exploration.states).toBeGreaterThan(10_000);
    },
    timeoutMs,
  );
});

describe('random runs with everything at once', () => {
  it.each<[string, Partial<LoadOptions>]>([
    ['deletes that remove', { deletes: 'remove' }],
    ['deletes that mark, values that expire', { deletes: 'tombstone', expires: true }],
    ['deletes that mark, with an L1', { deletes: 'tombstone', l1: true }],
    ['deletes that remove, with an L1', { deletes: 'remove', l1: true }],
  ])(
    '%s: hold the same',
    (name, over) => {
      const much: LoadOptions = {
        ...{ calls: [3, 2, 2], ticks: 9, puts: [2, 1, 1], removals: [1, 1, 1], foreigns: 2, lost: 3, crashes: 1 },
        ...{ loadsMax: 3, ...strangers, ...over },
      };
      const exploration = walk(new LoadModel(much), { walks: isLong ? 50_000 : 100, seed });
      report.add(`random walks: ${name}`, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.states).toBeGreaterThan(2_000);
    },
    timeoutMs,
  );
});
