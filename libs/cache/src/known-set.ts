/**
 * Transitions that this pod has already seen, by the write id that they led to: its own acknowledged writes, and the fast-lane events it
 * processed. Never a write that timed out, whose place in the replica's order nobody knows. Forgetting is safe (an event is then judged by the
 * other rules), so the oldest leave first.
 *
 * What an id was reached from is part of what is known: an update in place in another region (a touch, a lease) keeps the item's id, and where it
 * wins over a newer put of this region, replication brings the old id back. That step has not been seen.
 */
export class KnownSet {
  /** To what → from what; `undefined`: whatever from. */
  readonly #steps = new Map<string, string | null | undefined>();
  readonly #max: number;

  /** `max`: ids kept, default 10,000. */
  constructor(max = 10_000) {
    this.#max = max;
  }

  /** `from`: the id that was there before, `null` when there was none; left out, where it does not matter. */
  add(writeId: string, from?: string | null): void {
    this.#steps.delete(writeId);
    this.#steps.set(writeId, from);
    if (this.#steps.size > this.#max) {
      for (const oldest of this.#steps.keys()) {
        this.#steps.delete(oldest);
        break;
      }
    }
  }

  has(writeId: string | null): boolean {
    return writeId !== null && this.#steps.has(writeId);
  }

  /** Whether it is this very step that is known. */
  hasStep(from: string | null, to: string | null): boolean {
    if (to === null || !this.#steps.has(to)) return false;
    const known = this.#steps.get(to);
    return known === undefined || known === from;
  }

  get size(): number {
    return this.#steps.size;
  }
}
