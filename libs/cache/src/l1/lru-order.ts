import { type Columns } from './columns.js';
import { type EvictionOrder } from './eviction-order.js';
import { SlotList } from './slot-list.js';

/** The least recently used goes first. */
export class LruOrder implements EvictionOrder {
  readonly #list: SlotList;

  constructor(columns: Columns) {
    this.#list = new SlotList(columns);
  }

  added(slot: number): void {
    this.#list.push(slot);
  }

  used(slot: number): void {
    this.#list.moveToEnd(slot);
  }

  grew(_slot: number, bytes: number): void {
    this.#list.grow(bytes);
  }

  removed(slot: number): void {
    this.#list.remove(slot);
  }

  victim(): number {
    return this.#list.first;
  }

  clear(): void {
    this.#list.clear();
  }

  slots(): IterableIterator<number> {
    return this.#list.backwards();
  }

  get length(): number {
    return this.#list.length;
  }

  get bytes(): number {
    return this.#list.bytes;
  }
}
