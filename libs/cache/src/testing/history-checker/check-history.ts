import { checkConvergence } from './convergence.js';
import { type History } from './history.js';
import { ReplicaStates } from './key-states.js';
import { checkSessionOrder } from './session-order.js';
import { type Violation } from './violation.js';
import { checkWatermarks } from './watermark-bound.js';
import { checkWriteOutcomes } from './write-outcomes.js';

export interface CheckHistoryOptions {
  /** How far a watermark may be ahead of true time because processes' clocks are, ms. Default 0. */
  readonly skewMs?: number;
}

/**
 * Checks what was recorded of a run against the promises of docs/coherence.md: I1 convergence, I2 monotonic reads, I3 watermarks and
 * `maxStaleness`, I4 read your writes; and that every value served, and every outcome told, was true. Pure.
 */
export function checkHistory(history: History, { skewMs = 0 }: CheckHistoryOptions = {}): readonly Violation[] {
  const states = new ReplicaStates(history);
  return [
    ...checkWriteOutcomes(history, states),
    ...checkSessionOrder(history, states),
    ...checkWatermarks(history, states, skewMs),
    ...checkConvergence(history, states),
  ];
}
