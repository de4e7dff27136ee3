import { type Coherence, type CoherenceOptions } from '@tidemark/cache/internals';
import { type LoadRules } from './load-rules.js';

/** How much may happen to one item and the pods that load it, and what a checker takes away. Counts default to 0, flags to false. */
export interface LoadOptions {
  /** Calls of `getOrLoad`, by pod; there are as many pods as figures. */
  readonly calls: readonly number[];
  /** Time passes in ticks; a call's deadline and its lease last two. */
  readonly ticks: number;
  /** Puts, by pod. */
  readonly puts?: readonly number[];
  /** Deletes, by pod. */
  readonly removals?: readonly number[];
  /** Whether a delete removes the item or leaves a marked one with a write id. Default: removes. */
  readonly deletes?: 'remove' | 'tombstone';
  /** Puts carry an expiry, one tick away. */
  readonly expires?: boolean;
  /**
   * Writers without Tidemark: `update` adds a value and keeps everything else, `put` writes the whole item without a write id, `remove`
   * removes it, `malformed` writes the whole item with a write id that is none, `strip` takes the value away and keeps everything else.
   */
  readonly foreign?: readonly ('update' | 'put' | 'remove' | 'malformed' | 'strip')[];
  readonly foreigns?: number;
  /** Calls to L2 whose answer is lost, made or not; what was not made may still be made at any later time. */
  readonly lost?: number;
  readonly crashes?: number;
  /** Loads of one call before it gives up; default 2. */
  readonly loadsMax?: number;
  /** Whether pod 0 has an L1 and follows the item's events, in any order. */
  readonly l1?: boolean;
  readonly rules?: Partial<LoadRules>;
  /** What pod 0 has instead of the shipped `Coherence`. */
  readonly make?: (options: CoherenceOptions) => Coherence;
  readonly fault?: LoadFault;
}

/** What the checker does wrong around the shipped decisions. */
export type LoadFault =
  /** A claim of unknown outcome is sent again under its lease id. */
  | 'same-lease-id'
  /** A claim of unknown outcome is taken for granted. */
  | 'granted-unread'
  /** A claim is cut short when the call's time is up. */
  | 'cut-claim'
  /** A load that brings nothing leaves its lease. */
  | 'keeps-lease'
  /** A delete is not sent where no value seems to be. */
  | 'skipped-delete'
  /** A delete takes the value away and leaves the rest. */
  | 'delete-in-place'
  /** A call joins whatever load is under way. */
  | 'joins-dirty'
  /** A lease lasts for ever. */
  | 'endless-lease';

/** How long a call may take, and a lease lasts, in ticks. */
export const callTicks = 2;
