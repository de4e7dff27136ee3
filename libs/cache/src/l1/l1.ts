import { type Entry } from '../entry.js';
import { type EntryStore } from './entry-store.js';
import { LruStore } from './lru-store.js';
import { S3FifoStore } from './s3-fifo-store.js';

/** The entries of one cache in this process. Behind an interface, so that an eviction policy is a choice. */
export interface L1 {
  /** Counts as a use. */
  get(key: string): Entry | undefined;
  /** Does not count as a use: for events and inspection. */
  peek(key: string): Entry | undefined;
  /** Replaces the entry, of which a copy may be kept. `bytes`: the heap that hangs from it. */
  set(key: string, entry: Entry, bytes: number): void;
  delete(key: string): boolean;
  /** Deletes the entries of a partition, and those whose partition was not known; how many. */
  deletePartition(partition: number): number;
  clear(): number;
  readonly entries: number;
  readonly bytes: number;
}

/** `lru`: the least recently used goes first. `s3-fifo`: what was used once only goes first, and a scan pushes out little. */
export type Eviction = 'lru' | 's3-fifo';

export interface L1Options {
  readonly eviction: Eviction;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Share of `maxEntries` that cached absences may take, so that a scan of missing keys cannot push out the values. */
const absenceShare = 0.1;

/** Heap that an entry and its place in a store take, with nothing that hangs from it: measured on Node 20. */
export const entryOwnBytes: Readonly<Record<Eviction, number>> = { lru: 150, 's3-fifo': 200 };

export function newL1({ eviction, maxEntries, maxBytes }: L1Options): L1 {
  const Store = eviction === 'lru' ? LruStore : S3FifoStore;
  const absencesMax = Math.max(1, Math.ceil(maxEntries * absenceShare));
  return new TwoStoreL1(
    new Store({ maxEntries, maxBytes }),
    new Store({ maxEntries: absencesMax, maxBytes: absencesMax }),
    entryOwnBytes[eviction],
  );
}

/** Of an entry that was installed before the partitions of its table were known. */
const unknownPartition = -1;

/** Values and absences have a store each, and so a bound each. */
class TwoStoreL1 implements L1 {
  readonly #values: EntryStore;
  /** Each counts as one byte. */
  readonly #absences: EntryStore;
  readonly #ownBytes: number;
  /** Partitions that something was set in since they were last deleted: none of the others has to be looked for among all entries. */
  readonly #filled = new Set<number>();

  constructor(values: EntryStore, absences: EntryStore, ownBytes: number) {
    this.#values = values;
    this.#absences = absences;
    this.#ownBytes = ownBytes;
  }

  get(key: string): Entry | undefined {
    return this.#values.get(key) ?? this.#absences.get(key);
  }

  peek(key: string): Entry | undefined {
    return this.#values.peek(key) ?? this.#absences.peek(key);
  }

  set(key: string, entry: Entry, bytes: number): void {
    const isAbsence = entry.value === undefined;
    this.#filled.add(entry.partition);
    (isAbsence ? this.#values : this.#absences).delete(key);
    if (isAbsence) this.#absences.set(key, entry, 1);
    else this.#values.set(key, entry, this.#ownBytes + bytes);
  }

  delete(key: string): boolean {
    const hadValue = this.#values.delete(key);
    return this.#absences.delete(key) || hadValue;
  }

  deletePartition(partition: number): number {
    if (!this.#filled.has(partition) && !this.#filled.has(unknownPartition)) return 0;
    this.#filled.delete(partition);
    this.#filled.delete(unknownPartition);
    let deleted = 0;
    for (const store of [this.#values, this.#absences]) {
      const keys: string[] = [];
      for (const [key, entry] of store.entries())
        if (entry.partition === partition || entry.partition === unknownPartition) keys.push(key);
      for (const key of keys) store.delete(key);
      deleted += keys.length;
    }
    return deleted;
  }

  clear(): number {
    const deleted = this.entries;
    this.#filled.clear();
    this.#values.clear();
    this.#absences.clear();
    return deleted;
  }

  get entries(): number {
    return this.#values.size + this.#absences.size;
  }

  get bytes(): number {
    return this.#values.bytes;
  }
}
