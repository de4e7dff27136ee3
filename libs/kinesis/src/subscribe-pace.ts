import { type Clock, wait } from '@tidemark/runtime';

/** Time between two calls of `SubscribeToShard` for a shard, ms: AWS's limit. */
const callsApartMs = 1_000;

/**
 * When a shard may be subscribed to again: a second after the last call, and `againAfterMs` after one that succeeded, or was refused because
 * the shard is in use; AWS refuses the consumer's next call before. Both are limits of the shard, whoever opened it here.
 */
export class SubscribePace {
  readonly #clock: Clock;
  readonly #againAfterMs: number;
  #notBeforeMs = -Infinity;

  /** `againAfterMs`: AWS's 5,000, or less for emulators. */
  constructor(clock: Clock, againAfterMs: number) {
    this.#clock = clock;
    this.#againAfterMs = againAfterMs;
  }

  /** Resolves when the next call may be made, or early when `signal` is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    const waitMs = (): number => this.#notBeforeMs - this.#clock.monotonicMs();
    for (let ms = waitMs(); ms > 0 && !signal.aborted; ms = waitMs()) await wait(this.#clock, ms, signal);
    if (!signal.aborted) this.#notBefore(Math.min(callsApartMs, this.#againAfterMs));
  }

  /** The shard was subscribed to, or is by somebody else. */
  taken(): void {
    this.#notBefore(this.#againAfterMs);
  }

  #notBefore(delayMs: number): void {
    this.#notBeforeMs = this.#clock.monotonicMs() + delayMs;
  }
}
