import { type Plan } from './row.js';

/** How a cost grows. */
export interface Curve {
  /** Kebab-case; what `--only` takes, and the name of its chart. */
  readonly name: string;
  /** As a sentence without its full stop. */
  readonly what: string;
  readonly xLabel: string;
  readonly xs: readonly number[];
  readonly unit: string;
  /** By name; each point in a process of its own. */
  readonly series: Readonly<Record<string, (x: number, plan: Plan) => Promise<number>>>;
  /** What a reader has to know to judge it. */
  readonly note?: string;
}

export interface CurveResult {
  readonly name: string;
  readonly what: string;
  readonly xLabel: string;
  readonly unit: string;
  readonly xs: readonly number[];
  readonly series: Readonly<Record<string, readonly number[]>>;
  readonly note?: string | undefined;
}
