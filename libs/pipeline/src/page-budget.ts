import { TidemarkError } from '@tidemark/runtime';

/** Bytes that one page may take, from before it is asked for until all that came of it is acknowledged. */
export interface PageGrant {
  /** What the page has turned out to take. */
  resize(bytes: number): void;
  /** The page is done with; again is nothing. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly admit: (grant: PageGrant) => void;
}

/**
 * Bytes of pages that one worker has in hand, over all of its shards. A page is admitted at the largest size that it may have, and its grant shrinks
 * to what came; so the pages in hand never take more than `limit`, or one page alone where that is larger than `limit`. Who waits is admitted in
 * the order of asking: a large page is not passed by small ones, and each shard asks for one page at a time, so none starves.
 */
export class PageBudget {
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();
  #used = 0;

  /** `limit`: bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes in hand, and asked for. */
  get used(): number {
    return this.#used;
  }

  /** Resolves when a page of up to `bytes` may be asked for. Rejects with `ABORTED`. */
  async take(bytes: number, signal: AbortSignal): Promise<PageGrant> {
    const wanted = Math.min(bytes, this.#limit);
    let stop: () => void = () => undefined;
    try {
      return await new Promise<PageGrant>((resolve, reject) => {
        const waiting = { bytes: wanted, admit: resolve };
        stop = () => {
          if (!this.#waiting.delete(waiting)) return;
          reject(new TidemarkError('ABORTED', 'waiting for room for a page was given up', { retriable: false }));
          this.#admit();
        };
        this.#waiting.add(waiting);
        signal.addEventListener('abort', stop, { once: true });
        if (signal.aborted) stop();
        else this.#admit();
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#used + waiting.bytes > this.#limit) return;
      this.#waiting.delete(waiting);
      waiting.admit(this.#grant(waiting.bytes));
    }
  }

  #grant(bytes: number): PageGrant {
    let held = bytes;
    this.#used += bytes;
    const resize = (to: number): void => {
      this.#used += to - held;
      held = to;
      this.#admit();
    };
    let isReleased = false;
    return {
      resize: (to) => {
        if (!isReleased) resize(to);
      },
      release: () => {
        if (isReleased) return;
        resize(0);
        isReleased = true;
      },
    };
  }
}
