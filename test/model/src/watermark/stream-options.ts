import { type StreamRules } from './stream-rules.js';

/** How much may happen to one stream and the workers that read it, and what a checker takes away. Counts default to 0, flags to false. */
export interface StreamOptions {
  /** How the stream changes its shards: A alone; A → B and C; A and B → C. */
  readonly shape: 'one' | 'split' | 'merge';
  /** Ticks of the clock. */
  readonly ticks: number;
  readonly records: number;
  readonly workers: 1 | 2;
  /** Leases taken from a worker that lives on, a zombie. */
  readonly steals?: number;
  /** Leases that a worker asks another for, which hands them over. Where nothing is stolen and nobody starts anew, no two may read a shard at once. */
  readonly asks?: number;
  /** Workers that start anew from their checkpoints. */
  readonly restarts?: number;
  /** Scans of the lease table, row by row, each followed by a look at the stream's shards, and perhaps a watermark. */
  readonly scans: number;
  /** Rows are read children first. */
  readonly childrenFirst?: boolean;
  /** A page may end before the last record there is. */
  readonly smallPages?: boolean;
  /** Pages at the end of a closed shard that do not say so yet. */
  readonly lateClosing?: number;
  /** A closed shard without unread records may leave the stream. */
  readonly shardsLeave?: boolean;
  /** Ticks that a record stays in the stream; left out: for ever. */
  readonly retention?: number;
  /** Times that somebody sets a checkpoint to the end of its shard. */
  readonly resets?: number;
  /** Rows that the lease table loses. */
  readonly rowLosses?: number;
  /** What decides; default the shipped functions. */
  readonly rules?: Partial<StreamRules>;
  readonly fault?: StreamFault;
}

/** What the checker does wrong around the decisions. */
export type StreamFault =
  /** A page claims as soon as it is acknowledged. */
  | 'no-hold-back'
  /** The page that closes a shard claims, too. */
  | 'closing-claims'
  /** A page claims before it is acknowledged. */
  | 'claim-unacknowledged'
  /** A page's time is taken when its records are acknowledged. */
  | 'late-askedAt'
  /** A shard is marked as ended before its children have rows. */
  | 'end-first'
  /** A listing's time is taken after it was made: one tick late. */
  | 'late-listing'
  /** What was asked for is taken before it is handed over. */
  | 'take-unhanded'
  /** A shard is handed over while a page of it waits for its acknowledgement. */
  | 'hand-over-unacknowledged'
  /** Who has handed a shard over goes on reading it. */
  | 'reads-on'
  /** A hand-over writes what the last page claims, though no later one has shown that the shard went on. */
  | 'hand-over-claims'
  /** A flush covers what was lost without waiting for its acknowledgement. */
  | 'flush-later';
