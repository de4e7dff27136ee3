import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { VisibilityModel } from './visibility-model.js';
import { visibilityRemovals } from './visibility-removals.js';

const report = new Report('a visible write');

describe('a visible write, without a safeguard', () => {
  it.each(visibilityRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: a counterexample',
    (name, { options, breaks }) => {
      const exploration = explore(new VisibilityModel(options), 500_000);
      report.addRemoval(name, exploration);
      expect(exploration.problem).toMatch(breaks);
    },
    timeoutMs,
  );

  it.each(visibilityRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: none with the safeguard in its place',
    (_name, { options }) => {
      const { decide: _decide, make: _make, fault: _fault, ...whole } = options;
      expect(explore(new VisibilityModel(whole), isLong ? 300_000 : 3_000).problem).toBeUndefined();
    },
    timeoutMs,
  );
});
