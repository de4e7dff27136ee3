/** Lets a share of calls have one more: each call earns a part of a token, a further one costs a whole. Needs no clock. */
export class TokenBucket {
  readonly #share: number;
  readonly #max: number;
  #tokens: number;

  /** `share`: tokens that a call earns. `max`: tokens that are kept, also at first. */
  constructor(share: number, max: number) {
    this.#share = share;
    this.#max = max;
    this.#tokens = max;
  }

  earn(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#share);
  }

  /** `false`: none is left. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
