import { LRUCache } from 'lru-cache';
import { type Entry } from './entry.js';

/** The entries of one cache in this process. Behind an interface, so that an eviction policy is a choice. */
export interface L1 {
  /** Counts as a use. */
  get(key: string): Entry | undefined;
  /** Does not count as a use: for events and inspection. */
  peek(key: string): Entry | undefined;
  /** Replaces the entry. `bytes`: its approximate heap cost; what the key costs is added. */
  set(key: string, entry: Entry, bytes: number): void;
  delete(key: string): boolean;
  /** Deletes every entry that `test` is true of; how many. */
  deleteWhere(test: (entry: Entry) => boolean): number;
  clear(): number;
  readonly entries: number;
  readonly bytes: number;
}

export interface L1Options {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Share of `maxEntries` that cached absences may take, so that a scan of missing keys cannot push out the values. */
const absenceShare = 0.1;

/** Least recently used goes first. Values and absences have a bound each. */
export class LruL1 implements L1 {
  readonly #values: LRUCache<string, Entry>;
  readonly #absences: LRUCache<string, Entry>;

  constructor({ maxEntries, maxBytes }: L1Options) {
    this.#values = new LRUCache({ max: maxEntries, maxSize: maxBytes });
    this.#absences = new LRUCache({ max: Math.max(1, Math.ceil(maxEntries * absenceShare)) });
  }

  get(key: string): Entry | undefined {
    return this.#values.get(key) ?? this.#absences.get(key);
  }

  peek(key: string): Entry | undefined {
    return this.#values.peek(key) ?? this.#absences.peek(key);
  }

  set(key: string, entry: Entry, bytes: number): void {
    if (entry.value === undefined) {
      this.#values.delete(key);
      this.#absences.set(key, entry);
      return;
    }
    this.#absences.delete(key);
    this.#values.set(key, entry, { size: bytes + key.length });
  }

  delete(key: string): boolean {
    const hadValue = this.#values.delete(key);
    return this.#absences.delete(key) || hadValue;
  }

  deleteWhere(test: (entry: Entry) => boolean): number {
    let deleted = 0;
    for (const lru of [this.#values, this.#absences]) {
      const keys: string[] = [];
      for (const [key, entry] of lru.entries()) if (test(entry)) keys.push(key);
      for (const key of keys) lru.delete(key);
      deleted += keys.length;
    }
    return deleted;
  }

  clear(): number {
    const deleted = this.entries;
    this.#values.clear();
    this.#absences.clear();
    return deleted;
  }

  get entries(): number {
    return this.#values.size + this.#absences.size;
  }

  get bytes(): number {
    return this.#values.calculatedSize;
  }
}
