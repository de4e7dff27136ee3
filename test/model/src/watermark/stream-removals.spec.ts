import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { StreamModel } from './stream-model.js';
import { streamRemovals } from './stream-removals.js';

const report = new Report('one stream');

describe('one stream, without a safeguard', () => {
  it.each(streamRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: a counterexample',
    (name, { options, breaks }) => {
      const exploration = explore(new StreamModel(options), 500_000);
      report.addRemoval(name, exploration);
      expect(exploration.problem).toMatch(breaks);
    },
    timeoutMs,
  );

  it.each(streamRemovals.map((removal) => [removal.name, removal] as const))(
    '%s: none with the safeguard in its place',
    (_name, { options }) => {
      const { rules: _rules, fault: _fault, ...whole } = options;
      expect(explore(new StreamModel(whole), isLong ? 300_000 : 3_000).problem).toBeUndefined();
    },
    timeoutMs,
  );
});
