import { afterAll, describe, expect, it } from '@jest/globals';
import { explore, walk } from '../explore/explore.js';
import { isLong, Report, seed, statesMax, timeoutMs, verdictOf } from '../explore/report.js';
import { RouteModel } from './route-model.js';
import { type RouteOptions, type Topics } from './route-options.js';

type Plans =
  | 'stays'
  | 'move'
  | 'rollBack'
  | 'jump'
  | 'jumpAndBack'
  | 'thereAndBack'
  | 'changedMidMove'
  | 'againAfterRollBack'
  | 'widened'
  | 'narrowed'
  | 'filtered';

const routes: Record<Plans, readonly Topics[]> = {
  stays: [{ a: 1 }],
  move: [{ a: 1 }, { a: 1, b: 2 }, { b: 2 }],
  rollBack: [{ a: 1 }, { a: 1, b: 2 }, { a: 1 }],
  jump: [{ a: 1 }, { b: 2 }],
  jumpAndBack: [{ a: 1 }, { b: 2 }, { a: 3 }],
  thereAndBack: [{ a: 1 }, { a: 1, b: 2 }, { b: 2 }, { a: 4, b: 2 }, { a: 4 }],
  changedMidMove: [{ a: 1 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }, { c: 3 }],
  againAfterRollBack: [{ a: 1 }, { a: 1, b: 2 }, { a: 1 }, { a: 1, b: 4 }, { b: 4 }],
  widened: [
    { a: 1, b: { since: 1, buckets: ['others'] } },
    { a: 1, b: { since: 2, buckets: ['others', 'things'] } },
  ],
  narrowed: [{ a: 1 }, { a: 1, b: { since: 2, buckets: ['things'] } }, { a: 1, b: { since: 3, buckets: ['others'] } }],
  filtered: [{ a: 1 }, { a: { since: 2, buckets: ['others'] }, b: 2 }],
};

const small = { writes: 1, fills: 1 } as const;

/** What one run is about, what it may do, and how much more in a long run. */
const runs: readonly [string, RouteOptions, Partial<RouteOptions>][] = [
  [
    'hazards 26, 28, 30: no move, a rebalance, a connection that is lost',
    { ...small, routes: routes.stays, writes: 2, marks: 1, rebalances: 1, reconnections: 1 },
    { fills: 2, rebalances: 2, marks: 2, zombieRecords: 1 },
  ],
  [
    'hazards 31 and 47: a move',
    { ...small, routes: routes.move, rebalances: 1 },
    { writes: 2, marks: 1, partialSends: 1 },
  ],
  [
    'hazards 31 and 47: a record that reached one of two topics',
    { ...small, routes: [{ a: 1 }, { a: 1, b: 2 }], partialSends: 1, marks: 1 },
    { routes: routes.move, rebalances: 1 },
  ],
  ['hazard 31: a roll-back', { ...small, routes: routes.rollBack, rebalances: 1 }, { writes: 2, marks: 1 }],
  [
    'hazard 66: a jump and one back',
    { ...small, routes: routes.jumpAndBack, rebalances: 1 },
    { rebalances: 2, marks: 1 },
  ],
  [
    'hazards 25 and 31: a pod that starts in the middle of a jump, beside a zombie',
    { ...small, routes: routes.jump, podStarts: true, rebalances: 1, zombieRecords: 1 },
    { writes: 2, marks: 1, fills: 2 },
  ],
  [
    'hazards 31 and 47: a topic that comes to carry the bucket',
    { ...small, routes: routes.widened, rebalances: 1, marks: 1 },
    { writes: 2, zombieRecords: 1 },
  ],
  [
    'hazards 31 and 47: a topic that carries the bucket no more',
    { ...small, routes: routes.narrowed, rebalances: 1 },
    { writes: 2, marks: 1 },
  ],
  [
    'hazards 31 and 47: a filter over the topic that is followed',
    { ...small, routes: routes.filtered, rebalances: 1, marks: 1 },
    { writes: 2, zombieRecords: 1 },
  ],
  [
    'hazards 16 and 30: the partition is rewound',
    { ...small, routes: routes.stays, writes: 2, marks: 2, rewinds: 1 },
    { fills: 2, rewinds: 2, rebalances: 1, zombieRecords: 1 },
  ],
  [
    'hazard 30: other keys of the partition are replayed',
    { ...small, routes: routes.stays, writes: 2, marks: 2, rewinds: 1, rewindsOthers: true },
    { fills: 2, rewinds: 2, rebalances: 1, zombieRecords: 1 },
  ],
  [
    'hazards 30 and 31: a rewind in the middle of a move',
    { ...small, routes: routes.move, rewinds: 1 },
    { writes: 2, marks: 1, rebalances: 1 },
  ],
];

const report = new Report('one table that moves');
afterAll(() => report.end());

describe('a pod that follows a moving table in every order', () => {
  it.each(runs)(
    '%s: ends with the truth, on the one topic',
    (name, options, more) => {
      const exploration = explore(new RouteModel(isLong ? { ...options, ...more } : options), statesMax);
      report.add(name, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.complete || isLong).toBe(true);
      expect(exploration.states).toBeGreaterThan(10_000);
    },
    timeoutMs,
  );
});

describe('random runs', () => {
  it.each<[string, Plans]>([
    ['hazard 31: a move', 'move'],
    ['hazard 31: a roll-back', 'rollBack'],
    ['a jump and one back', 'jumpAndBack'],
    ['hazard 66: a move and another one back', 'thereAndBack'],
    ['a move that is changed half way', 'changedMidMove'],
    ['a move that is begun again after its roll-back', 'againAfterRollBack'],
    ['a topic that comes to carry the bucket', 'widened'],
    ['a topic that carries the bucket no more', 'narrowed'],
    ['a filter over the topic that is followed', 'filtered'],
  ])(
    '%s: end with the truth',
    (name, plan) => {
      const options: RouteOptions = { routes: routes[plan], writes: 4, fills: 4, marks: 3, rebalances: 3 };
      const faults = { zombieRecords: 2, partialSends: 1, announcements: 2, reconnections: 1, rewinds: 2 };
      const walks = isLong ? 50_000 : 150;
      const exploration = walk(new RouteModel({ ...options, ...faults }), { walks, seed });
      report.add(`random walks: ${name}`, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.states).toBeGreaterThan(3_000);
    },
    timeoutMs,
  );
});
