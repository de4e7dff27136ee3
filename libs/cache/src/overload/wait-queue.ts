import { type Clock, onAbort, TidemarkError } from '@tidemark/runtime';

export interface WaitQueueOptions<T = unknown> {
  readonly clock: Clock;
  /** Named in errors. */
  readonly table: string;
  /** Goes into errors beside the table. */
  readonly limits: Readonly<Record<string, number>>;
  /** Told what one who waited had asked for, when it has left for whatever reason. */
  readonly onLeave?: (asked: T) => void;
}

export interface Turn {
  /** Ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One who waits, and what for. */
export interface Waiting<T> {
  readonly asked: T;
  /** Its turn has come. */
  readonly begin: () => void;
}

interface Waiter<T> extends Waiting<T> {
  readonly refuse: (error: TidemarkError) => void;
}

/** Requests of a table that wait for their turn, first come first. Whoever leaves the queue by an error was not sent. */
export class WaitQueue<T> {
  readonly #options: WaitQueueOptions<T>;
  readonly #waiting = new Set<Waiter<T>>();
  #closed = false;

  constructor(options: WaitQueueOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Those who wait, the first in front; each may be begun meanwhile. */
  [Symbol.iterator](): Iterator<Waiting<T>> {
    return this.#waiting.values();
  }

  /** Until `begin`. Rejects with `QUEUE_FULL` where `sizeMax` or more wait already, `TIMEOUT`, `ABORTED` or `CLOSED`. */
  wait(asked: T, { timeoutMs, signal }: Turn, sizeMax: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#closed) return Promise.reject(this.failure('CLOSED', closed));
    if (signal?.aborted === true) return Promise.reject(this.failure('ABORTED', aborted));
    if (this.#waiting.size >= sizeMax)
      return Promise.reject(this.failure('QUEUE_FULL', `${this.#waiting.size} requests wait already`));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        release?.();
        this.#waiting.delete(waiter);
        this.#options.onLeave?.(asked);
      };
      const refuse = (error: TidemarkError): void => {
        end();
        reject(error);
      };
      const begin = (): void => {
        end();
        resolve();
      };
      const waiter: Waiter<T> = { asked, begin, refuse };
      const late = (): void => refuse(this.failure('TIMEOUT', 'ran out of time while it waited for its turn'));
      const cancel = clock.setTimer(late, timeoutMs);
      const release = signal && onAbort(signal, () => refuse(this.failure('ABORTED', aborted)));
      this.#waiting.add(waiter);
    });
  }

  /** Who waits hears `CLOSED`. */
  close(): void {
    this.#closed = true;
    for (const { refuse } of [...this.#waiting]) refuse(this.failure('CLOSED', closed));
  }

  failure(code: 'QUEUE_FULL' | 'TIMEOUT' | 'ABORTED' | 'CLOSED' | 'OVERLOADED', why: string): TidemarkError {
    const { table, limits } = this.#options;
    return new TidemarkError(code, `request to table ${table} was not sent: ${why}`, {
      retriable: code !== 'ABORTED' && code !== 'CLOSED',
      context: { table, ...limits },
    });
  }
}

const closed = 'the caches are closed';
const aborted = 'was aborted by its caller';
