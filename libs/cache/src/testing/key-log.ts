import { type CdcEvent } from '@tidemark/protocol';

/** One state of the key in the replica. */
export interface KeyState {
  readonly exists: boolean;
  readonly id: string | null;
  /** Told apart from every other state's. */
  readonly value: string | undefined;
  /** Order of write ids. */
  readonly rank: number;
}

/** Three states apart is beyond the margin of stamps, two are not. */
export const stampStepUs = 2_500_000;
const stampBaseUs = 1_700_000_000_000_000;

/** What one key of one replica was, in order; state 0 is absent. */
export class KeyLog {
  readonly states: KeyState[] = [{ exists: false, id: null, value: undefined, rank: 0 }];
  #ids = 0;

  get last(): number {
    return this.states.length - 1;
  }

  at(index: number): KeyState {
    const state = this.states[index];
    if (state === undefined) throw new Error(`no state ${index}`);
    return state;
  }

  get now(): KeyState {
    return this.at(this.last);
  }

  add(state: Omit<KeyState, 'value'>, hasValue: boolean): number {
    return this.states.push({ ...state, value: hasValue ? `v${this.states.length}` : undefined }) - 1;
  }

  /** A fresh write id. */
  mint(rank: number): string {
    this.#ids += 1;
    return `${String(rank).padStart(4, '0')}.${this.#ids}`;
  }

  /** States that had a write id: the first of each. */
  get identified(): KeyState[] {
    const ids = this.states.map(({ id }) => id);
    return this.states.filter(({ id }, index) => id !== null && ids.indexOf(id) === index);
  }

  get highestRank(): number {
    return Math.max(...this.states.map(({ rank }) => rank));
  }

  /** The condition of every put and delete. */
  admits(rank: number): boolean {
    return !this.now.exists || this.now.id === null || this.now.rank < rank;
  }

  /** Whether a reader could tell that state `a` is older than `b`. */
  isOlder(a: number, b: number): boolean {
    return a < b && this.at(a).value !== this.at(b).value;
  }

  /** The change log's record of the transition to a state. */
  eventTo(index: number): CdcEvent {
    const [from, to] = [this.at(index - 1), this.at(index)];
    return {
      table: 'things',
      key: 'things:k',
      kind: !from.exists ? 'insert' : !to.exists ? 'remove' : 'modify',
      from: from.id,
      to: to.id,
      stampUs: stampBaseUs + index * stampStepUs,
      expiresAt: null,
      codec: null,
      lane: 'cdc',
      region: 'local',
      position: null,
      value: to.value === undefined ? null : Buffer.from(to.value),
    };
  }
}
