/**
 * Tokens that come with time, so many a second, and are kept up to a burst: in any time `t` no more than `perSecond × t + burst` of them are
 * taken. A larger purchase than the burst is made from a full bucket and paid off by those who come after it.
 */
export class RateBucket {
  #perSecond: number;
  #burst: number;
  #tokens: number;
  #atMs: number;

  /** Starts full. `perSecond` is above 0, `burst` at least 1. */
  constructor(nowMs: number, perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** From now on. What came until now came at the former rate. */
  setRate(nowMs: number, perSecond: number, burst: number): void {
    this.#earn(nowMs);
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  /** Tokens that are there; below 0 while a large purchase is paid off. */
  tokens(nowMs: number): number {
    this.#earn(nowMs);
    return this.#tokens;
  }

  /** `false`: nothing was taken. */
  take(nowMs: number, tokens: number): boolean {
    if (this.tokens(nowMs) + rounding < Math.min(tokens, this.#burst)) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Until `take` of so many succeeds if nobody else takes any, ms. */
  msUntil(nowMs: number, tokens: number): number {
    return this.#msFor(Math.min(tokens, this.#burst) - this.tokens(nowMs));
  }

  /** Until so many have come besides those that are there, ms: what whoever is that far back in a queue waits. */
  msUntilAll(nowMs: number, tokens: number): number {
    return this.#msFor(tokens - this.tokens(nowMs));
  }

  #msFor(missing: number): number {
    return (Math.max(0, missing) / this.#perSecond) * 1_000;
  }

  #earn(nowMs: number): void {
    const earned = (Math.max(0, nowMs - this.#atMs) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#atMs = Math.max(this.#atMs, nowMs);
  }
}

/** What sums of fractions may be off by. */
const rounding = 1e-6;
