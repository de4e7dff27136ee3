import { type Entry, type EntrySource } from '../entry.js';
import { EntryQueue, type Queued } from './entry-queue.js';
import { type EntryStore, type EntryStoreOptions } from './entry-store.js';
import { GhostKeys } from './ghost-keys.js';

/** Share of the store in which new entries have to prove themselves. */
const smallShare = 0.1;
/** Uses that are counted at most; an entry stays for so many more rounds. */
const usesMax = 3;
/** Uses in the small queue that earn a place in the main one. */
const usesForMain = 2;

/**
 * S3-FIFO (Yang et al., SOSP 2023): a new entry goes through a small queue, and only what is used there more than once goes on to the main one,
 * so that a scan passes through a tenth of the store. Whoever comes back soon after having left goes to the main queue at once. A use counts a
 * number on the entry up and moves nothing, which is why a hit is cheap.
 */
export class S3FifoStore implements EntryStore {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, QueuedEntry>();
  readonly #small = new EntryQueue<QueuedEntry>();
  readonly #main = new EntryQueue<QueuedEntry>();
  readonly #ghosts = new GhostKeys();

  constructor({ maxEntries, maxBytes }: EntryStoreOptions) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.uses < usesMax) entry.uses += 1;
    return entry;
  }

  peek(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Entry, bytes: number): void {
    const held = this.#entries.get(key);
    if (bytes > this.#maxBytes) {
      this.delete(key);
      return;
    }
    const queued = new QueuedEntry(key, entry, bytes);
    this.#entries.set(key, queued);
    if (held === undefined) this.#enqueue(queued);
    else this.#takePlace(held, queued);
    while (this.#entries.size > this.#maxEntries || this.bytes > this.#maxBytes) this.#evict();
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#queueOf(entry).remove(entry);
    return true;
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
    this.#ghosts.clear();
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.entries();
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes;
  }

  #queueOf({ isMain }: QueuedEntry): EntryQueue<QueuedEntry> {
    return isMain ? this.#main : this.#small;
  }

  #enqueue(entry: QueuedEntry): void {
    entry.isMain = this.#ghosts.take(entry.key);
    this.#queueOf(entry).push(entry);
  }

  /** A new value of a key is a use of it. */
  #takePlace(held: QueuedEntry, entry: QueuedEntry): void {
    entry.isMain = held.isMain;
    entry.uses = Math.min(usesMax, held.uses + 1);
    this.#queueOf(held).replace(held, entry);
  }

  #evict(): void {
    const isSmallFull =
      this.#small.length > this.#maxEntries * smallShare || this.#small.bytes > this.#maxBytes * smallShare;
    if (isSmallFull || this.#main.length === 0) this.#evictFromSmall();
    else this.#evictFromMain();
  }

  #evictFromSmall(): void {
    const entry = this.#small.shift();
    if (entry === undefined) return;
    if (entry.uses >= usesForMain) {
      entry.uses = 0;
      entry.isMain = true;
      this.#main.push(entry);
      return;
    }
    this.#entries.delete(entry.key);
    this.#ghosts.add(entry.key, this.#main.length + this.#small.length);
  }

  #evictFromMain(): void {
    const entry = this.#main.shift();
    if (entry === undefined) return;
    if (entry.uses === 0) {
      this.#entries.delete(entry.key);
      return;
    }
    entry.uses -= 1;
    this.#main.push(entry);
  }
}

/** An entry with what the policy has to know of it, in one object, so that a hit follows one pointer. What a hit reads stands first. */
class QueuedEntry implements Entry, Queued {
  value: unknown;
  isPlain: boolean;
  uses = 0;
  expiresAt: number;
  writeId: string | null;
  stampUs: number;
  readAt: number;
  partition: number;
  readonly source: EntrySource;
  readonly key: string;
  readonly bytes: number;
  place = 0;
  isMain = false;

  constructor(key: string, entry: Entry, bytes: number) {
    this.value = entry.value;
    this.isPlain = entry.isPlain;
    this.expiresAt = entry.expiresAt;
    this.writeId = entry.writeId;
    this.stampUs = entry.stampUs;
    this.readAt = entry.readAt;
    this.partition = entry.partition;
    this.source = entry.source;
    this.key = key;
    this.bytes = bytes;
  }
}
