import { backoffMs, type Clock, wait } from '@tidemark/runtime';

export interface ReconcilerOptions {
  readonly clock: Clock;
  /** Brings the world closer to what is wanted; `true` when it holds. Never runs twice at once. */
  readonly step: () => Promise<boolean>;
  readonly onError: (error: unknown) => void;
  /** Delay after the first failure, ms. Default 50. */
  readonly initialMs?: number;
  /** No delay is longer, ms. Default 2,000. */
  readonly maxMs?: number;
  readonly random?: () => number;
}

/** Without a failure for this long, the next one is a first failure again, ms. */
const forgiveAfterMs = 15_000;

/** Repeats a step until it holds and whenever something has changed, for ever, with a bounded delay between failures. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #running: Promise<void> | undefined;
  #dirty = false;
  #closed = false;
  #failures = 0;
  #failedAtMs = -Infinity;
  #wake = new AbortController();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** What is wanted has changed: run the step now, also in the middle of a delay. */
  poke(): void {
    this.#dirty = true;
    this.#wake.abort();
    this.#start();
  }

  /** There is something to do: run the step, after what is left of a delay. For what may come of a step itself: `poke` would end every delay. */
  need(): void {
    this.#dirty = true;
    this.#start();
  }

  /** What was reached has fallen apart: run the step after the delay that the recent failures call for. */
  fail(): void {
    this.#countFailure();
    this.#dirty = true;
    this.#start();
  }

  /** Ends the loop; resolves when a step in progress has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake.abort();
    await this.#running;
  }

  #start(): void {
    if (this.#closed || this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#dirty) this.#start();
    });
  }

  async #run(): Promise<void> {
    await this.#delay();
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      if (await this.#step()) continue;
      this.#countFailure();
      this.#dirty = true;
      await this.#delay();
    }
  }

  async #step(): Promise<boolean> {
    try {
      return await this.#options.step();
    } catch (error) {
      this.#options.onError(error);
      return false;
    }
  }

  async #delay(): Promise<void> {
    const { clock, initialMs = 50, maxMs = 2_000, random = Math.random } = this.#options;
    if (this.#failures > 0 && !this.#closed && !this.#wake.signal.aborted) {
      const delayMs = this.#failedAtMs + backoffMs(this.#failures, { initialMs, maxMs, random }) - clock.monotonicMs();
      if (delayMs > 0) await wait(clock, delayMs, this.#wake.signal);
    }
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  #countFailure(): void {
    const now = this.#options.clock.monotonicMs();
    this.#failures = now - this.#failedAtMs > forgiveAfterMs ? 1 : this.#failures + 1;
    this.#failedAtMs = now;
  }
}
