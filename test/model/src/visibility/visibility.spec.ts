import { afterAll, describe, expect, it } from '@jest/globals';
import { explore, walk } from '../explore/explore.js';
import { isLong, Report, seed, statesMax, timeoutMs, verdictOf } from '../explore/report.js';
import { VisibilityModel } from './visibility-model.js';
import { type VisibilityOptions } from './visibility-options.js';

/** What one run is about, what it may do, and how much more in a long run. */
const runs: readonly [string, VisibilityOptions, Partial<VisibilityOptions>][] = [
  [
    'hazard 64: a pod that starts at any time',
    { pods: ['new'], writes: 1, fills: 2, reports: 1 },
    { pods: ['new', 'new'], reports: 2 },
  ],
  [
    'hazard 64: a pod that starts beside one that holds the key',
    { pods: ['live', 'new'], writes: 1, fills: 1, reports: 1 },
    { writes: 2, token: 1, fills: 2 },
  ],
  [
    'hazards 6 and 65: later writes, events in any order and twice',
    { pods: ['live'], writes: 2, token: 1, fills: 1, reports: 1, duplicates: 1, others: 1 },
    { writes: 3, token: 2, fills: 2 },
  ],
  [
    'hazards 26 and 65: asked for by an invalidation, beside a gap',
    { pods: ['live'], writes: 2, fills: 1, reports: 2, gaps: 1, others: 1, asks: 'invalidation' },
    { pods: ['live', 'new'], fills: 2, duplicates: 1 },
  ],
  [
    'hazard 65: pods that fall silent, end at once or take their leave',
    { pods: ['live', 'live'], writes: 1, fills: 1, reports: 2, ticks: 2, deaths: 1, leaves: 1 },
    { pods: ['live', 'live', 'new'], ticks: 3 },
  ],
  [
    'hazards 31 and 65: a table that moves',
    { pods: ['live'], writes: 1, fills: 1, reports: 1, others: 1, moves: true },
    { pods: ['live', 'new'], fills: 2, reports: 2, gaps: 1 },
  ],
  [
    'hazards 31 and 64: a pod that starts while the table moves',
    { pods: ['new'], writes: 1, fills: 1, moves: true, route: 1 },
    { route: 0, fills: 2, reports: 2, others: 1, gaps: 1 },
  ],
];

const report = new Report('a visible write');
afterAll(() => report.end());

describe('a write that is waited for, in every order', () => {
  it.each(runs)(
    '%s: once it is visible nobody serves what was before it; who is missing is named',
    (name, options, more) => {
      const exploration = explore(new VisibilityModel(isLong ? { ...options, ...more } : options), statesMax);
      report.add(name, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.complete || isLong).toBe(true);
      expect(exploration.states).toBeGreaterThan(10_000);
    },
    timeoutMs,
  );
});

describe('random runs with everything at once', () => {
  it.each<[string, Partial<VisibilityOptions>]>([
    ['asked for by the transition', { asks: 'transition' }],
    ['asked for by an invalidation', { asks: 'invalidation' }],
    ['of a table that moves', { moves: true }],
  ])(
    '%s: hold the same',
    (name, over) => {
      const much: VisibilityOptions = {
        ...{
          pods: ['live', 'live', 'new', 'new'],
          writes: 4,
          token: 2,
          fills: 8,
          others: 3,
          duplicates: 2,
          reports: 8,
        },
        ...{ gaps: 2, deaths: 1, leaves: 1, ticks: 4, ...over },
      };
      const exploration = walk(new VisibilityModel(much), { walks: isLong ? 50_000 : 100, seed });
      report.add(`random walks: ${name}`, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.states).toBeGreaterThan(2_000);
    },
    timeoutMs,
  );
});
