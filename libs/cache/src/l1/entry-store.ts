import { type Entry } from '../entry.js';

/** A bounded set of entries and the policy by which they leave: which entry goes is the only thing in which two stores differ. */
export interface EntryStore {
  /** Counts as a use. */
  get(key: string): Entry | undefined;
  /** Does not count as a use. */
  peek(key: string): Entry | undefined;
  /**
   * Takes the place of what is held for the key. The store may keep a copy, so that only what `get` or `peek` answer is the entry itself. An
   * entry larger than the store is not kept, nor is what it was to replace.
   */
  set(key: string, entry: Entry, bytes: number): void;
  delete(key: string): boolean;
  clear(): void;
  /** Of each entry, with its key; whatever is deleted meanwhile is left out. */
  entries(): IterableIterator<[string, Entry]>;
  readonly size: number;
  readonly bytes: number;
}

export interface EntryStoreOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
}
