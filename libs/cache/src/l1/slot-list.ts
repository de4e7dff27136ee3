import { type Columns, none } from './columns.js';

/**
 * A doubly linked list of slots. A slot is in one list at a time, since its links stand in its row; what comes before the first and after the
 * last is not written, and says nothing.
 */
export class SlotList {
  readonly #columns: Columns;
  #first = none;
  #last = none;
  #length = 0;
  #bytes = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  push(slot: number): void {
    if (this.#length === 0) this.#first = slot;
    else this.#connect(this.#last, slot);
    this.#last = slot;
    this.#length += 1;
    this.#bytes += this.#columns.bytes[slot] ?? 0;
  }

  remove(slot: number): void {
    const { next, previous } = this.#columns;
    const isFirst = slot === this.#first;
    const isLast = slot === this.#last;
    if (isFirst) this.#first = isLast ? none : (next[slot] ?? none);
    if (isLast) this.#last = isFirst ? none : (previous[slot] ?? none);
    if (!isFirst && !isLast) this.#connect(previous[slot] ?? none, next[slot] ?? none);
    this.#length -= 1;
    this.#bytes -= this.#columns.bytes[slot] ?? 0;
  }

  moveToEnd(slot: number): void {
    if (slot === this.#last) return;
    const { next, previous } = this.#columns;
    const after = next[slot] ?? none;
    if (slot === this.#first) this.#first = after;
    else this.#connect(previous[slot] ?? none, after);
    this.#connect(this.#last, slot);
    this.#last = slot;
  }

  /** A slot of the list takes so many bytes more. */
  grow(bytes: number): void {
    this.#bytes += bytes;
  }

  clear(): void {
    this.#first = none;
    this.#last = none;
    this.#length = 0;
    this.#bytes = 0;
  }

  /** `none`: the list is empty. */
  get first(): number {
    return this.#first;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** From the end to the beginning. Nothing may be changed meanwhile. */
  *backwards(): IterableIterator<number> {
    let slot = this.#last;
    for (let left = this.#length; left > 0; left -= 1) {
      yield slot;
      slot = this.#columns.previous[slot] ?? none;
    }
  }

  #connect(before: number, after: number): void {
    this.#columns.next[before] = after;
    this.#columns.previous[after] = before;
  }
}
