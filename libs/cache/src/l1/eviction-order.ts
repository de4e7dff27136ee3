/** Which slot leaves when there is no room: the only thing in which two policies differ. */
export interface EvictionOrder {
  /** A slot was filled; its key and bytes stand in its row. */
  added(slot: number): void;
  /** `flags`: the slot's, which whoever tells has just read. */
  used(slot: number, flags: number): void;
  /** A slot takes so many bytes more. */
  grew(slot: number, bytes: number): void;
  /** A slot is about to be vacant; its key and bytes still stand in its row. */
  removed(slot: number): void;
  /** The slot that is to leave next; `none` when there is none. It is removed then. */
  victim(): number;
  clear(): void;
  /** From what is most worth keeping to what is least. Nothing may be changed meanwhile. */
  slots(): IterableIterator<number>;
  readonly length: number;
  readonly bytes: number;
}

/** What an order may hold; whoever fills it removes victims until it does not hold more. */
export interface Bounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}
