import { checkConvergence } from './convergence.js';
import { type History } from './history.js';
import { checkInvalidations } from './invalidations.js';
import { ReplicaStates } from './key-states.js';
import { checkSessionOrder } from './session-order.js';
import { type Violation } from './violation.js';
import { checkWatermarks } from './watermark-bound.js';
import { checkWriteConditions } from './write-conditions.js';
import { checkWriteOrder } from './write-order.js';
import { checkWriteOutcomes } from './write-outcomes.js';

export interface CheckHistoryOptions {
  /** How far a process's clock may be from true time, ms. Default 0. */
  readonly skewMs?: number;
}

/**
 * Checks what was recorded of a run against the promises of docs/coherence.md: I1 convergence, I2 monotonic reads, I3 watermarks and
 * `maxStaleness`, I4 read your writes; that every value served, and every outcome told, was true; and that conditional writes, loads,
 * tombstones and invalidations did what they are for. Pure.
 */
export function checkHistory(history: History, { skewMs = 0 }: CheckHistoryOptions = {}): readonly Violation[] {
  const states = new ReplicaStates(history);
  return [
    ...checkWriteOutcomes(history, states),
    ...checkWriteConditions(history, states),
    ...checkWriteOrder(history, states),
    ...checkSessionOrder(history, states),
    ...checkWatermarks(history, states, skewMs),
    ...checkInvalidations(history, states, skewMs),
    ...checkConvergence(history, states),
  ];
}
