import { type History, type Read } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeRead, describeState, show, type Violation } from './violation.js';

/** I1: once nothing is on its way any more, L1 holds the last state of its region's replica, or nothing, and every read serves it. */
export function checkConvergence(history: History, states: ReplicaStates): readonly Violation[] {
  const { quiet, lives, rests, reads } = history;
  if (quiet === undefined) return [];
  const regions = new Map(lives.map(({ pod, region }) => [pod, region]));
  const statesOf = (pod: string, key: string): KeyStates => states.of(regions.get(pod) ?? '', key);
  const held = rests.flatMap(({ pod, key, held }) =>
    held === undefined ? [] : checkValue(statesOf(pod, key), { pod, key, value: held.value, verb: 'holds' }),
  );
  const served = reads
    .filter(({ invoked }) => invoked.tick > quiet.tick)
    .flatMap((read) => checkRead(read, statesOf(read.pod, read.key)));
  return [...held, ...served];
}

function checkRead(read: Read, states: KeyStates): readonly Violation[] {
  const { pod, key, result } = read;
  if (result.type === 'served') return checkValue(states, { pod, key, value: result.value, verb: 'serves' });
  const what = 'serves nothing although nothing is wrong any more';
  return [{ invariant: 'I1', key, pod, what, involved: [describeRead(read)] }];
}

function checkValue(
  states: KeyStates,
  seen: { readonly pod: string; readonly key: string; readonly value: string | null; readonly verb: string },
): readonly Violation[] {
  const { pod, key, value, verb } = seen;
  const { last } = states;
  if (value === states.value(last)) return [];
  const state = states.holding(value, Infinity).at(-1);
  const which = state === undefined ? 'which the replica never was' : `state ${state}`;
  return [
    {
      ...{ invariant: 'I1', key, pod },
      what: `${verb} ${show(value)}, ${which}, for good; the replica holds ${show(states.value(last))}`,
      involved: [
        ...(state === undefined ? [] : [describeState(state, states.transition(state))]),
        describeState(last, states.transition(last)),
      ],
    },
  ];
}
