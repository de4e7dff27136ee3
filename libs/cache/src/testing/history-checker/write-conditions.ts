import { type History, type Write, type WriteAsks } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeState, describeWrite, show, type Violation } from './violation.js';

/** What a write asked of the state that it met was so when it was made; and one that was refused for it had been in its way. */
export function checkWriteConditions(history: History, states: ReplicaStates): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.writes.flatMap((write) => {
    const replica = states.of(regions.get(write.pod) ?? '', write.key);
    if (write.condition === undefined) return [];
    return [...checkMade(write, write.condition, replica), ...checkRefused(write, write.condition, replica)];
  });
}

function checkMade(write: Write, condition: WriteAsks, states: KeyStates): readonly Violation[] {
  return states.madeBy(write.id).flatMap((state) => {
    const found =
      condition.type === 'untouched' ? newerThanLoad(write, state, states) : against(condition, state, states);
    if (found === undefined) return [];
    const invariant = condition.type === 'untouched' ? ('load' as const) : ('condition' as const);
    const what =
      condition.type === 'untouched'
        ? `state ${state}, what was loaded, was installed over state ${found}, which came after the load had begun`
        : `${nameOf(condition)} was made over state ${found} (${show(states.value(found))})`;
    return [violation(invariant, write, what, states, [found, state])];
  });
}

/** The state that the write should not have been made over. */
function against(condition: WriteAsks, state: number, states: KeyStates): number | undefined {
  return holds(condition, state - 1, states) ? undefined : state - 1;
}

function holds(condition: WriteAsks, state: number, states: KeyStates): boolean {
  if (condition.type === 'absent') return states.value(state) === null;
  if (condition.type === 'untouched') return true;
  return states.value(state) !== null && states.transition(state)?.version === condition.version;
}

/**
 * The newest state since the load began that somebody wrote: a value, or a deletion. What a lease does to an item without a value is none;
 * beyond what another region made of it nothing is known, since that may have brought the lease itself back.
 */
function newerThanLoad({ invoked }: Write, made: number, states: KeyStates): number | undefined {
  for (let state = made - 1; state > 0; state -= 1) {
    const transition = states.transition(state);
    if (transition === undefined || transition.at.tick < invoked.tick) return undefined;
    if (transition.value !== null) return state;
    if (transition.replicated === true) return undefined;
    if (transition.by !== undefined || states.value(state - 1) !== null) return state;
  }
  return undefined;
}

/** It was refused for what it asked, and nothing was in its way from its beginning to its end. */
function checkRefused(write: Write, condition: WriteAsks, states: KeyStates): readonly Violation[] {
  const { result, invoked, responded } = write;
  const isTold = result.type === 'refused' && /^(exists|version-mismatch)$/.test(result.reason);
  if (!isTold || responded === undefined) return [];
  const [first, last] = [states.at(invoked.tick), states.at(responded.tick)];
  for (let state = first; state <= last; state += 1) if (!holds(condition, state, states)) return [];
  return [
    violation('condition', write, `${nameOf(condition)} was refused although nothing was in its way`, states, [first]),
  ];
}

function nameOf(condition: WriteAsks): string {
  return condition.type === 'absent' ? 'a write where nothing is' : 'a write over one version';
}

function violation(
  invariant: Violation['invariant'],
  write: Write,
  what: string,
  states: KeyStates,
  involved: readonly number[],
): Violation {
  const { key, pod } = write;
  const lines = involved.map((state) => describeState(state, states.transition(state)));
  return { invariant, key, pod, what, involved: [describeWrite(write), ...lines] };
}
