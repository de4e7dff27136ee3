import { type Clock } from '@tidemark/runtime';

/**
 * The calls that are under way. A dependency that says nothing at all fails only at the call's deadline, or at the end of the client's own
 * retries; until then this is all that shows it.
 */
export class CallWatch {
  readonly #clock: Clock;
  readonly #calls = new Set<{ readonly what: string; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async watch<T>(what: string, call: () => Promise<T>): Promise<T> {
    const entry = { what, sinceMs: this.#clock.monotonicMs() };
    this.#calls.add(entry);
    try {
      return await call();
    } finally {
      this.#calls.delete(entry);
    }
  }

  /** The call that has waited longest, in words, if that is longer than `limitMs`. */
  unanswered(limitMs: number): string | null {
    const nowMs = this.#clock.monotonicMs();
    for (const { what, sinceMs } of this.#calls)
      if (nowMs - sinceMs > limitMs) return unansweredText(what, nowMs - sinceMs);
    return null;
  }
}

export function unansweredText(what: string, forMs: number): string {
  return `${what}: no answer for ${(forMs / 1_000).toFixed(1)} s`;
}
