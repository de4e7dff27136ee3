import { failureOf } from './failure-of.js';
import { type WriterElection } from './ports.js';
import { notOpen, notWriter, superseded, unsupportedRecords } from './routing-errors.js';
import { type WriterState } from './routing-table-options.js';

/**
 * Whether this process may write the routing table, and under which epoch.
 *
 * Where there is an election, only the elected process sits here. It loses the seat with the election, at once, also in the middle of an append;
 * what is on its way then is fenced by its epoch.
 */
export class WriterSeat {
  readonly #election: WriterElection | undefined;
  #state: WriterState = { type: 'closed' };
  #term = new AbortController();

  constructor(election: WriterElection | undefined) {
    this.#election = election;
  }

  get state(): WriterState {
    const { type } = this.#state;
    if ((type === 'writer' || type === 'superseded') && !this.mayTake) return this.#standby();
    return type === 'standby' ? this.#standby() : this.#state;
  }

  /** Whether nobody else is elected, as far as is known. */
  get mayTake(): boolean {
    return this.#election?.elected !== false;
  }

  /** Whether this process only reads until it is elected, or has heard of a higher epoch than its own. */
  get isWaiting(): boolean {
    return this.#state.type === 'standby' || this.#state.type === 'superseded';
  }

  /** Aborted when the seat is lost. */
  get term(): AbortSignal {
    return this.#term.signal;
  }

  /** The epoch to write under, or the reason why this process must not. */
  get epoch(): number {
    const { state } = this;
    switch (state.type) {
      case 'writer':
        return state.epoch;
      case 'standby':
        throw notWriter(state.leader, this.#election?.problem);
      case 'superseded':
        throw superseded(state.byEpoch);
      case 'unsupported':
        throw unsupportedRecords(state.reason);
      case 'closed':
        throw notOpen();
    }
  }

  take(epoch: number): void {
    this.#leaveFor({ type: 'writer', epoch });
    this.#term = new AbortController();
  }

  /** Goes on under a higher epoch. */
  raise(epoch: number): void {
    this.#state = { type: 'writer', epoch };
  }

  /** Reads on, and writes once it is elected. What was refused for good, or closed, stays so. */
  standBy(): void {
    if (this.#state.type !== 'unsupported') this.#leaveFor({ type: 'standby' });
  }

  supersede(byEpoch: number): void {
    this.#state = { type: 'superseded', byEpoch };
  }

  /** Never writes again, and leaves the election to a process that can read what this one cannot. */
  refuse(reason: string): void {
    this.#leaveFor({ type: 'unsupported', reason });
    void failureOf(Promise.resolve(this.#election?.close()));
  }

  close(): void {
    this.#leaveFor({ type: 'closed' });
  }

  #leaveFor(state: WriterState): void {
    this.#state = state;
    this.#term.abort();
  }

  #standby(): WriterState {
    const leader = this.#election?.leader;
    return { type: 'standby', ...(leader === undefined ? {} : { leader }) };
  }
}
