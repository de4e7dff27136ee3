import { LRUCache } from 'lru-cache';
import { type Entry } from '../entry.js';
import { type EntryStore, type EntryStoreOptions } from './entry-store.js';

/** The least recently used goes first. */
export class LruStore implements EntryStore {
  readonly #lru: LRUCache<string, Entry>;

  constructor({ maxEntries, maxBytes }: EntryStoreOptions) {
    this.#lru = new LRUCache({ max: maxEntries, maxSize: maxBytes });
  }

  get(key: string): Entry | undefined {
    return this.#lru.get(key);
  }

  peek(key: string): Entry | undefined {
    return this.#lru.peek(key);
  }

  set(key: string, entry: Entry, bytes: number): void {
    this.#lru.set(key, entry, { size: bytes });
  }

  delete(key: string): boolean {
    return this.#lru.delete(key);
  }

  clear(): void {
    this.#lru.clear();
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#lru.entries();
  }

  get size(): number {
    return this.#lru.size;
  }

  get bytes(): number {
    return this.#lru.calculatedSize;
  }
}
