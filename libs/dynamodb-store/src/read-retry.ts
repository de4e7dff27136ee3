import { type StoreCall } from '@tidemark/cache';
import { backoffMs, isTidemarkError, wait } from '@tidemark/runtime';
import { type ResolvedOptions } from './options.js';
import { RetryBudget } from './retry-budget.js';

/** Repeats reads that may succeed a moment later, within the call's time-out and a budget that all reads of the store share. Writes must not come here. */
export class ReadRetry {
  readonly #options: ResolvedOptions;

  readonly #budget: RetryBudget;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#budget = new RetryBudget(
      options.retryShareMax,
      retriesAtOnceMax,
      options.metrics.counter(
        'tidemark_dynamodb_retries_refused_total',
        'Reads that were not repeated, since too many others had been.',
      ),
    );
  }

  /** Hands what is left of the time-out to each `attempt`; rejects with the failure of the last one. */
  async run<T>(call: StoreCall, attempt: (call: StoreCall) => Promise<T>): Promise<T> {
    const { clock, readAttemptsMax } = this.#options;
    const deadlineMs = clock.monotonicMs() + call.timeoutMs;
    this.#budget.earn();
    for (let failures = 1; ; failures += 1) {
      try {
        return await attempt({ ...call, timeoutMs: deadlineMs - clock.monotonicMs() });
      } catch (error) {
        if (failures >= readAttemptsMax || !mayPass(error)) throw error;
        if (!this.mayRepeat()) throw error;
        if (!(await this.pause(failures, deadlineMs, call.signal))) throw error;
      }
    }
  }

  /** Takes a repetition from the budget; `false`: it holds none. */
  mayRepeat(): boolean {
    return this.#budget.take();
  }

  /** Waits before another attempt, or less when the caller gives up, as the attempt will tell. `false`, at once: no time is left for one. */
  async pause(failures: number, deadlineMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { clock, backoffInitialMs, backoffMaxMs, random } = this.#options;
    const delayMs = backoffMs(failures, { initialMs: backoffInitialMs, maxMs: backoffMaxMs, random });
    if (clock.monotonicMs() + delayMs >= deadlineMs) return false;
    await wait(clock, delayMs, signal);
    return true;
  }
}

/** Repetitions that a store has to start with, and may save up while all goes well. */
const retriesAtOnceMax = 10;

/** A hot key is not asked again: it has too many requests already. */
function mayPass(error: unknown): boolean {
  return isTidemarkError(error) && error.retriable && error.context['hotKey'] !== true;
}
