import { backoffMs, type Clock, TidemarkError, wait } from '@tidemark/runtime';

export interface RetryOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Delay before the second attempt, ms. */
  readonly initialMs: number;
  /** No delay is longer, ms. */
  readonly maxMs: number;
}

/** Hears how each attempt of `what` ended. */
export interface RetryObserver {
  failed(what: string, error: unknown): void;
  succeeded(what: string): void;
  /** `what` is not tried any more, though it failed. */
  gaveUp?(what: string): void;
}

/**
 * Tries until it works, with bounded back-off, for as long as `signal` is not aborted; rejects with `ABORTED` then. Whoever may not skip
 * anything has nothing better to do than to stand still, so the number of attempts has no bound; the lease has.
 */
export class Retry {
  readonly signal: AbortSignal;
  readonly #options: RetryOptions;
  readonly #observer: RetryObserver;

  constructor(options: RetryOptions, signal: AbortSignal, observer: RetryObserver) {
    this.#options = options;
    this.signal = signal;
    this.#observer = observer;
  }

  /** `isFinal`: whether a failure is not to be tried again; then it rejects with that. */
  async untilDone<T>(
    what: string,
    attempt: (signal: AbortSignal) => Promise<T>,
    isFinal: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    const { clock } = this.#options;
    for (let failures = 1; ; failures += 1) {
      this.#throwIfAborted(what);
      try {
        const result = await attempt(this.signal);
        this.#observer.succeeded(what);
        return result;
      } catch (error) {
        this.#throwIfAborted(what);
        this.#observer.failed(what, error);
        if (isFinal(error)) {
          this.#observer.gaveUp?.(what);
          throw error;
        }
        await wait(clock, backoffMs(failures, this.#options), this.signal);
      }
    }
  }

  #throwIfAborted(what: string): void {
    if (!this.signal.aborted) return;
    throw new TidemarkError('ABORTED', `${what} was given up`, { retriable: false, cause: this.signal.reason });
  }
}
