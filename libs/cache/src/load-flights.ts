import { type Clock, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Coherence } from './coherence.js';
import { type Fence } from './fences.js';

export interface LoadFlightsOptions {
  readonly coherence: Coherence;
  readonly cache: string;
  readonly clock: Clock;
  /** Time a whole load may take, ms. */
  readonly loadTimeoutMs: number;
  /** Loads in hand; a further one fails with `QUEUE_FULL`. Default 1,000. */
  readonly loadsMax?: number | undefined;
}

interface Flight {
  readonly fence: Fence;
  readonly value: Promise<unknown>;
}

/** The loads of one cache that are in hand, whichever way they go. */
export class LoadFlights {
  readonly #options: LoadFlightsOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #runs = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(options: LoadFlightsOptions) {
    this.#options = options;
  }

  /**
   * Callers of one key share a load as long as nothing has happened to the key since it began. `run`'s signal is aborted when nobody can use
   * the result any more: at the deadline (`TIMEOUT`), and when the pod closes (`ABORTED`).
   */
  load<V>(key: string, run: (fence: Fence, signal: AbortSignal) => Promise<unknown>): Promise<V | undefined> {
    const { coherence, clock, cache, loadTimeoutMs, loadsMax = 1_000 } = this.#options;
    const current = this.#flights.get(key);
    if (current !== undefined && coherence.joinable(current.fence)) return current.value as Promise<V | undefined>;
    if (this.#runs.size >= loadsMax)
      return Promise.reject(
        new TidemarkError('QUEUE_FULL', `${this.#runs.size} loads are in hand already`, { retriable: true }),
      );
    const fence = coherence.beginFill(key);
    const deadline = { clock, timeoutMs: loadTimeoutMs, what: `load in cache ${cache}`, signal: this.#closing.signal };
    const value = withDeadline(deadline, (signal) => this.#follow(run(fence, signal))).finally(() => {
      coherence.abandonFill(fence);
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight = { fence, value };
    this.#flights.set(key, flight);
    return value as Promise<V | undefined>;
  }

  /** Resolves when the loads in hand have ended, and have left nothing behind. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#runs]);
  }

  /** Ends the loads in hand; resolves when they have left nothing behind. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.idle();
  }

  #follow(run: Promise<unknown>): Promise<unknown> {
    const followed = run.finally(() => this.#runs.delete(followed));
    this.#runs.add(followed);
    return followed;
  }
}

/** What `work` gives, or why `signal` was aborted before it did: a loader that does not heed its signal is left behind. */
export function untilAborted<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    void Promise.resolve()
      .then(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
