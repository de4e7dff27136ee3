import { forgetOldest } from './forget-oldest.js';

/**
 * Write ids whose transition this pod has already seen: its own acknowledged puts, and the fast-lane events it processed. Never a write
 * that timed out, whose place in the replica's order nobody knows. Forgetting is safe (an event is then judged by the other rules),
 * so the oldest leave first.
 */
export class KnownSet {
  readonly #ids = new Set<string>();
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
    // An id that comes from the wire has no hash yet: nothing is to be computed where nothing is known.
    return writeId !== null && this.#ids.size > 0 && this.#ids.has(writeId);
  }

  get size(): number {
    return this.#ids.size;
  }
}
