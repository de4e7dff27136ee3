import { type History } from './history.js';
import { type ReplicaStates } from './key-states.js';
import { describeState, show, type Violation } from './violation.js';

/** I1: once nothing is on its way any more, L1 holds the last state of its region's replica, or nothing. */
export function checkConvergence(history: History, states: ReplicaStates): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.rests.flatMap(({ pod, key, at, held }) => {
    const replica = states.of(regions.get(pod) ?? '', key);
    const last = replica.lastBefore(at.tick);
    if (held === undefined || held.value === replica.value(last)) return [];
    const state = replica.holding(held.value, at.tick).at(-1);
    const which = state === undefined ? 'which the replica never was' : `state ${state}`;
    return [
      {
        invariant: 'I1' as const,
        key,
        pod,
        what: `holds ${show(held.value)}, ${which}, for good; the replica holds ${show(replica.value(last))}`,
        involved: [
          ...(state === undefined ? [] : [describeState(state, replica.transition(state))]),
          describeState(last, replica.transition(last)),
        ],
      },
    ];
  });
}
