import { describe, expect, it } from '@jest/globals';
import { explore } from '../explore/explore.js';
import { isLong, Report, timeoutMs } from '../explore/report.js';
import { LoadModel } from './load-model.js';
import { type LoadOptions } from './load-options.js';
import { type LoadState } from './load-state.js';
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

/** Looks at what loads do, and not at what they leave. */
class OverwritesAlone extends LoadModel {
  override problem({ fault }: LoadState): string | undefined {
    return fault ?? undefined;
  }
}

describe('what is not promised', () => {
  it('hazard 60: a stranger who puts a value in place and takes it away in place leaves the lease, and the load is installed', () => {
    const options: LoadOptions = { calls: [1], ticks: 1, foreign: ['update', 'strip'], foreigns: 2 };
    expect(explore(new OverwritesAlone(options), 500_000).problem).toMatch(/^a load overwrites write #2/);
  });
});
