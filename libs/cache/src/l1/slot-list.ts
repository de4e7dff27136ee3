import { type Columns, none } from './columns.js';

/** A doubly linked list of slots. A slot is in one list at a time, since its links stand in its row. */
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
    this.#link(slot);
    this.#length += 1;
    this.#bytes += this.#columns.bytes[slot] ?? 0;
  }

  remove(slot: number): void {
    this.#unlink(slot);
    this.#length -= 1;
    this.#bytes -= this.#columns.bytes[slot] ?? 0;
  }

  moveToEnd(slot: number): void {
    if (slot === this.#last) return;
    this.#unlink(slot);
    this.#link(slot);
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
    for (let slot = this.#last; slot !== none; slot = this.#columns.previous[slot] ?? none) yield slot;
  }

  #link(slot: number): void {
    const { next, previous } = this.#columns;
    previous[slot] = this.#last;
    next[slot] = none;
    if (this.#last === none) this.#first = slot;
    else next[this.#last] = slot;
    this.#last = slot;
  }

  #unlink(slot: number): void {
    const { next, previous } = this.#columns;
    const before = previous[slot] ?? none;
    const after = next[slot] ?? none;
    if (before === none) this.#first = after;
    else next[before] = after;
    if (after === none) this.#last = before;
    else previous[after] = before;
  }
}
