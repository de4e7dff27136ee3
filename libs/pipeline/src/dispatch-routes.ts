import { type Route } from '@tidemark/protocol';

import { isLive } from './dispatch-plan.js';

/** The routing table as the dispatcher reads it: the last record of each table, those of superseded writers left out. */
export class DispatchRoutes {
  readonly #routes = new Map<string, Route>();
  #epoch = 0;

  /** Takes the next record of the routing topic; `false`: its writer had been superseded, and it is ignored. */
  apply(route: Route): boolean {
    if (route.writerEpoch < this.#epoch) return false;
    this.#epoch = route.writerEpoch;
    this.#routes.set(route.table, route);
    return true;
  }

  /** The table's route as it stands, or `undefined` where its events wait. */
  live(table: string): Route | undefined {
    const route = this.#routes.get(table);
    return route !== undefined && isLive(route) ? route : undefined;
  }

  /** Since when `topic` has carried the table, or `undefined` when it does not. */
  since(table: string, topic: string): number | undefined {
    const topics = this.live(table)?.topics;
    return topics !== undefined && Object.hasOwn(topics, topic) ? topics[topic] : undefined;
  }

  /** Tables with a live route, sorted. */
  tables(): readonly string[] {
    return [...this.#routes.keys()].filter((table) => this.live(table) !== undefined).sort();
  }
}
