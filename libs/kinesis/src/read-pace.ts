import { type Clock, wait } from '@tidemark/runtime';

/** Time between two reads of a shard that follow each other at AWS's limit of five a second, ms. */
const limitMs = 200;
/** Bytes that a shard hands out in a second. */
const bytesPerSecond = 2 * 1_024 * 1_024;
/** Longest time between two reads of a shard that others read too, ms. */
const sharedMaxMs = 5_000;
/** After so long without a refusal the pace is a tenth quicker, ms. */
const quickerEveryMs = 10_000;
/** Refusals within so long of each other are one, ms. */
const sameRefusalMs = 1_000;

/**
 * When a shard may be read again. At the tip: `pollIntervalMs` after the last read; behind it: 200 ms, AWS's limit of five reads in any second. A page's
 * bytes are paid for at 2 MiB a second, also AWS's limit. Both are a shard's, whoever reads it: where it refuses a read, others read it too, so
 * the pace is halved, and grows back by a tenth each ten seconds, until the readers together keep just below the limit.
 *
 * An interval below 200 ms is for emulators, which have no limits: both are raised in proportion.
 */
export class ReadPace {
  readonly #clock: Clock;
  readonly #pollIntervalMs: number;
  readonly #behindMs: number;
  readonly #bytesPerMs: number;
  #sentMs = -Infinity;
  #paidMs = -Infinity;
  #isBehind = false;
  /** How many times slower than without others. */
  #slowness = 1;
  #slowedMs = -Infinity;
  #refusedMs = -Infinity;

  constructor(clock: Clock, pollIntervalMs: number) {
    this.#clock = clock;
    this.#pollIntervalMs = pollIntervalMs;
    this.#behindMs = Math.min(pollIntervalMs, limitMs);
    this.#bytesPerMs = (bytesPerSecond / 1_000) * (limitMs / this.#behindMs);
  }

  /** Resolves when the next read may be sent, or early when `signal` is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    for (let waitMs = this.#waitMs(); waitMs > 0 && !signal.aborted; waitMs = this.#waitMs())
      await wait(this.#clock, waitMs, signal);
    if (signal.aborted) return;
    this.#sentMs = this.#clock.monotonicMs();
    this.#isBehind = false;
  }

  /** The last read brought so many bytes. */
  spent(bytes: number): void {
    this.#paidMs = Math.max(this.#paidMs, this.#sentMs) + bytes / this.#bytesPerMs;
  }

  /** The last read ended behind the tip: there is no need to wait for longer than the limits say. */
  hurry(): void {
    this.#isBehind = true;
  }

  /** The shard has refused the last read, since it was read too often, or too much. */
  refused(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#recover(nowMs);
    if (nowMs - this.#refusedMs >= sameRefusalMs)
      this.#slowness = Math.min(Math.max(1, sharedMaxMs / this.#behindMs), this.#slowness * 2);
    this.#refusedMs = nowMs;
    this.#slowedMs = nowMs;
  }

  #waitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#recover(nowMs);
    const sharedMs = this.#behindMs * this.#slowness;
    const apartMs = Math.max(sharedMs, this.#isBehind ? this.#behindMs : this.#pollIntervalMs);
    return Math.max(this.#sentMs + apartMs, this.#paidMs) - nowMs;
  }

  #recover(nowMs: number): void {
    while (this.#slowness > 1 && nowMs - this.#slowedMs >= quickerEveryMs) {
      this.#slowness = Math.max(1, this.#slowness * 0.9);
      this.#slowedMs += quickerEveryMs;
    }
  }
}
