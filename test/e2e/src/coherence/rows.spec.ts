import { describe, expect, it } from '@jest/globals';
import { isMet, rowTable } from './rows.js';

describe('rows of a report', () => {
  it('meet their goal, miss it, or have none', () => {
    const met = [
      { name: 'a', value: 1 },
      { name: 'a', value: 0, goal: { is: 0 } },
      { name: 'a', value: 5, goal: { atMost: 5 } },
      { name: 'a', value: 5, goal: { atLeast: 5 } },
      { name: 'a', value: 'x', goal: { is: 'x' } },
    ];
    const missed = [
      { name: 'a', value: 1, goal: { is: 0 } },
      { name: 'a', value: 5.1, goal: { atMost: 5 } },
      { name: 'a', value: 4.9, goal: { atLeast: 5 } },
      { name: 'a', value: Number.NaN, goal: { atMost: 5 } },
      { name: 'a', value: 'x', goal: { atLeast: 0 } },
    ];
    expect([met.every(isMet), missed.some(isMet)]).toEqual([true, false]);
  });

  it('stand below one another, with what was asked of them', () => {
    expect(
      rowTable([
        { name: 'p99', value: 21.23456, unit: 'ms', goal: { atMost: 20 } },
        { name: 'longer', value: 'live', goal: { is: 'live' } },
        { name: 'none', value: 3 },
      ]),
    ).toBe(['  p99     21.235 ms   NOT MET: at most 20', '  longer  live   met: live', '  none    3'].join('\n'));
  });
});
