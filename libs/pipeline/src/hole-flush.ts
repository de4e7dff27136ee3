import { type Clock, type Logger, TidemarkError } from '@tidemark/runtime';
import { type SyncMetrics } from './sync-metrics.js';

/** A point in this worker's life at which changes were found that may never have reached, or never will reach, a table topic. */
export interface Hole {
  readonly reason: string;
  readonly number: number;
}

export interface HoleFlushOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** What is flushed, in the log. Default `every table`. */
  readonly what?: string;
  /** Flushes it; resolves, to what had to be left out, once that is acknowledged in every partition. */
  readonly flushAll: (reason: string) => Promise<readonly Skip[]>;
}

/** A table that had to be left out, because its topic takes nothing, and what a flush of it must cover. */
export interface Skip {
  readonly table: string;
  readonly hole: Hole;
}

interface Flush {
  /** Holes up to this number were open when it began. */
  readonly covers: number;
  /** Ms since the epoch. */
  readonly begunAt: number;
  readonly skipped: readonly Skip[];
}

/**
 * One flush of every table for all the holes that were open when it began. A flush makes each pod forget what it read earlier, so it covers
 * every change that was lost by then, whichever shard lost it; a hole that opens while a flush is under way waits for the next.
 */
export class HoleFlush {
  readonly #options: HoleFlushOptions;
  #opened = 0;
  #last: Flush | undefined;
  #running: Promise<void> | undefined;

  constructor(options: HoleFlushOptions) {
    this.#options = options;
  }

  /** What the last flush left out, and so has not covered. */
  get skipped(): readonly Skip[] {
    return this.#last?.skipped ?? [];
  }

  open(reason: string): Hole {
    this.#opened += 1;
    return { reason, number: this.#opened };
  }

  /** Resolves to when a flush began that covers `hole` and is acknowledged, ms since the epoch. Rejects with `ABORTED`. */
  async cover(hole: Hole, signal: AbortSignal): Promise<number> {
    for (;;) {
      if (this.#last !== undefined && this.#last.covers >= hole.number) return this.#last.begunAt;
      this.#running ??= this.#flush(hole.reason).finally(() => (this.#running = undefined));
      await unlessAborted(this.#running, signal);
    }
  }

  /** Resolves when no flush is under way. */
  async ended(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #flush(reason: string): Promise<void> {
    const { clock, log, flushAll, what = 'every table' } = this.#options;
    const flush = { covers: this.#opened, begunAt: clock.now() };
    const skipped = await flushAll(reason);
    log.info({ reason }, `${what} was flushed`);
    this.#last = { ...flush, skipped };
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () =>
      reject(
        new TidemarkError('ABORTED', 'waiting for a flush was given up', { retriable: false, cause: signal.reason }),
      );
  });
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
