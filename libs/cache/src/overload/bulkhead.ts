import { type Clock } from '@tidemark/runtime';
import { type Turn as WaitingTurn, WaitQueue } from './wait-queue.js';

export interface BulkheadOptions {
  readonly clock: Clock;
  /** Named in errors. */
  readonly table: string;
  /** Requests under way. */
  readonly inFlightMax: number;
  /** Requests that wait for their turn. */
  readonly queueMax: number;
}

export interface Turn extends WaitingTurn {
  /** Share of both limits that the caller may find taken, (0, 1]. */
  readonly share: number;
}

/** Bounds the requests of a table that are under way, and those that wait: what a slow store can hold of the heap is known beforehand. */
export class Bulkhead {
  readonly #options: BulkheadOptions;
  /** Each with the places that it may find taken. */
  readonly #queue: WaitQueue<number>;
  #inFlight = 0;

  constructor(options: BulkheadOptions) {
    this.#options = options;
    const { clock, table, inFlightMax, queueMax } = options;
    this.#queue = new WaitQueue({ clock, table, limits: { inFlightMax, queueMax } });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Takes a place at once where one is free; `leave` gives it back. Whoever waits may take fewer places, and has none free. */
  tryEnter(share: number): boolean {
    if (this.#queue.closed || this.#inFlight >= this.#limit(share)) return false;
    this.#inFlight += 1;
    return true;
  }

  /** Waits for a place. Rejects with `QUEUE_FULL`, `TIMEOUT`, `ABORTED` or `CLOSED`: nothing was sent then. */
  enter(turn: Turn): Promise<void> {
    return this.#queue.wait(this.#limit(turn.share), turn, this.#options.queueMax * turn.share);
  }

  leave(): void {
    this.#inFlight -= 1;
    for (const { asked, begin } of this.#queue) {
      if (this.#inFlight >= this.#options.inFlightMax) return;
      if (this.#inFlight >= asked) continue;
      this.#inFlight += 1;
      begin();
    }
  }

  /** Who waits hears `CLOSED`. What is under way goes on. */
  close(): void {
    this.#queue.close();
  }

  #limit(share: number): number {
    return Math.max(1, Math.floor(this.#options.inFlightMax * share));
  }
}
