import { type RoutingTable, type WriterState } from '@tidemark/control';

export interface Readiness {
  readonly ready: boolean;
  readonly detail: { readonly state: WriterState['type'] | 'stopping'; readonly routes: number };
}

/** Whether requests can be served: the table is open, for changes too, and the process does not stop. */
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
    if (this.#stopping) return { ready: false, detail: { state: 'stopping', routes } };
    return { ready: type === 'writer' || type === 'superseded', detail: { state: type, routes } };
  }
}
