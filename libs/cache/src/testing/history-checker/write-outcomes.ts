import { type History, type Write } from './history.js';
import { type ReplicaStates } from './key-states.js';
import { describeState, describeWrite, type Violation } from './violation.js';

/** A write that was acknowledged was made once, a refused one not at all, and one of unknown outcome at most once. */
export function checkWriteOutcomes(history: History, states: ReplicaStates): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.writes.flatMap((write) => {
    const replica = states.of(regions.get(write.pod) ?? '', write.key);
    const made = replica.madeBy(write.id);
    const problem = problemOf(write, made.length);
    if (problem === undefined) return [];
    const involved = [describeWrite(write), ...made.map((state) => describeState(state, replica.transition(state)))];
    return [{ invariant: 'outcome' as const, key: write.key, pod: write.pod, what: problem, involved }];
  });
}

function problemOf({ result }: Write, times: number): string | undefined {
  if (times > 1) return `one write was made ${times} times`;
  if (result.type === 'applied' && times === 0) return 'an acknowledged write is not in the replica';
  if (result.type === 'refused' && times > 0) return 'a refused write is in the replica';
  return undefined;
}
