/** Samples that follow each other faster than this are drawn half as often, ms: a thousand a second are plenty. */
const intervalMinMs = 1;
/** Slower than this, twice as often, ms. */
const intervalMaxMs = 4;
/** Reads between two samples, in the mean: a cache that has fallen silent finds back soon. */
const gapMax = 4_096;
/** Without a sample for so long, every read is one again, ms. */
const lateMs = 1_000;

/**
 * How many reads lie between two samples. The gap is drawn at random, since reads may come round in a period of their own, and its mean follows
 * the traffic: each read of a slow cache is a sample, and some hundred a second of a fast one.
 */
export class SamplePace {
  readonly #random: () => number;
  #gap = 1;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Reads that the sample which is due stands for. */
  get weight(): number {
    return this.#gap;
  }

  /** A sample was taken; reads until the next one. */
  next(nowMs: number): number {
    const sinceMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (sinceMs < intervalMinMs) this.#gap = Math.min(gapMax, this.#gap * 2);
    else if (sinceMs > intervalMaxMs) this.#gap = Math.max(1, this.#gap >> 1);
    return 1 + Math.trunc(this.#random() * (2 * this.#gap - 1));
  }

  /** Whether the last sample is so long ago that the next read is to be one. */
  wake(nowMs: number): boolean {
    if (nowMs - this.#lastMs <= lateMs) return false;
    this.#gap = 1;
    this.#lastMs = nowMs;
    return true;
  }
}
