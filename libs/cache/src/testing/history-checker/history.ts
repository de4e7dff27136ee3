/** When something was recorded. */
export interface Moment {
  /** Its place in the order of all that was recorded; unique. */
  readonly tick: number;
  /** True time, ms since the epoch: the observer's clock, not a process's. */
  readonly ms: number;
}

/**
 * What was seen of a run: what callers asked for and got, and what became of the items in each region's replica. Every value is unique to the
 * write that made it, so a value that was served tells the state it is of; `null` is an absence.
 */
export interface History {
  readonly lives: readonly PodLife[];
  readonly reads: readonly Read[];
  readonly writes: readonly Write[];
  /** In the order in which each region's replica applied them; a key without any is absent. */
  readonly transitions: readonly Transition[];
  /** From then on nothing was on its way, and nothing was written; `undefined`: that was never waited for. */
  readonly quiet: Moment | undefined;
  /** What pods held since. */
  readonly rests: readonly Rest[];
  readonly invalidations: readonly Invalidation[];
}

/** A pod from a start to its end: what it promises, it promises within one life. */
export interface PodLife {
  /** Unique to this start. */
  readonly pod: string;
  readonly region: string;
  readonly started: Moment;
  /** `undefined`: it was alive at the end of the run. */
  readonly ended: Moment | undefined;
  /** From then on others wait for it; `undefined`: never, or not known. */
  readonly registered?: Moment | undefined;
}

/** One key of one read. */
export interface Read {
  readonly id: string;
  readonly operation: string;
  readonly pod: string;
  readonly key: string;
  readonly invoked: Moment;
  /** `undefined`: never, its pod died. */
  readonly responded: Moment | undefined;
  readonly result: ReadResult;
  /** Of the key's partition in this pod when the read began, ms since the epoch; `null`: none, or not known. */
  readonly watermark: number | null;
  /** What the cache, or the call, promises about the age of what is served, ms; 0: it was asked of the replica there and then. */
  readonly maxStalenessMs?: number | undefined;
  /** Id of a write that the caller asked to see, or something later. */
  readonly atLeast?: string | undefined;
}

export type ReadResult =
  | { readonly type: 'served'; readonly value: string | null; readonly from: 'l1' | 'l2' | 'unknown' }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'pending' };

export interface Write {
  readonly id: string;
  readonly operation: string;
  readonly pod: string;
  readonly key: string;
  /** `null`: a deletion. */
  readonly value: string | null;
  readonly invoked: Moment;
  readonly responded: Moment | undefined;
  readonly result: WriteResult;
  /** What it asked of the state that it met; `undefined`: nothing. */
  readonly condition?: WriteAsks | undefined;
  /** The write id that its caller was told; `undefined`: none. */
  readonly version?: string | undefined;
  /** A deletion that leaves its write id in the item. */
  readonly tombstone?: boolean | undefined;
  /** Times at which every live pod of the region was said to see it. */
  readonly visible?: readonly Visibility[] | undefined;
}

/** Only where there is no value; only over exactly this write id; only where nothing was written since the load began. */
export type WriteAsks =
  { readonly type: 'absent' } | { readonly type: 'version'; readonly version: string } | { readonly type: 'untouched' };

export interface Visibility {
  readonly at: Moment;
  /** Pods of which nothing was said. */
  readonly silent: readonly string[];
}

/** A caller asked that the key be dropped from the L1 of every pod of the region. */
export interface Invalidation {
  readonly id: string;
  readonly pod: string;
  readonly key: string;
  readonly invoked: Moment;
  /** `undefined`: the order to do so was never acknowledged. */
  readonly acknowledged: Moment | undefined;
}

/** What the caller was told: it is in the table; nothing was written, and why; nobody knows; nothing yet. */
export type WriteResult =
  | { readonly type: 'applied' }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'ambiguous' }
  | { readonly type: 'pending' };

/** A replica applied a change to a key. A deletion of nothing is one, too: it leaves the key as it was, and says by when. */
export interface Transition {
  readonly region: string;
  readonly key: string;
  readonly at: Moment;
  readonly value: string | null;
  /** Id of the write that made it; `undefined`: of somebody who was not recorded. */
  readonly by: string | undefined;
  /** When the region's stream accepted its change record, ms since the epoch; `undefined`: it has not. */
  readonly acceptedMs: number | undefined;
  /** Write id of the item; `null`: it has none; `undefined`: not known. */
  readonly version?: string | null | undefined;
  /** It was made in another region. */
  readonly replicated?: boolean | undefined;
}

export interface Rest {
  readonly pod: string;
  readonly key: string;
  readonly at: Moment;
  /** `undefined`: L1 held nothing for the key. */
  readonly held: { readonly value: string | null } | undefined;
}
