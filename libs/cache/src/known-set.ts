import { forgetOldest } from './forget-oldest.js';

/**
 * Write ids whose transition this pod has already seen: its own acknowledged puts, and the fast-lane events it processed. Never a write
 * that timed out, whose place in the replica's order nobody knows. Forgetting is safe (an event is then judged by the other rules),
 * so the oldest leave first.
 */
export class KnownSet {
  readonly #ids = new Set<string | null>();
  readonly #max: number;

  /** `max`: ids kept, default 10,000. */
  constructor(max = 10_000) {
    this.#max = max;
  }

  add(writeId: string): void {
    this.#ids.delete(writeId);
    this.#ids.add(writeId);
    forgetOldest(this.#ids, this.#max);
  }

  has(writeId: string | null): boolean {
    // Stryker disable next-line all: an empty set says no as well, at the price of the hash that an id from the wire does not have yet
    if (this.#ids.size === 0) return false;
    return this.#ids.has(writeId);
  }

  get size(): number {
    return this.#ids.size;
  }
}
