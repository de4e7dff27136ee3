import { type Clock } from '@tidemark/runtime';
import { type ShardPage } from './ports.js';
import { type StreamRetention } from './stream-retention.js';
import { claimOf } from './watermark.js';

/**
 * Watches whether records may have left the stream before they were read. The stream does not say so: reading simply goes on at the oldest
 * record there is. So a time is kept up to which the shard is *covered*: everything accepted before it was read, or is covered by a flush of
 * every table that began then or later, since what pods hold is younger than that flush. What leaves the stream is older than its
 * retention; while the shard is covered up to less than that ago, with a margin, nothing can be missed.
 */
export class RetentionGap {
  readonly #retention: StreamRetention;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #coveredUpTo: number | null;
  /** The same in monotonic time: where the clock was ahead meanwhile, only this tells how long nothing was read. */
  #coveredAtMs: number;
  #shortenings: number;

  /** `coveredUpTo`: ms since the epoch; `null`: nothing is known. */
  constructor(retention: StreamRetention, clock: Pick<Clock, 'monotonicMs'>, coveredUpTo: number | null) {
    this.#retention = retention;
    this.#clock = clock;
    this.#coveredAtMs = coveredUpTo === null ? -Infinity : clock.monotonicMs();
    this.#shortenings = retention.shortenings;
    this.#coveredUpTo = coveredUpTo;
  }

  /** ms since the epoch; `null`: nothing is known. */
  get coveredUpTo(): number | null {
    return this.#coveredUpTo;
  }

  /** Whether a flush is due before the next page is read. */
  beforeRead(now: number): boolean {
    const isKept = (upTo: number | null): boolean => this.#retention.covers(upTo, now);
    const wasShortened = this.#shortenings !== this.#retention.shortenings;
    this.#shortenings = this.#retention.shortenings;
    const agoMs = this.#clock.monotonicMs() - this.#coveredAtMs;
    if (isKept(this.#coveredUpTo) && isKept(now - agoMs) && !wasShortened) return false;
    this.#coveredUpTo = null;
    this.#coveredAtMs = -Infinity;
    return true;
  }

  /** Whether a flush is due before this page is checkpointed. `upTo`: what it proves of the shard and of its children (`claimOf`). */
  onPage(page: ShardPage, upTo = claimOf(page)): boolean {
    const { millisBehindLatest, gap, askedAt } = page;
    // Asked first: a page that came after a long stand-still covers what it skipped no more than the stand-still did.
    const before = this.#coveredUpTo;
    const isDue = gap || this.beforeRead(askedAt);
    if (!isDue && before !== null) this.#retention.passed(askedAt - before);
    if (upTo !== null) this.#note(upTo, millisBehindLatest ?? 0);
    return isDue;
  }

  /** A flush that began at `at` is acknowledged. */
  covered(at: number): void {
    this.#note(at, 0);
  }

  #note(at: number, agoMs: number): void {
    this.#coveredAtMs = Math.max(this.#coveredAtMs, this.#clock.monotonicMs() - agoMs);
    this.#coveredUpTo = Math.max(this.#coveredUpTo ?? -Infinity, at);
  }
}
