import { type Clock, wait } from '@tidemark/runtime';

/** Reads that may follow each other at once after a time of rest: the limit of a shard, per second. */
const burst = 5;

/**
 * When a shard may be read again. At the tip: `pollIntervalMs` after the last read. Behind it: at once, but out of a bucket of
 * five that refills by one each `pollIntervalMs`, so that the average never exceeds what the interval says.
 */
export class ReadPace {
  readonly #clock: Clock;
  readonly #pollIntervalMs: number;
  #tokens = burst;
  #countedMs: number;
  #dueMs: number;

  constructor(clock: Clock, pollIntervalMs: number) {
    this.#clock = clock;
    this.#pollIntervalMs = pollIntervalMs;
    this.#countedMs = clock.monotonicMs();
    this.#dueMs = this.#countedMs;
  }

  /** Resolves when the next read may be sent, or early when `signal` is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    this.#refill();
    const forTokenMs = (1 - this.#tokens) * this.#pollIntervalMs;
    const waitMs = Math.max(forTokenMs, this.#dueMs - this.#clock.monotonicMs());
    if (waitMs > 0) await wait(this.#clock, waitMs, signal);
    this.#refill();
    this.#tokens -= 1;
    this.#dueMs = this.#clock.monotonicMs() + this.#pollIntervalMs;
  }

  /** The last read ended behind the tip: there is no need to wait. */
  hurry(): void {
    this.#dueMs = this.#clock.monotonicMs();
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#countedMs) / this.#pollIntervalMs);
    this.#countedMs = nowMs;
  }
}
