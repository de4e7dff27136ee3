import { type BenchRow, type Goal } from './row.js';
import { median } from './statistics.js';

/** A row as it was measured. */
export interface RowResult {
  readonly name: string;
  readonly tidemark: number;
  readonly rival: number | null;
  /** Above 1 where Tidemark is better, or the difference where the goal is about that; `null`: there is nothing to compare with. */
  readonly ratio: number | null;
  readonly goal: number;
  readonly unit: string;
  readonly met: boolean;
  /** The goal in words. */
  readonly rule: string;
  /** `false`: a gate of `--quick` that is shut. */
  readonly passes: boolean;
}

export interface Figures {
  readonly tidemark: readonly number[];
  readonly rival: readonly number[];
}

/** What the medians of all rounds say of a row. */
export function verdictOf(row: BenchRow, figures: Figures): RowResult {
  const tidemark = median(figures.tidemark);
  const rival = row.rival === undefined ? null : median(figures.rival);
  const compared = comparedOf(row, tidemark, rival);
  const { goal, gateTolerance } = row;
  return {
    ...{ name: row.name, tidemark, rival, goal: goal.bound, unit: row.unit, rule: ruleOf(goal) },
    ratio: goal.compared === 'figure' ? ratioOf(row, tidemark, rival) : compared,
    met: holds(goal, compared, 0),
    passes: gateTolerance === undefined || holds(goal, compared, gateTolerance),
  };
}

/** The figure that the goal is about. */
export function measuredOf({ rule, ratio, tidemark }: Pick<RowResult, 'rule' | 'ratio' | 'tidemark'>): number {
  const measured = rule.startsWith('figure') ? tidemark : (ratio ?? Number.NaN);
  return Number(measured.toPrecision(3));
}

/** The goal as a reader wants it. */
export function ruleOf({ compared, rule, bound }: Goal): string {
  const sign = { 'at least': '≥', 'at most': '≤', exactly: '=' }[rule];
  const what = { ratio: 'ratio', difference: 'difference', figure: 'figure' }[compared];
  return `${what} ${sign} ${bound}`;
}

/** Above 1 where Tidemark is better; `null` without a rival, or where one of the two is nothing. */
function ratioOf({ lowerIsBetter }: BenchRow, tidemark: number, rival: number | null): number | null {
  if (rival === null) return null;
  const [above, below] = lowerIsBetter ? [rival, tidemark] : [tidemark, rival];
  return below === 0 ? null : above / below;
}

function comparedOf(row: BenchRow, tidemark: number, rival: number | null): number {
  if (row.goal.compared === 'figure') return tidemark;
  if (rival === null) throw new TypeError(`row ${row.name}: a ${row.goal.compared} needs a rival`);
  return row.goal.compared === 'difference' ? tidemark - rival : (ratioOf(row, tidemark, rival) ?? Number.NaN);
}

function holds({ rule, bound }: Goal, compared: number, tolerance: number): boolean {
  const slack = Math.abs(bound) * tolerance;
  if (rule === 'at least') return compared >= bound - slack;
  if (rule === 'at most') return compared <= bound + slack;
  return compared === bound;
}
