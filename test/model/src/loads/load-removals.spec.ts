import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { LoadModel } from './load-model.js';
import { loadRemovals } from './load-removals.js';

const report = new Report('loads of one item');

describe('loads of one item, without a safeguard', () => {
  it.each(loadRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: a counterexample',
    (name, { options, breaks }) => {
      const exploration = explore(new LoadModel(options), 500_000);
      report.addRemoval(name, exploration);
      expect(exploration.problem).toMatch(breaks);
    },
    timeoutMs,
  );

  it.each(loadRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: none with the safeguard in its place',
    (_name, { options }) => {
      const { rules: _rules, make: _make, fault: _fault, ...whole } = options;
      expect(explore(new LoadModel(whole), isLong ? 300_000 : 3_000).problem).toBeUndefined();
    },
    timeoutMs,
  );
});
