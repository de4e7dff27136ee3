import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { KeyModel } from './key-model.js';
import { removals } from './key-removals.js';

const report = new Report('one key, one pod');

describe('one key, one pod, without a safeguard', () => {
  it.each(removals.map((removal) => [removal.name, removal] as const))(
    '%s: a counterexample',
    (name, { options, breaks }) => {
      const permanentOnly = breaks.source.startsWith('^I1');
      const exploration = explore(new KeyModel({ ...options, permanentOnly }), 500_000);
      report.addRemoval(name, exploration);
      expect(exploration.problem).toMatch(breaks);
    },
    timeoutMs,
  );

  it.each(removals.map((removal) => [removal.name, removal] as const))(
    '%s: none with the safeguard in its place',
    (_name, { options }) => {
      const { make: _make, fault: _fault, ...whole } = options;
      const { problem } = explore(new KeyModel(whole), isLong ? 300_000 : 3_000);
      expect(problem).toBeUndefined();
    },
    timeoutMs,
  );
});
