import { type Clock } from '@tidemark/runtime';
import { type ShardPage } from './ports.js';
import { type StreamRetention } from './stream-retention.js';

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
  /** How long ago that was at `#notedAtMs`, ms, and that in monotonic time: where the clock was ahead meanwhile, only this tells how long nothing was read. */
  #agoMs: number;
  #notedAtMs: number;
  /** Up to when it is covered whatever is said of the pages, ms since the epoch. */
  #surelyUpTo: number;
  /** The longest that was not covered when a page came, ms, since the retention was last looked at: it may have been shortened before. */
  #uncoveredMs = 0;
  #looks: number;

  /** `coveredUpTo`: ms since the epoch; `null`: nothing is known. */
  constructor(retention: StreamRetention, clock: Pick<Clock, 'monotonicMs'>, coveredUpTo: number | null) {
    this.#retention = retention;
    this.#clock = clock;
    this.#agoMs = coveredUpTo === null ? Infinity : 0;
    this.#notedAtMs = clock.monotonicMs();
    this.#looks = retention.looks;
    this.#coveredUpTo = coveredUpTo;
    this.#surelyUpTo = coveredUpTo ?? -Infinity;
  }

  /** ms since the epoch; `null`: nothing is known. */
  get coveredUpTo(): number | null {
    return this.#coveredUpTo;
  }

  /** Whether a flush is due before the next page is read. */
  beforeRead(now: number): boolean {
    const wasShortened = this.#wasShortened();
    const isKept = (upTo: number | null): boolean => this.#retention.covers(upTo, now);
    if (isKept(this.#coveredUpTo) && isKept(now - this.#agoNow) && !wasShortened) return false;
    this.#coveredUpTo = null;
    this.#agoMs = Infinity;
    this.#surelyUpTo = -Infinity;
    return true;
  }

  /** Whether a flush is due before this page is checkpointed. */
  onPage({ millisBehindLatest, gap, askedAt, closed }: ShardPage): boolean {
    // Asked first: a page that came after a long stand-still covers what it skipped no more than the stand-still did.
    const before = this.#coveredUpTo;
    const isDue = gap || this.beforeRead(askedAt);
    if (!isDue && before !== null) this.#uncoveredMs = Math.max(this.#uncoveredMs, askedAt - before);
    // When the end is seen says nothing of when the shard was closed, from when on its children hold records.
    if (millisBehindLatest !== null && !closed) this.#note(askedAt - millisBehindLatest, millisBehindLatest);
    return isDue;
  }

  /** A flush that began at `at` is acknowledged. */
  covered(at: number): void {
    this.#surelyUpTo = Math.max(this.#surelyUpTo, at);
    this.#note(at, 0);
  }

  /**
   * Up to when a shard that is read to its end is covered together with its children, of which it had none at `childlessUpTo`, ms since the epoch, `null`: not known. A shard may
   * say late that it was closed, and its last pages reach to a time at which its children held records.
   */
  atEnd(childlessUpTo: number | null): number {
    return Math.max(this.#surelyUpTo, Math.min(this.#coveredUpTo ?? -Infinity, childlessUpTo ?? -Infinity));
  }

  #note(at: number, agoMs: number): void {
    this.#agoMs = Math.min(this.#agoNow, agoMs);
    this.#notedAtMs = this.#clock.monotonicMs();
    this.#coveredUpTo = Math.max(this.#coveredUpTo ?? -Infinity, at);
  }

  get #agoNow(): number {
    return this.#agoMs + this.#clock.monotonicMs() - this.#notedAtMs;
  }

  /** Whether records may have been gone when they were read over, by a retention that was looked at only then. */
  #wasShortened(): boolean {
    const { looks, keptMs } = this.#retention;
    if (looks === this.#looks) return false;
    const wasShortened = this.#uncoveredMs > keptMs;
    this.#looks = looks;
    this.#uncoveredMs = 0;
    return wasShortened;
  }
}
