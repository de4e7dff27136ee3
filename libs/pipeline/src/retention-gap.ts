import { type ShardPage } from './ports.js';

/**
 * Watches whether records may have left the stream before they were read. The stream does not say so: reading simply goes on at the oldest
 * record there is. So a time is kept up to which the shard is *covered*: everything accepted before it was read, or is covered by a flush of
 * every table that began then or later, since what pods hold is younger than that flush. What leaves the stream is older than its
 * retention; while the shard is covered up to less than that ago, with a margin, nothing can be missed.
 */
export class RetentionGap {
  readonly #limitMs: () => number;
  #coveredUpTo: number | null;

  /** `limitMs`: the stream's retention at present, less a margin; `coveredUpTo`: ms since the epoch; `null`: nothing is known. */
  constructor(limitMs: () => number, coveredUpTo: number | null) {
    this.#limitMs = limitMs;
    this.#coveredUpTo = coveredUpTo;
  }

  /** Whether a flush is due before the next page is read. */
  beforeRead(now: number): boolean {
    return this.#coveredUpTo === null || now - this.#coveredUpTo > this.#limitMs();
  }

  /** Whether a flush is due before this page is checkpointed. */
  onPage({ millisBehindLatest, gap, askedAt }: ShardPage): boolean {
    // Asked first: a page that came after a long stand-still covers what it skipped no more than the stand-still did.
    const isDue = gap || this.beforeRead(askedAt);
    if (millisBehindLatest !== null) this.covered(askedAt - millisBehindLatest);
    return isDue;
  }

  /** A flush that began at `at` is acknowledged, or everything accepted before `at` is read. */
  covered(at: number): void {
    this.#coveredUpTo = Math.max(this.#coveredUpTo ?? -Infinity, at);
  }
}
