import { afterAll, describe, expect, it } from '@jest/globals';
import { explore, walk } from '../explore/explore.js';
import { isLong, Report, seed, statesMax, timeoutMs, verdictOf } from '../explore/report.js';
import { KeyModel } from './key-model.js';
import { type KeyOptions } from './key-options.js';

/** What one run is about, what it may do, and how much more in a long run. */
const runs: readonly [string, KeyOptions, Partial<KeyOptions>][] = [
  [
    'hazards 1, 3, 4, 5, 6, 18, 19, 23: puts, deletes, fills, duplicates, an eviction',
    { writes: 3, fills: 2, duplicates: 1, evictions: 1, deletes: 'remove' },
    { writes: 4, duplicates: 2 },
  ],
  [
    'hazards 10, 21, 22: own puts beside fills, forced ones included',
    { writes: 3, ownWrites: 1, fills: 2, forced: true },
    { ownWrites: 2, fills: 3 },
  ],
  [
    'hazards 21 and 22: three fills at once beside an entry',
    { writes: 2, fills: 3, forced: true, ownWrites: 1 },
    { writes: 3, duplicates: 1 },
  ],
  [
    'hazards 14, 15, 43, 44: writers without Tidemark',
    { writes: 3, ownWrites: 1, fills: 1, foreign: ['keep', 'touch', 'null'] },
    { fills: 2, forced: true },
  ],
  [
    'hazards 15 and 43: writers without Tidemark beside forced reads',
    { writes: 2, ownWrites: 1, fills: 2, forced: true, foreign: ['keep', 'touch', 'null'] },
    { writes: 3, fast: true },
  ],
  [
    'hazards 42 and 46: the fast lane, tombstones, the known-set',
    { writes: 2, ownWrites: 1, fills: 2, fast: true, deletes: 'tombstone' },
    { writes: 3, forced: true, duplicates: 1 },
  ],
  [
    'hazard 46: stamps, one of them off by almost the margin, beside the fast lane',
    { writes: 4, fills: 1, offStamp: 3, fast: true, forgets: 1 },
    { writes: 5, fills: 2 },
  ],
  [
    'hazards 9, 12, 42: lost answers and late commits, deletes that remove',
    { writes: 3, ownWrites: 1, fills: 1, late: true, deletes: 'remove' },
    { ownWrites: 2, fills: 2, fast: true },
  ],
  [
    'hazards 9 and 42: lost answers and late commits, deletes that mark',
    { writes: 2, ownWrites: 2, fills: 1, late: true, fast: true, deletes: 'tombstone' },
    { writes: 3, fills: 2 },
  ],
  [
    'hazard 7: another region wins with a lower write id',
    { writes: 3, ownWrites: 1, fills: 1, lowerIds: true },
    { writes: 4, fills: 2 },
  ],
  [
    'hazards 58 and 60: leases of other pods',
    { writes: 3, fills: 1, leases: true, deletes: 'remove', ownWrites: 1 },
    { writes: 4, fills: 2, fast: true },
  ],
  [
    'hazards 58 and 60: leases over tombstones',
    { writes: 3, fills: 1, leases: true, deletes: 'tombstone', ownWrites: 1 },
    { writes: 4, fills: 2, fast: true },
  ],
  [
    'hazards 26 and 45: a gap with work in flight',
    { writes: 2, ownWrites: 1, fills: 2, gaps: 1, forced: true },
    { writes: 3, fast: true },
  ],
  [
    'hazards 24, 25, 64: a start, and what was in flight then',
    { writes: 2, ownWrites: 1, fills: 1, restarts: 1, fast: true },
    { writes: 3, fills: 2, forced: true },
  ],
  [
    'hazard 45: an invalidation, and the known-set forgets',
    { writes: 2, ownWrites: 1, fills: 2, invalidations: 1, forgets: 1 },
    { writes: 3, forced: true, fast: true },
  ],
  [
    'hazard 16: a tool that restores old write ids, in mode invalidate',
    { writes: 3, ownWrites: 2, fills: 1, foreign: ['restore'], mode: 'invalidate' },
    { writes: 4, fills: 2, fast: true, deletes: 'remove' },
  ],
  [
    'hazard 16: another region brings older write ids back, in mode update: nothing stays wrong',
    { writes: 4, fills: 1, duplicates: 1, deletes: 'remove', returns: 'updates', permanentOnly: true },
    { writes: 5 },
  ],
  [
    'hazard 16: older write ids come back beside own puts and the fast lane: nothing stays wrong',
    { writes: 3, ownWrites: 1, fills: 1, fast: true, returns: 'touches', permanentOnly: true },
    { returns: 'updates', duplicates: 1 },
  ],
  [
    'hazard 16: another region wins over a put of this pod, which then never goes back to it',
    { writes: 4, ownWrites: 1, fills: 1, evictions: 1, returns: 'touches', returnsOver: 'own' },
    { fills: 2, duplicates: 1, fast: true },
  ],
  [
    'hazard 16: leases over tombstones that come back from another region',
    { writes: 3, ownWrites: 1, fills: 1, leases: true, deletes: 'tombstone', returns: 'leases' },
    { fast: true, fills: 2 },
  ],
  [
    'mode invalidate: another region brings an older write id back',
    { writes: 4, fills: 2, returns: 'touches', mode: 'invalidate' },
    { ownWrites: 1, fast: true },
  ],
  [
    'mode invalidate: foreign writers, the fast lane, late commits',
    { writes: 2, ownWrites: 1, fills: 2, foreign: ['keep', 'null'], fast: true, late: true, mode: 'invalidate' },
    { writes: 3 },
  ],
];

const everything: KeyOptions = {
  writes: 6,
  ownWrites: 3,
  fills: 4,
  duplicates: 2,
  evictions: 1,
  gaps: 1,
  restarts: 1,
  forgets: 1,
  invalidations: 1,
  foreign: ['keep', 'touch', 'null'],
  leases: true,
  lowerIds: true,
  fast: true,
  late: true,
  forced: true,
};

const report = new Report('one key, one pod');
afterAll(() => report.end());

describe('every interleaving of a small run keeps I1 to I4', () => {
  it.each(runs)(
    '%s',
    (name, options, more) => {
      const exploration = explore(new KeyModel(isLong ? { ...options, ...more } : options), statesMax);
      report.add(name, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.complete || isLong).toBe(true);
      expect(exploration.states).toBeGreaterThan(10_000);
    },
    timeoutMs,
  );
});

describe('random runs with everything at once keep I1 to I4', () => {
  it.each<[string, Partial<KeyOptions>]>([
    ['deletes that remove', { deletes: 'remove' }],
    ['deletes that mark', { deletes: 'tombstone' }],
    ['values left out of the fast lane', { deletes: 'tombstone', fastWithoutValue: true }],
    [
      'mode invalidate (hazard 16)',
      { deletes: 'remove', mode: 'invalidate', foreign: ['keep', 'touch', 'null', 'restore'] },
    ],
    [
      'older write ids come back (hazard 16): nothing stays wrong',
      { deletes: 'remove', returns: 'updates', restarts: 0, gaps: 0, permanentOnly: true },
    ],
  ])(
    '%s',
    (name, over) => {
      const walks = isLong ? 40_000 : 600;
      const exploration = walk(new KeyModel({ ...everything, ...over }), { walks, seed });
      report.add(`random walks: ${name}`, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.states).toBeGreaterThan(5_000);
    },
    timeoutMs,
  );
});
