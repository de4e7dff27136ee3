import { type Coherence, type CoherenceOptions } from '../coherence.js';
import { type KnownSet } from '../known-set.js';

/** How much may happen in one run, and what a checker breaks on purpose. All counts default to 0, all flags to false. */
export interface WorldOptions {
  /** States of the key in the replica, whoever writes them. */
  readonly writes: number;
  readonly ownWrites?: number;
  readonly fills?: number;
  readonly duplicates?: number;
  readonly evictions?: number;
  readonly gaps?: number;
  readonly restarts?: number;
  /** Times that the known-set forgets all it knows. */
  readonly forgets?: number;
  /** Control records that invalidate the key. */
  readonly invalidations?: number;
  readonly deletes?: boolean;
  /** Writers without Tidemark: `keep` leaves the write id standing, `null` leaves none, `restore` brings one back that stood there before. */
  readonly foreign?: readonly ('keep' | 'null' | 'restore')[];
  /** Other pods' leases: no value, no write id of their own. */
  readonly leases?: boolean;
  /** Another region's write may win with a lower id. */
  readonly lowerIds?: boolean;
  readonly fast?: boolean;
  /** Fast events leave the value out. */
  readonly fastWithoutValue?: boolean;
  /** A write that timed out may commit later. */
  readonly late?: boolean;
  readonly mode?: 'update' | 'invalidate';
  /** Looks for nothing but what stays wrong for ever (I1). */
  readonly permanentOnly?: boolean;
  /** What is driven; default the shipped `Coherence`. */
  readonly make?: (options: CoherenceOptions, known: KnownSet) => Coherence;
  /** `weak-reads`: fills read an older state; `fast-stamps`: the fast lane carries the time of a clock that runs ahead. */
  readonly fault?: 'weak-reads' | 'fast-stamps';
}

/** What a world is told how often to do. */
export type Budget =
  'ownWrites' | 'fills' | 'duplicates' | 'evictions' | 'gaps' | 'restarts' | 'forgets' | 'invalidations';

export function budgetOf(options: WorldOptions): Record<Budget, number> {
  const { ownWrites = 0, fills = 0, duplicates = 0, evictions = 0 } = options;
  const { gaps = 0, restarts = 0, forgets = 0, invalidations = 0 } = options;
  return { ownWrites, fills, duplicates, evictions, gaps, restarts, forgets, invalidations };
}
