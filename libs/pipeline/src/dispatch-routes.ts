import { isLive, type Route, type RouteTarget, targetsOf } from '@tidemark/protocol';

/**
 * The routing table as the dispatcher reads it: the last record of each table, those of superseded writers left out.
 *
 * A route is *heard* first, and *in force* once the brokers have confirmed, after it was heard, that the partitions are still this member's.
 * Then whoever gets them later has read that route before his first dispatch, and dispatches under it or not at all. Without that, a member that has lost
 * a partition and does not know could announce a topic as complete into which the owner, who has not heard the route yet, sends nothing.
 */
export class DispatchRoutes {
  readonly #routes = new Map<string, Route>();
  #inForce: ReadonlyMap<string, Route> = new Map();
  #heard = 0;
  #adopted = 0;
  #epoch = 0;
  /** What was heard when routes were withheld: nothing that was to be adopted before then is. */
  #withheld = 0;
  /** Routes of a routing topic that has begun anew, until it is read to its end. */
  #again: DispatchRoutes | undefined;

  /** Takes the next record of the routing topic; `false`: its writer had been superseded, and it is ignored. */
  apply(route: Route): boolean {
    if (this.#again !== undefined) return this.#again.apply(route);
    if (route.writerEpoch < this.#epoch) return false;
    this.#epoch = route.writerEpoch;
    this.#routes.set(route.table, route);
    this.#heard += 1;
    return true;
  }

  /**
   * The routing topic has begun anew, perhaps by a writer that knows nothing of the one before. What comes is kept apart until the returned function is
   * called, once the topic is read to its end: on the way there may be routes that were over long ago, under which nothing must be dispatched with the
   * `since` of now. A table that the topic does not name keeps its route until it does. `false`: it has begun anew once more meanwhile, and nothing is
   * taken.
   */
  beginAgain(): () => boolean {
    const again = new DispatchRoutes();
    this.#again = again;
    return () => {
      if (this.#again !== again) return false;
      for (const [table, route] of again.#routes) this.#routes.set(table, route);
      this.#epoch = again.#epoch;
      this.#heard += 1;
      this.#again = undefined;
      return true;
    };
  }

  /** Whether anything was heard that is not in force. */
  get pending(): boolean {
    return this.#adopted < this.#heard;
  }

  /** What was heard up to now; to be put into force by the returned function, once it is confirmed. */
  toAdopt(): () => void {
    const [routes, heard] = [new Map(this.#routes), this.#heard];
    return () => {
      if (heard < this.#adopted || heard < this.#withheld) return;
      this.#inForce = routes;
      this.#adopted = heard;
    };
  }

  /**
   * Takes out of force every route that another one was heard after; `true`: there was one. For a new owner who cannot be confirmed yet: the one before
   * may have dispatched under the later route already, and events under the earlier one would pass by a topic that it has announced as complete.
   */
  withhold(): boolean {
    const current = [...this.#inForce].filter(([table, route]) => this.#routes.get(table) === route);
    this.#withheld = this.#heard;
    const isAll = current.length === this.#inForce.size;
    if (!isAll) this.#inForce = new Map(current);
    return !isAll;
  }

  /** The table's route as it was heard last, or `undefined` where its events wait: it has none, or is paused. */
  live(table: string): Route | undefined {
    return liveOf(this.#routes.get(table));
  }

  /** The table's route in force. */
  inForce(table: string): Route | undefined {
    return liveOf(this.#inForce.get(table));
  }

  /** Since when `topic` has carried the table by the route in force, and what of it; `undefined` when it does not. */
  target(table: string, topic: string): RouteTarget | undefined {
    return targetsOf(this.inForce(table)).find((target) => target.topic === topic);
  }

  /** Tables whose route as heard is paused, sorted. */
  paused(): readonly string[] {
    const paused = [...this.#routes.values()].filter((route) => isLive(route) && route.paused === true);
    return paused.map(({ table }) => table).sort();
  }

  /** Tables with a live route as heard, sorted; not those that are paused. */
  tables(): readonly string[] {
    return [...this.#routes.keys()].filter((table) => this.live(table) !== undefined).sort();
  }
}

function liveOf(route: Route | undefined): Route | undefined {
  return route !== undefined && isLive(route) && route.paused !== true ? route : undefined;
}
