/** What a child is told of the run that it is part of. */
export interface Plan {
  /** Less of everything, for CI. */
  readonly quick: boolean;
}

/** Runs alone in a process of its own, and resolves to one figure in the row's unit. */
export type Measure = (plan: Plan) => Promise<number>;

/** `ratio`: of two costs or rates, above 1 where Tidemark is better; `difference`: Tidemark's figure less the rival's; `figure`: Tidemark's own. */
export type Compared = 'ratio' | 'difference' | 'figure';

export interface Goal {
  readonly compared: Compared;
  readonly rule: 'at least' | 'at most' | 'exactly';
  readonly bound: number;
}

/** One line of the benchmark. */
export interface BenchRow {
  /** Kebab-case; what `--only` takes. */
  readonly name: string;
  /** What is compared, as a sentence without its full stop. */
  readonly what: string;
  readonly goal: Goal;
  /** Of both figures. */
  readonly unit: string;
  /** Whether a lower figure is the better one. */
  readonly lowerIsBetter: boolean;
  readonly tidemark: Measure;
  readonly rival?: Rival;
  /** `--quick` fails where the row falls below its goal by more than this share of it; left out: the row is no gate. */
  readonly gateTolerance?: number;
  /** What a reader has to know to judge the row. */
  readonly note?: string;
  /** Why the rival may win, said where it does. */
  readonly whyBehind?: string;
  /** Whether a figure is the same in every run, so that one round is enough. */
  readonly isExact?: boolean;
  /** Takes long: `--quick` leaves it out, unless `--only` names it. */
  readonly isSlow?: boolean;
  /** In time of the wall, with a region in processes of its own beside it: on all cores, and once. */
  readonly isOfTheWall?: boolean;
}

export interface Rival {
  /** npm name, or what else it is. */
  readonly name: string;
  /** The settings it runs with, and where they are from. */
  readonly settings: string;
  readonly measure: Measure;
}

export type Side = 'tidemark' | 'rival';
