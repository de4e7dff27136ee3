/** A record of the table topic: the event to a state, what asks for reports, or something of another key. */
export type TopicRecord = number;
export const ask = -1;
export const other = 0;

export interface VisibleFill {
  /** State read; -1: not read yet. */
  readonly read: number;
  /** The oldest state that its callers may be given. */
  readonly min: number;
  readonly touched: boolean;
  /** Whether its partition was known when it began, and followed. */
  readonly isPlaced: boolean;
  readonly followed: boolean;
}

export interface VisiblePod {
  readonly isAlive: boolean;
  /** Which of the routes it has read; -1: it has not started. */
  readonly route: number;
  /** Whether it knows the partitions of the table. */
  readonly isTailing: boolean;
  /** By topic: the next record, by its offset in the table topic; -1: it does not listen. */
  readonly offsets: readonly number[];
  /** Topic it follows; -1: none. */
  readonly followed: number;
  readonly since: readonly number[];
  readonly progress: number;
  /** State it holds; -1: none. */
  readonly held: number;
  readonly fill: VisibleFill | null;
  /** Whether it knows that others know of it. */
  readonly isRegistered: boolean;
  /** Progress in the report that is under way; `null`: none is. */
  readonly sent: number | null;
  /** The report has been taken, and the pod does not know it yet. */
  readonly isTaken: boolean;
  /** It was named as silent, and may serve what it holds. */
  readonly isExempt: boolean;
  /** It has been past the place. */
  readonly isPast: boolean;
}

/** The last report of a pod in the pods topic. */
export interface Reported {
  /** -1: it has processed nothing; -2: it did not know its partitions. */
  readonly progress: number;
  readonly at: number;
}

export interface VisibilityState {
  readonly last: number;
  /** Events that are on their way to the table topic: a mask. */
  readonly pending: number;
  readonly tableTopic: readonly TopicRecord[];
  /** Records that the dispatcher has sent on. */
  readonly dispatched: number;
  /** How many there were when the old topic got its last. */
  readonly oldEnds: number;
  readonly route: number;
  readonly pods: readonly VisiblePod[];
  readonly reported: readonly (Reported | null)[];
  readonly now: number;
  /** Tick of the last report in the pods topic, and whose it is. */
  readonly lastReport: number;
  readonly lastReporter: number;
  /** Where the record stands that asks for reports; -1: it has not been published. */
  readonly place: number;
  readonly isVisible: boolean;
  readonly left: readonly number[];
  readonly fault: string | null;
}

export const budgets = ['fills', 'others', 'duplicates', 'reports', 'gaps', 'deaths', 'leaves', 'ticks'] as const;

export type Budget = (typeof budgets)[number];

export const topicNames = ['a', 'b'] as const;

export function spent(state: VisibilityState, budget: Budget): VisibilityState | undefined {
  const at = budgets.indexOf(budget);
  const left = state.left[at] ?? 0;
  return left === 0 ? undefined : { ...state, left: state.left.with(at, left - 1) };
}

/** By topic, since which version it carries the table. */
export const routes: readonly Readonly<Record<string, number>>[] = [{ a: 1 }, { a: 1, b: 2 }, { b: 2 }];
export const sinceOf = [1, 2] as const;
