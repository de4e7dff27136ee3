import { type Clock, TidemarkError } from '@tidemark/runtime';

export interface BulkheadOptions {
  readonly clock: Clock;
  /** Named in errors. */
  readonly table: string;
  /** Requests under way. */
  readonly inFlightMax: number;
  /** Requests that wait for their turn. */
  readonly queueMax: number;
}

export interface Turn {
  /** Ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Share of both limits that the caller may find taken, (0, 1]. */
  readonly share: number;
}

interface Waiting {
  readonly inFlightMax: number;
  readonly begin: () => void;
  readonly refuse: (error: TidemarkError) => void;
}

/** Bounds the requests of a table that are under way, and those that wait: what a slow store can hold of the heap is known beforehand. */
export class Bulkhead {
  readonly #options: BulkheadOptions;
  readonly #queue = new Set<Waiting>();
  #inFlight = 0;
  #closed = false;

  constructor(options: BulkheadOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Takes a place at once where one is free; `leave` gives it back. Whoever waits may take fewer places, and has none free. */
  tryEnter(share: number): boolean {
    if (this.#closed || this.#inFlight >= this.#limit(share)) return false;
    this.#inFlight += 1;
    return true;
  }

  /** Waits for a place. Rejects with `QUEUE_FULL`, `TIMEOUT`, `ABORTED` or `CLOSED`: nothing was sent then. */
  enter(turn: Turn): Promise<void> {
    const { queueMax, clock } = this.#options;
    if (this.#closed) return Promise.reject(this.#failure('CLOSED', 'the caches are closed'));
    if (turn.signal?.aborted === true) return Promise.reject(this.#failure('ABORTED', 'was aborted by its caller'));
    if (this.#queue.size >= queueMax * turn.share)
      return Promise.reject(this.#failure('QUEUE_FULL', `${this.#queue.size} requests wait already`));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        turn.signal?.removeEventListener('abort', onAbort);
        this.#queue.delete(waiting);
      };
      const refuse = (error: TidemarkError): void => {
        end();
        reject(error);
      };
      const begin = (): void => {
        end();
        resolve();
      };
      const waiting: Waiting = { inFlightMax: this.#limit(turn.share), begin, refuse };
      const late = (): void => refuse(this.#failure('TIMEOUT', 'ran out of time while it waited for its turn'));
      const onAbort = (): void => refuse(this.#failure('ABORTED', 'was aborted by its caller'));
      const cancel = clock.setTimer(late, turn.timeoutMs);
      turn.signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  leave(): void {
    this.#inFlight -= 1;
    for (const waiting of this.#queue) {
      if (this.#inFlight >= this.#options.inFlightMax) return;
      if (this.#inFlight >= waiting.inFlightMax) continue;
      this.#inFlight += 1;
      waiting.begin();
    }
  }

  /** Who waits hears `CLOSED`. What is under way goes on. */
  close(): void {
    this.#closed = true;
    for (const { refuse } of [...this.#queue]) refuse(this.#failure('CLOSED', 'the caches are closed'));
  }

  #limit(share: number): number {
    return Math.max(1, Math.floor(this.#options.inFlightMax * share));
  }

  #failure(code: 'QUEUE_FULL' | 'TIMEOUT' | 'ABORTED' | 'CLOSED', why: string): TidemarkError {
    const { table, inFlightMax, queueMax } = this.#options;
    return new TidemarkError(code, `request to table ${table} was not sent: ${why}`, {
      retriable: code === 'QUEUE_FULL' || code === 'TIMEOUT',
      context: { table, inFlightMax, queueMax },
    });
  }
}
