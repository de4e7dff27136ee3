import { type KeyOptions } from './key-options.js';
import { type Held, imageAt, isOlder, type KeyState, lastOf } from './key-state.js';

/** Which invariant of docs/coherence.md a state breaks, if any. */
export function problemOf(state: KeyState, { permanentOnly = false }: KeyOptions): string | undefined {
  const { held, fault } = state;
  if (permanentOnly) return held === null ? undefined : permanent(state, held);
  if (fault !== null) return fault;
  return held === null ? undefined : (passing(state, held) ?? permanent(state, held));
}

function passing(state: KeyState, held: Held): string | undefined {
  const { at, value, id, readAt } = held;
  const image = imageAt(state, at);
  if (value !== image.value) return `the entry is not what #${at} was`;
  if (value !== 0 && id !== image.id) return `the entry's write id is not that of #${at}`;
  if (isOlder(state, at, state.floor)) return `I2/I3/I4: the pod serves #${at}, after #${state.floor}`;
  if (isOlder(state, at, readAt)) return `atLeast: #${at} is said to be read when #${readAt} stood there`;
  const seen = newestKnown(state);
  if (isOlder(state, at, seen)) return `atLeast: #${at} is served to whoever asks for the known #${seen}`;
  return undefined;
}

/** The newest write that the pod would serve at once to a caller who asks for it, because its id is known. */
function newestKnown({ log, known }: KeyState): number {
  let newest = 0;
  if (known === 0) return newest;
  for (const [index, { id }] of log.entries())
    if (((known >>> id) & 1) === 1 && log.findIndex((image) => image.id === id) === index) newest = index;
  return newest;
}

/** Nothing is under way that could still put it right. A fast event may be lost, so none is waited for. */
function permanent(state: KeyState, { at }: Held): string | undefined {
  const { pending, fills, write, late } = state;
  if (pending !== 0 || fills.length > 0 || write !== null || late !== null) return undefined;
  return isOlder(state, at, lastOf(state))
    ? `I1: the pod keeps #${at} for ever, the replica holds #${lastOf(state)}`
    : undefined;
}
