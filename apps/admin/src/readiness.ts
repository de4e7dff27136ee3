import { type RoutingTable, type WriterElection, type WriterState } from '@tidemark/control';

export interface Readiness {
  readonly ready: boolean;
  readonly detail: {
    readonly state: WriterState['type'] | 'stopping';
    readonly routes: number;
    /** Who takes changes instead. */
    readonly leader?: string;
    /** Why it is not ready. */
    readonly reason?: string;
  };
}

/**
 * Whether requests can be served: the table is read, it has been decided once which process takes changes, Kafka answers, and the process does
 * not stop. One that stands by for another is ready: it serves what it reads, and refuses changes. One that is elected is ready once it takes changes:
 * whoever runs a single admin sends the first as soon as it is.
 */
export class ReadinessSource {
  readonly #table: RoutingTable;
  readonly #election: WriterElection | undefined;
  #stopping = false;

  constructor(table: RoutingTable, election?: WriterElection) {
    this.#table = table;
    this.#election = election;
  }

  /** Fails readiness from now on. */
  stop(): void {
    this.#stopping = true;
  }

  /** Whether this process takes changes. */
  get leads(): boolean {
    return this.#reason() === undefined && this.#table.state.type === 'writer';
  }

  read(): Readiness {
    const { type, leader } = { leader: undefined, ...this.#table.state };
    const routes = type === 'closed' ? 0 : this.#table.list().length;
    const reason = this.#reason();
    const state = this.#stopping ? 'stopping' : type;
    const known = { ...(leader === undefined ? {} : { leader }), ...(reason === undefined ? {} : { reason }) };
    return { ready: reason === undefined, detail: { state, routes, ...known } };
  }

  #reason(): string | undefined {
    const { state, problem } = this.#table;
    if (this.#stopping) return 'the process stops';
    if (state.type === 'unsupported') return state.reason;
    if (problem !== undefined) return `the routing topic: ${problem}`;
    if (state.type === 'closed') return 'the routing table is being read';
    if (this.#election === undefined) return undefined;
    if (!this.#election.decided)
      return `which process takes changes is being decided: ${this.#election.problem ?? 'waiting for the group'}`;
    return state.type === 'standby' && this.#election.elected ? 'this process is about to take changes' : undefined;
  }
}
