import { type Columns, Flag, none } from './columns.js';
import { type Bounds, type EvictionOrder } from './eviction-order.js';
import { GhostKeys } from './ghost-keys.js';
import { SlotList } from './slot-list.js';

/** Share of the entries for which new ones have to prove themselves. */
const smallShare = 0.1;
/** Uses in the small queue that earn a place in the main one. */
const usesForMain = 2;

/**
 * S3-FIFO (Yang et al., SOSP 2023): a new entry goes through a small queue, and only what is used there more than once goes on to the main one,
 * so that a scan passes through a tenth of the entries. Whoever comes back soon after having left goes to the main queue at once. A use, of
 * which three are counted, moves nothing, which is why a hit is cheap.
 */
export class S3FifoOrder implements EvictionOrder {
  readonly #columns: Columns;
  readonly #bounds: Bounds;
  readonly #small: SlotList;
  readonly #main: SlotList;
  readonly #ghosts = new GhostKeys();

  constructor(columns: Columns, bounds: Bounds) {
    this.#columns = columns;
    this.#bounds = bounds;
    this.#small = new SlotList(columns);
    this.#main = new SlotList(columns);
  }

  added(slot: number): void {
    const isKnown = this.#ghosts.take(this.#columns.keys[slot] ?? '');
    this.#push(slot, isKnown, 0);
  }

  used(slot: number, flags: number): void {
    if ((flags & Flag.uses) !== Flag.uses) this.#columns.flags[slot] = flags + Flag.use;
  }

  grew(slot: number, bytes: number): void {
    this.#listOf(slot).grow(bytes);
  }

  removed(slot: number): void {
    this.#listOf(slot).remove(slot);
  }

  /** What is to stay longer than its turn goes round here: what a slot was used is spent so, and so this ends. */
  victim(): number {
    for (;;) {
      const fromSmall = this.#isSmallFull || this.#main.length === 0;
      const slot = (fromSmall ? this.#small : this.#main).first;
      const uses = ((this.#columns.flags[slot] ?? 0) & Flag.uses) / Flag.use;
      if (slot === none || uses < (fromSmall ? usesForMain : 1)) {
        if (slot !== none && fromSmall) this.#ghosts.add(this.#columns.keys[slot] ?? '', this.length);
        return slot;
      }
      this.removed(slot);
      this.#push(slot, true, fromSmall ? 0 : uses - 1);
    }
  }

  clear(): void {
    this.#small.clear();
    this.#main.clear();
    this.#ghosts.clear();
  }

  *slots(): IterableIterator<number> {
    for (const list of [this.#main, this.#small]) yield* list.backwards();
  }

  get length(): number {
    return this.#small.length + this.#main.length;
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes;
  }

  get #isSmallFull(): boolean {
    const { maxEntries, maxBytes } = this.#bounds;
    return this.#small.length > maxEntries * smallShare || this.#small.bytes > maxBytes * smallShare;
  }

  #push(slot: number, toMain: boolean, uses: number): void {
    const { flags } = this.#columns;
    const kept = (flags[slot] ?? 0) & ~(Flag.main | Flag.uses);
    flags[slot] = kept | (toMain ? Flag.main : 0) | (uses * Flag.use);
    this.#listOf(slot).push(slot);
  }

  #listOf(slot: number): SlotList {
    return ((this.#columns.flags[slot] ?? 0) & Flag.main) !== 0 ? this.#main : this.#small;
  }
}
