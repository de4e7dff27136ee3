import { type RoutingTable, type WriterState } from '@tidemark/control';

export interface Readiness {
  readonly ready: boolean;
  readonly detail: {
    readonly state: WriterState['type'] | 'stopping';
    readonly routes: number;
    /** Why it is not ready. */
    readonly reason?: string;
  };
}

/** Whether requests can be served: the table is open, for changes too, Kafka answers, and the process does not stop. */
export class ReadinessSource {
  readonly #table: RoutingTable;
  #stopping = false;

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  /** Fails readiness from now on. */
  stop(): void {
    this.#stopping = true;
  }

  read(): Readiness {
    const { type } = this.#table.state;
    const routes = type === 'closed' ? 0 : this.#table.list().length;
    const reason = this.#reason();
    const state = this.#stopping ? 'stopping' : type;
    return { ready: reason === undefined, detail: { state, routes, ...(reason === undefined ? {} : { reason }) } };
  }

  #reason(): string | undefined {
    const { state, problem } = this.#table;
    if (this.#stopping) return 'the process stops';
    if (state.type === 'unsupported') return state.reason;
    if (problem !== undefined) return `the routing topic: ${problem}`;
    return state.type === 'closed' ? 'the routing table is being read' : undefined;
  }
}
