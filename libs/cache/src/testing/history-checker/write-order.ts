import { type History, type Transition, type Write } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeState, describeWrite, type Violation } from './violation.js';

interface Highest {
  readonly version: string;
  readonly state: number;
}

/**
 * Writes of one region follow their write ids, for as long as the item keeps one: a put that is late in the network never comes in over a
 * newer one, nor over a tombstone. A removal, and what somebody else made of the item, says nothing about what comes after it.
 */
export function checkWriteOrder({ writes }: Pick<History, 'writes'>, states: ReplicaStates): readonly Violation[] {
  const byId = new Map(writes.map((write) => [write.id, write]));
  return [...states.all].flatMap((replica) => checkKey(byId, replica));
}

function checkKey(writes: ReadonlyMap<string, Write>, states: KeyStates): readonly Violation[] {
  const violations: Violation[] = [];
  let highest: Highest | undefined;
  for (let state = 1; state <= states.last; state += 1) {
    const transition = states.transition(state) as Transition;
    const write = transition.by === undefined ? undefined : writes.get(transition.by);
    if (write === undefined) {
      if (transition.replicated === true || !keepsVersion(states, state)) highest = undefined;
      continue;
    }
    const version = versionOf(transition, write);
    if (highest !== undefined && version !== undefined && version < highest.version)
      violations.push(cameLate(write, state, highest, states));
    highest = version === undefined ? undefined : { version, state };
  }
  return violations;
}

/** A deletion that removed the item has left no write id, whatever its caller was told. */
function versionOf({ value, version }: Transition, write: Write): string | undefined {
  const told = value === null && write.tombstone === true ? write.version : undefined;
  return version ?? told;
}

function keepsVersion(states: KeyStates, state: number): boolean {
  return states.transition(state)?.version === states.transition(state - 1)?.version;
}

function cameLate(write: Write, state: number, highest: Highest, states: KeyStates): Violation {
  return {
    ...{ invariant: 'order', key: write.key, pod: write.pod },
    what: `state ${state} came in over state ${highest.state}, whose write id is higher`,
    involved: [
      describeWrite(write),
      describeState(state, states.transition(state)),
      describeState(highest.state, states.transition(highest.state)),
    ],
  };
}
