import { describe, expect, it } from '@jest/globals';
import { type BenchResults, chartsOf, reportPage, resultTable } from './report.js';
import { type BenchRow } from './row.js';
import { verdictOf } from './verdict.js';

const measure = async (): Promise<number> => 0;
const rows: readonly BenchRow[] = [
  {
    ...{ name: 'hit', what: 'a hit', unit: 'ns CPU', lowerIsBetter: true, tidemark: measure, gateTolerance: 0.15 },
    goal: { compared: 'ratio', rule: 'at least', bound: 0.85 },
    rival: { name: 'other', settings: 'its fastest', measure },
    whyBehind: 'it keeps no versions',
  },
  {
    ...{ name: 'hit-ratio-loop', what: 'a loop', unit: '% hits', lowerIsBetter: false, tidemark: measure },
    goal: { compared: 'difference', rule: 'at least', bound: -4 },
    rival: { name: 'lru-cache', settings: 'as it comes', measure },
  },
  {
    ...{ name: 'requests', what: 'requests', unit: 'requests', lowerIsBetter: true, tidemark: measure },
    goal: { compared: 'figure', rule: 'exactly', bound: 1 },
  },
];

function results(figures: readonly (readonly [number, number?])[]): BenchResults {
  const measured = rows.map((row, index) => {
    const [tidemark = 0, rival = 0] = figures[index] ?? [];
    return verdictOf(row, { tidemark: [tidemark], rival: [rival] });
  });
  return { machine: { cpu: 'a processor' }, versions: { node: '20' }, rows: measured, curves: [], failed: [] };
}

describe('resultTable', () => {
  it('has a line for each row, with its ratio, its goal and whether it is met', () => {
    const { rows: measured } = results([[50, 40], [20, 30], [1]]);
    const [, , hit, loop, requests] = resultTable(measured).split('\n');
    expect(hit).toMatch(/\| hit +\| 50 +\| 40 +\| 0\.80 +\| ratio ≥ 0\.85 +\| ns CPU +\| \*\*no\*\* \|/);
    expect(loop).toContain('-10.00');
    expect(requests).toMatch(/\| requests +\| 1 +\| +\| +\| figure = 1/);
  });
});

describe('reportPage', () => {
  it('says where the rival is ahead and why, be the goal met or not', () => {
    expect(reportPage(results([[50, 40], [1, 1], [1]]), rows, [])).toContain(
      '- `hit` misses its goal (ratio ≥ 0.85, measured 0.8). `other` is ahead: it keeps no versions.',
    );
    expect(reportPage(results([[50, 45], [1, 1], [1]]), rows, [])).toContain('- `hit` meets its goal');
  });

  it('says so where nobody is ahead', () => {
    expect(reportPage(results([[40, 50], [2, 1], [1]]), rows, [])).toContain('Nowhere in this run.');
  });

  it('names settings, gates, the machine, and what is not measured', () => {
    const measured = { ...results([[40, 50], [2, 1], [1]]), failed: [{ name: 'idle', reason: 'Error: not live' }] };
    const page = reportPage(measured, rows, [{ what: 'the rest', where: 'no row yet' }]);
    expect(page).toContain('- `idle`: could not be measured (Error: not live).');
    expect(page).toContain('other: its fastest.');
    expect(page).toContain('A gate of `--quick`, with a tolerance of 15 %.');
    expect(page).toContain('- cpu: a processor');
    expect(page).toContain('- the rest: no row yet.');
  });

  it('shows every chart that there is', () => {
    const measured = results([[40, 50], [2, 1], [1]]);
    const charts = [...chartsOf(measured).keys()];
    expect(charts).toEqual(['ratios', 'hit-ratios']);
    for (const chart of charts) expect(reportPage(measured, rows, [])).toContain(`(benchmarks/${chart}.svg)`);
  });
});
