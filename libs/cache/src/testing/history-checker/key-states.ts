import { type History, type Transition } from './history.js';

/** What one key of one region's replica was, in order. State 0 is its absence before the first transition. */
export class KeyStates {
  readonly #transitions: readonly Transition[];
  readonly #byValue = new Map<string | null, number[]>();
  readonly #byWrite = new Map<string, number[]>();

  constructor(transitions: readonly Transition[]) {
    this.#transitions = transitions;
    this.#byValue.set(null, [0]);
    for (const [before, { value, by }] of transitions.entries()) {
      append(this.#byValue, value, before + 1);
      if (by !== undefined) append(this.#byWrite, by, before + 1);
    }
  }

  get last(): number {
    return this.#transitions.length;
  }

  /** `undefined` for state 0. */
  transition(state: number): Transition | undefined {
    return this.#transitions[state - 1];
  }

  value(state: number): string | null {
    return this.transition(state)?.value ?? null;
  }

  /** The state at a moment. */
  at(tick: number): number {
    let [low, high] = [0, this.#transitions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#transitions[middle]?.at.tick ?? Infinity) < tick) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** States, in order, that hold `value` and came to be before `tick`. */
  holding(value: string | null, tick: number): readonly number[] {
    return (this.#byValue.get(value) ?? []).filter((state) => (this.transition(state)?.at.tick ?? -1) < tick);
  }

  /** States that a write made. */
  madeBy(write: string): readonly number[] {
    return this.#byWrite.get(write) ?? [];
  }
}

const none = new KeyStates([]);

/** The states of every key of every region. */
export class ReplicaStates {
  readonly #states = new Map<string, KeyStates>();

  constructor({ transitions }: Pick<History, 'transitions'>) {
    const byPlace = new Map<string, Transition[]>();
    for (const transition of transitions) append(byPlace, placeOf(transition.region, transition.key), transition);
    for (const [place, list] of byPlace) this.#states.set(place, new KeyStates(list));
  }

  get all(): Iterable<KeyStates> {
    return this.#states.values();
  }

  of(region: string, key: string): KeyStates {
    return this.#states.get(placeOf(region, key)) ?? none;
  }
}

function placeOf(region: string, key: string): string {
  return `${region}\n${key}`;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
