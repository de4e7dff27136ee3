import { type Coherence, type CoherenceOptions, type KnownSet } from '@tidemark/cache/internals';

/** How much may happen to one key and its pod, and what a checker takes away. Counts default to 0, flags to false. */
export interface KeyOptions {
  /** States of the key in the replica, whoever writes them. */
  readonly writes: number;
  readonly ownWrites?: number;
  /** Reads of L2, the forced ones included. */
  readonly fills?: number;
  readonly duplicates?: number;
  readonly evictions?: number;
  readonly gaps?: number;
  readonly restarts?: number;
  /** Times that the known-set forgets all it knows. */
  readonly forgets?: number;
  /** Control records that invalidate the key. */
  readonly invalidations?: number;
  /** Deletes: the item goes, or a marked item with a write id stays. */
  readonly deletes?: 'remove' | 'tombstone';
  /**
   * Writers without Tidemark: `keep` leaves the write id standing, `touch` the value too, `null` leaves no write id, `restore` brings back
   * one that stood there before.
   */
  readonly foreign?: readonly ('keep' | 'touch' | 'null' | 'restore')[];
  /** Other pods' leases: no value, no write id of their own. */
  readonly leases?: boolean;
  /** Another region's write may win with a lower id. */
  readonly lowerIds?: boolean;
  /**
   * An update in place of another region may bring an older image back, its write id included: `leases` those without a value, `touches` any,
   * `updates` also with a value of its own.
   */
  readonly returns?: 'leases' | 'touches' | 'updates';
  /** `own`: it wins over nothing but an acknowledged put of this pod. */
  readonly returnsOver?: 'own';
  /** Events of the change log arrive in their order. */
  readonly inOrder?: boolean;
  readonly fast?: boolean;
  /** Fast events leave the value out. */
  readonly fastWithoutValue?: boolean;
  /** A write that timed out may commit later. */
  readonly late?: boolean;
  /** A fill may begin beside an entry or a fill that could be joined: a forced strong read. */
  readonly forced?: boolean;
  /** The state whose stamp is off by almost the margin. */
  readonly offStamp?: number;
  readonly mode?: 'update' | 'invalidate';
  /** Looks for nothing but what stays wrong for ever (I1). */
  readonly permanentOnly?: boolean;
  /** What is driven; default the shipped `Coherence`. */
  readonly make?: (options: CoherenceOptions, known: KnownSet) => Coherence;
  readonly fault?: KeyFault;
}

/** What the checker does wrong around the pod. */
export type KeyFault =
  /** Fills read an older state. */
  | 'weak-reads'
  /** The fast lane carries the time of a clock that runs ahead. */
  | 'fast-stamps'
  /** A write whose answer was lost is sent again with its old write id. */
  | 'same-id'
  /** What is read is kept before the first watermark. */
  | 'no-gate'
  /** A forced read joins a fill that has begun. */
  | 'forced-joins'
  /** An entry is said to be read when its read ended. */
  | 'late-readAt';

/** What is told how often to happen. */
export type Budget = (typeof budgets)[number];

export const budgets = [
  'ownWrites',
  'fills',
  'duplicates',
  'evictions',
  'gaps',
  'restarts',
  'forgets',
  'invalidations',
] as const;
