import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { RouteModel } from './route-model.js';
import { routeRemovals } from './route-removals.js';

const report = new Report('one table that moves');

describe('one table that moves, without a safeguard', () => {
  it.each(routeRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: a counterexample',
    (name, { options, breaks }) => {
      const exploration = explore(new RouteModel(options), 500_000);
      report.addRemoval(name, exploration);
      expect(exploration.problem).toMatch(breaks);
    },
    timeoutMs,
  );

  it.each(
    routeRemovals
      .filter(({ name }) => !name.startsWith('hazard 66'))
      .map((removal) => [removal.name, removal] as const),
  )(
    '%s: none with the safeguard in its place',
    (_name, { options }) => {
      const { newFollower: _follower, newCoherence: _coherence, fault: _fault, ...whole } = options;
      expect(explore(new RouteModel(whole), isLong ? 300_000 : 3_000).problem).toBeUndefined();
    },
    timeoutMs,
  );
});
