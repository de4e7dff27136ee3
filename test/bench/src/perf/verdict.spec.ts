import { describe, expect, it } from '@jest/globals';
import { type BenchRow, type Goal } from './row.js';
import { mean, median } from './statistics.js';
import { ruleOf, verdictOf } from './verdict.js';

const never = async (): Promise<number> => 0;
const rival = { name: 'rival', settings: 'as it comes', measure: never };

function row(goal: Goal, more: Partial<BenchRow> = {}): BenchRow {
  return { name: 'row', what: 'what', goal, unit: 'ns', lowerIsBetter: true, tidemark: never, rival, ...more };
}

describe('statistics', () => {
  it('takes the middle figure, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('takes the mean of the two in the middle of an even number', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it('takes the mean', () => {
    expect(mean([1, 2, 6])).toBe(3);
  });

  it('refuses no figures at all', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => mean([])).toThrow(RangeError);
  });
});

describe('verdictOf', () => {
  it('is above 1 where Tidemark costs less', () => {
    const result = verdictOf(row({ compared: 'ratio', rule: 'at least', bound: 2 }), { tidemark: [10], rival: [25] });
    expect(result).toMatchObject({ tidemark: 10, rival: 25, ratio: 2.5, goal: 2, met: true });
  });

  it('is above 1 where Tidemark does more', () => {
    const goal = { compared: 'ratio', rule: 'at least', bound: 2 } as const;
    const result = verdictOf(row(goal, { lowerIsBetter: false }), { tidemark: [30], rival: [20] });
    expect(result).toMatchObject({ ratio: 1.5, met: false });
  });

  it('compares medians, so that one slow round changes nothing', () => {
    const goal = { compared: 'ratio', rule: 'at least', bound: 1 } as const;
    expect(verdictOf(row(goal), { tidemark: [10, 900, 11], rival: [22, 22, 22] }).ratio).toBe(2);
  });

  it('gives a difference in the unit', () => {
    const goal = { compared: 'difference', rule: 'at least', bound: -4 } as const;
    const figures = { tidemark: [60], rival: [63] };
    expect(verdictOf(row(goal, { lowerIsBetter: false }), figures)).toMatchObject({ ratio: -3, met: true });
  });

  it('holds a figure of its own to its goal, with the rival beside it', () => {
    const goal = { compared: 'figure', rule: 'at most', bound: 200 } as const;
    expect(verdictOf(row(goal), { tidemark: [220], rival: [110] })).toMatchObject({ ratio: 0.5, met: false });
  });

  it('takes a figure without a rival', () => {
    const { rival: _, ...alone } = row({ compared: 'figure', rule: 'exactly', bound: 1 });
    expect(verdictOf(alone, { tidemark: [1], rival: [] })).toMatchObject({ rival: null, ratio: null, met: true });
    expect(verdictOf(alone, { tidemark: [2], rival: [] }).met).toBe(false);
  });

  it('refuses a ratio without a rival', () => {
    const { rival: _, ...alone } = row({ compared: 'ratio', rule: 'at least', bound: 1 });
    expect(() => verdictOf(alone, { tidemark: [1], rival: [] })).toThrow(/row row: a ratio needs a rival/);
  });

  it('shuts a gate only beyond its tolerance', () => {
    const gate = row({ compared: 'ratio', rule: 'at least', bound: 1 }, { gateTolerance: 0.15 });
    expect(verdictOf(gate, { tidemark: [100], rival: [90] })).toMatchObject({ met: false, passes: true });
    expect(verdictOf(gate, { tidemark: [100], rival: [80] })).toMatchObject({ met: false, passes: false });
  });

  it('shuts no gate that is none', () => {
    const open = row({ compared: 'ratio', rule: 'at least', bound: 1 });
    expect(verdictOf(open, { tidemark: [100], rival: [1] })).toMatchObject({ met: false, passes: true });
  });

  it('says its goal', () => {
    expect(ruleOf({ compared: 'ratio', rule: 'at least', bound: 0.85 })).toBe('ratio ≥ 0.85');
    expect(ruleOf({ compared: 'figure', rule: 'at most', bound: 200 })).toBe('figure ≤ 200');
  });
});
