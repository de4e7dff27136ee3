/**
 * Bounds repeated reads to a share of all reads, so that retries do not multiply the load of a table that refuses it already. Each read earns that
 * share of a token, up to `max`; each repetition costs a whole one. Shared by all reads of a store; needs no clock.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #max: number;
  #tokens: number;
  readonly #refused: { value: number };

  /** `refused` counts the repetitions that were not made. */
  constructor(share: number, max: number, refused = { value: 0 }) {
    this.#refused = refused;
    this.#share = share;
    this.#max = max;
    this.#tokens = max;
  }

  earn(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#share);
  }

  /** `false`: none is left, and the failure stands. */
  take(): boolean {
    if (this.#tokens < 1) {
      this.#refused.value += 1;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** Repetitions that were not made. */
  get refused(): number {
    return this.#refused.value;
  }
}
