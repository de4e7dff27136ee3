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
  /** Flushes every table; resolves once that is acknowledged in every partition of every table topic. */
  readonly flushAll: (reason: string) => Promise<void>;
}

interface Flush {
  /** Holes up to this number were open when it began. */
  readonly covers: number;
  /** Ms since the epoch. */
  readonly begunAt: number;
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
    const { clock, log, flushAll } = this.#options;
    const flush = { covers: this.#opened, begunAt: clock.now() };
    await flushAll(reason);
    log.info({ reason }, 'every table was flushed');
    this.#last = flush;
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
