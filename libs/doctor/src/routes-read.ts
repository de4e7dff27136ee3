import { type Route } from '@tidemark/protocol';

/** The routing topic, record by record, as everyone who follows it takes it: what a superseded writer has written counts for nothing. */
export class RoutesRead {
  readonly #routes = new Map<string, Route>();
  #epoch = 0;

  apply(route: Route): void {
    if (route.writerEpoch < this.#epoch) return;
    this.#epoch = route.writerEpoch;
    this.#routes.set(route.table, route);
  }

  /** The last record of every table, deletions included, sorted by table. */
  all(): readonly Route[] {
    return [...this.#routes.values()].sort((a, b) => (a.table < b.table ? -1 : 1));
  }
}
