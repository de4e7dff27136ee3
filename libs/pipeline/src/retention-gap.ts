import { type ShardPage } from './ports.js';

/**
 * Watches whether records may have left the stream before they were read. The stream does not say so: reading simply goes on at the oldest
 * record there is. So the age of what has been read up to is compared with a limit below the retention, and whenever something
 * may be missing every table is flushed, acknowledged, before a checkpoint or a claim goes past the hole.
 *
 * `sure`: nothing is missing. `flushed`: something may be, and a flush has covered it. `trimming`: reading is still so far
 * behind that more may leave the stream, so another flush is due when it has caught up.
 */
export class RetentionGap {
  readonly #limitMs: number;
  #state: 'sure' | 'flushed' | 'trimming' = 'sure';
  #readUpTo: number | null;

  /** `limitMs`: the retention less a margin; `readUpTo`: what is known to be read, ms since the epoch; `null`: nothing is known. */
  constructor(limitMs: number, readUpTo: number | null) {
    this.#limitMs = limitMs;
    this.#readUpTo = readUpTo;
  }

  /** Whether to flush before the next page is read. */
  beforeRead(now: number): boolean {
    if (this.#state !== 'sure') return false;
    if (this.#readUpTo !== null && now - this.#readUpTo <= this.#limitMs) return false;
    this.#state = 'flushed';
    return true;
  }

  /** Whether to flush before this page is checkpointed. */
  onPage(page: ShardPage, askedAt: number): boolean {
    const lagMs = page.millisBehindLatest;
    if (lagMs === null) return page.gap;
    if (lagMs > this.#limitMs) {
      const flush = page.gap || this.#state === 'sure';
      this.#state = 'trimming';
      return flush;
    }
    const flush = page.gap || this.#state === 'trimming';
    this.#state = 'sure';
    this.#readUpTo = Math.max(this.#readUpTo ?? -Infinity, askedAt - lagMs);
    return flush;
  }

  /** Whether pages may claim: not while records may still be missing. */
  get maySayReadUpTo(): boolean {
    return this.#state === 'sure';
  }
}
