/** A record of a cache topic: an event to a state, or what a watermark says. */
export type Passed = { readonly event: number } | { readonly at: number; readonly since: number };

/** What a dispatcher knows of the partition, as `DispatchPartition` holds it. */
export interface Assigned {
  /** The highest watermark that every target has acknowledged; 0: none. */
  readonly passed: number;
  /** By topic: `since` as it has acknowledged it; 0: nothing. */
  readonly announced: readonly number[];
}

export interface Dispatcher extends Assigned {
  /** Which of the routes it has read. */
  readonly route: number;
  /** Offset in the table topic. */
  readonly position: number;
  /** Whether the partition was its once. */
  readonly hasOwned: boolean;
}

export interface RoutePod {
  /** Which of the routes it has read; -1: none, it is not there yet. */
  readonly route: number;
  /** By topic: offset; -1: it does not listen. */
  readonly offsets: readonly number[];
  /** Topic it follows; -1: none. */
  readonly followed: number;
  readonly watermark: number;
  /** By topic: `since` as announced; -1: it was not. */
  readonly since: readonly number[];
  /** State it holds; -1: none. */
  readonly held: number;
  readonly fill: { readonly read: number; readonly touched: boolean; readonly followed: boolean } | null;
}

/** One partition of one table: its table topic, its cache topics, two dispatchers and a pod that holds one key. */
export interface RouteState {
  /** States of the key: 0 to this. */
  readonly last: number;
  /** Events to states; a watermark that covers the states up to n is -n. */
  readonly tableTopic: readonly number[];
  readonly topics: readonly (readonly Passed[])[];
  readonly route: number;
  readonly owner: number;
  readonly committed: number;
  /** What stands beside it: where the partition stood when it was rewound; 0: it never was. */
  readonly until: number;
  readonly dispatchers: readonly Dispatcher[];
  readonly pod: RoutePod;
  readonly marks: number;
  readonly fills: number;
  readonly rebalances: number;
  readonly zombieRecords: number;
  readonly partialSends: number;
  readonly announcements: number;
  readonly reconnections: number;
  readonly rewinds: number;
  readonly fault: string | null;
}

export const topicNames = ['a', 'b', 'c'] as const;

export function topicIndex(name: string): number {
  return topicNames.indexOf(name as (typeof topicNames)[number]);
}
