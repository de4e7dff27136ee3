import { type Route } from '@tidemark/protocol';

import { type RouteStore } from '../ports.js';

/** The routing topic in memory, shared by all its readers. */
export class FakeRoutes {
  readonly records: Route[] = [];
  readonly #readers = new Set<() => void>();
  readonly #resets = new Set<() => void>();

  /** The topic is made anew, empty. */
  reset(): void {
    this.records.length = 0;
    for (const reset of this.#resets) reset();
  }

  onReset(reset: () => void): () => void {
    this.#resets.add(reset);
    return () => this.#resets.delete(reset);
  }

  write(route: Route): void {
    this.records.push(route);
    for (const wake of this.#readers) wake();
  }

  follow(wake: () => void): () => void {
    this.#readers.add(wake);
    return () => this.#readers.delete(wake);
  }
}

/** One reader. Routes are handed over at once unless `pause` holds them back; `barrier` hands them over. */
export class FakeRouteStore implements RouteStore {
  barriers = 0;
  problem: string | undefined;
  readonly #routes: FakeRoutes;
  #onRoute: ((route: Route) => void) | undefined;
  #unfollow: () => void = () => undefined;
  #position = 0;
  #paused = false;
  readonly #failures: Error[] = [];

  constructor(routes: FakeRoutes) {
    this.#routes = routes;
  }

  async open(onRoute: (route: Route) => void, onReset: () => void = () => undefined): Promise<void> {
    this.#onRoute = onRoute;
    this.#handOver();
    const unfollow = this.#routes.follow(() => {
      if (!this.#paused) this.#handOver();
    });
    const unwatch = this.#routes.onReset(() => {
      this.#position = 0;
      onReset();
    });
    this.#unfollow = () => {
      unfollow();
      unwatch();
    };
  }

  async barrier(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.barriers += 1;
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    this.#handOver();
  }

  async close(): Promise<void> {
    this.#unfollow();
    this.#onRoute = undefined;
  }

  /** Holds routes back until the next barrier, and after it until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#handOver();
  }

  failNextBarrier(error = new Error('no broker')): void {
    this.#failures.push(error);
  }

  #handOver(): void {
    while (this.#onRoute !== undefined && this.#position < this.#routes.records.length) {
      const route = this.#routes.records[this.#position++];
      if (route !== undefined) this.#onRoute(route);
    }
  }
}
