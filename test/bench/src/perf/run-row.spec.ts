import { describe, expect, it } from '@jest/globals';
import { type Curve } from './curve.js';
import { type BenchRow } from './row.js';
import { runCurve, runRow } from './run-row.js';

const measure = async (): Promise<number> => 0;
const row: BenchRow = {
  ...{ name: 'hit', what: 'a hit', unit: 'ns', lowerIsBetter: true, tidemark: measure },
  goal: { compared: 'ratio', rule: 'at least', bound: 1 },
  rival: { name: 'other', settings: 'as it comes', measure },
};

describe('runRow', () => {
  it('alternates the order of the sides', async () => {
    const asked: string[] = [];
    const figures = await runRow(row, { quick: true }, 3, async (_, side) => asked.push(side));
    expect(asked).toEqual(['tidemark', 'rival', 'rival', 'tidemark', 'tidemark', 'rival']);
    expect(figures).toEqual({ tidemark: [1, 4, 5], rival: [2, 3, 6] });
  });

  it('runs once what is the same in every run, and no rival where there is none', async () => {
    const { rival: _, ...alone } = row;
    const figures = await runRow({ ...alone, isExact: true }, { quick: false }, 5, async () => 7);
    expect(figures).toEqual({ tidemark: [7], rival: [] });
    expect(await runRow({ ...alone, isOfTheWall: true }, { quick: false }, 5, async () => 7)).toEqual(figures);
  });
});

describe('runCurve', () => {
  it('measures every point of every series, and takes medians', async () => {
    const curve: Curve = {
      ...{ name: 'growth', what: 'growth', xLabel: 'keys', unit: 'ns', xs: [1, 10] },
      series: { ours: measure, theirs: measure },
    };
    const noise = [0, 100, 1];
    let call = 0;
    const result = await runCurve(curve, { quick: true }, 3, async (_, __, x) => x + (noise[call++ % 3] ?? 0));
    expect(result.series).toEqual({ ours: [2, 11], theirs: [2, 11] });
  });
});
