import { type Entry, type EntrySource } from '../entry.js';
import { aside, Columns, Flag, none } from './columns.js';
import { type EvictionOrder } from './eviction-order.js';
import { latin1Bytes, stringBytes } from './heap-bytes.js';
import { type Image, type L1, type L1Options } from './l1.js';
import { LruOrder } from './lru-order.js';
import { S3FifoOrder } from './s3-fifo-order.js';

/** Share of `maxEntries` and of `maxBytes` that cached absences may take, so that a scan of missing keys cannot push out the values. */
const absenceShare = 0.1;

/** Bytes that an entry takes with nothing that hangs from it, its place in the map and in an order included: measured on Node 20. */
export const entryOwnBytes = 124;

/** Of an entry that was installed before the partitions of its table were known. */
const unknownPartition = -1;

const sources: readonly EntrySource[] = ['fill', 'put', 'event', 'local'];

/** Columns, and two orders over them: values and absences have a bound each. */
export class ColumnL1 implements L1 {
  readonly #columns: Columns;
  readonly #values: EvictionOrder;
  readonly #absences: EvictionOrder;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #absencesMax: number;
  readonly #absenceBytesMax: number;

  constructor({ eviction, maxEntries, maxBytes }: L1Options) {
    const Order = eviction === 'lru' ? LruOrder : S3FifoOrder;
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#absencesMax = Math.max(1, Math.ceil(maxEntries * absenceShare));
    this.#absenceBytesMax = maxBytes * absenceShare;
    this.#columns = new Columns(maxEntries + this.#absencesMax + 1);
    this.#values = new Order(this.#columns, { maxEntries, maxBytes });
    this.#absences = new Order(this.#columns, { maxEntries: this.#absencesMax, maxBytes: this.#absenceBytesMax });
  }

  use(key: string): number {
    const slot = this.#columns.slots.get(key);
    if (slot === undefined) return none;
    const bits = this.#columns.flags[slot] ?? 0;
    const order = (bits & Flag.absence) === 0 ? this.#values : this.#absences;
    order.used(slot, bits);
    return (bits & (Flag.plain | Flag.unasked)) === Flag.plain ? slot : this.#useOfAnother(slot, bits);
  }

  find(key: string): number {
    return this.#columns.slots.get(key) ?? none;
  }

  valueAt(slot: number): unknown {
    return this.#columns.values[slot];
  }

  writeIdAt(slot: number): string | null {
    return this.#columns.writeIds[slot] ?? null;
  }

  stampAt(slot: number): number {
    return this.#columns.stampUs[slot] ?? 0;
  }

  expiryAt(slot: number): number {
    return this.#columns.expiresAt[slot] ?? 0;
  }

  readTimeAt(slot: number): number {
    return this.#columns.readAt[slot] ?? 0;
  }

  partitionAt(slot: number): number {
    return this.#columns.partitions[slot] ?? unknownPartition;
  }

  peek(key: string): Entry | undefined {
    const slot = this.find(key);
    if (slot === none) return undefined;
    return {
      value: this.valueAt(slot),
      isPlain: ((this.#columns.flags[slot] ?? 0) & Flag.plain) !== 0,
      writeId: this.writeIdAt(slot),
      stampUs: this.stampAt(slot),
      expiresAt: this.expiryAt(slot),
      readAt: this.readTimeAt(slot),
      partition: this.partitionAt(slot),
      source: sources[this.#columns.sources[slot] ?? 0] ?? 'fill',
    };
  }

  set(key: string, entry: Entry, bytes: number): void {
    const held = this.find(key);
    if (held === none) {
      const keyBytes = stringBytes(key);
      const size = sizeOf(keyBytes, entry, bytes);
      if (this.#isTooLarge(entry, size)) return;
      const slot = this.#columns.take(key);
      this.#columns.keyBytes[slot] = keyBytes;
      this.#write(slot, entry, size);
      this.#place(slot, entry);
      this.#orderOf(slot).added(slot);
      this.#evict();
    } else {
      this.#place(held, entry);
      this.#markAsked(held);
      this.#orderOf(held).used(held, this.#columns.flags[held] ?? 0);
      this.replace(held, entry, bytes);
    }
  }

  markUnasked(key: string): void {
    const slot = this.find(key);
    if (slot !== none) this.#columns.flags[slot] = (this.#columns.flags[slot] ?? 0) | Flag.unasked;
  }

  replace(slot: number, image: Image, bytes: number): void {
    const size = sizeOf(this.#columns.keyBytes[slot] ?? 0, image, bytes);
    if (this.#isTooLarge(image, size)) return this.#remove(slot);
    const order = this.#orderOf(slot);
    if ((image.value === undefined) === this.#isAbsence(slot)) {
      const before = this.#columns.bytes[slot] ?? 0;
      this.#write(slot, image, size);
      if (size === before) return;
      order.grew(slot, size - before);
    } else {
      order.removed(slot);
      this.#write(slot, image, size);
      this.#orderOf(slot).added(slot);
    }
    this.#evict();
  }

  stamp(slot: number, stampUs: number): void {
    if (stampUs > this.stampAt(slot)) this.#columns.stampUs[slot] = stampUs;
  }

  noteRead(slot: number, readAt: number): void {
    if (readAt > this.readTimeAt(slot)) this.#columns.readAt[slot] = readAt;
  }

  delete(key: string): boolean {
    const slot = this.find(key);
    if (slot === none) return false;
    this.#remove(slot);
    return true;
  }

  deletePartition(partition: number): number {
    const { partitions, length } = this.#columns;
    const before = this.entries;
    for (let slot = 0; slot < length; slot += 1)
      if (partitions[slot] === partition || partitions[slot] === unknownPartition) this.#remove(slot);
    return before - this.entries;
  }

  clear(): number {
    const deleted = this.entries;
    this.#values.clear();
    this.#absences.clear();
    this.#columns.clear();
    return deleted;
  }

  *keySlices(max: number, sliceMax: number): IterableIterator<readonly string[]> {
    // Numbers alone: what takes long is to fetch the keys.
    const slots = new Int32Array(Math.min(max, this.#values.length));
    let length = 0;
    for (const slot of this.#values.slots()) {
      if (length === slots.length) break;
      if (((this.#columns.flags[slot] ?? 0) & Flag.unasked) !== 0) continue;
      slots[length] = slot;
      length += 1;
    }
    for (let from = 0; from < length; from += sliceMax) {
      const slice = slots.subarray(from, Math.min(length, from + sliceMax));
      const keys = Array.from(slice, (slot) => (this.#isAbsence(slot) ? '' : (this.#columns.keys[slot] ?? '')));
      yield keys.filter((key) => key !== '');
    }
  }

  get entries(): number {
    return this.#columns.slots.size;
  }

  get bytes(): number {
    return this.#values.bytes + this.#absences.bytes;
  }

  /** Of a slot that is not plain, or was not asked for so far. */
  #useOfAnother(slot: number, flags: number): number {
    this.#markAsked(slot);
    return (flags & Flag.plain) === 0 ? aside(slot) : slot;
  }

  #markAsked(slot: number): void {
    this.#columns.flags[slot] = (this.#columns.flags[slot] ?? 0) & ~Flag.unasked;
  }

  #isTooLarge({ value }: Image, size: number): boolean {
    return size > (value === undefined ? this.#absenceBytesMax : this.#maxBytes);
  }

  #isAbsence(slot: number): boolean {
    return ((this.#columns.flags[slot] ?? 0) & Flag.absence) !== 0;
  }

  #orderOf(slot: number): EvictionOrder {
    return this.#isAbsence(slot) ? this.#absences : this.#values;
  }

  /** Where an entry comes from, which stays when its image is replaced. */
  #place(slot: number, { readAt, partition }: Entry): void {
    this.#columns.readAt[slot] = readAt;
    this.#columns.partitions[slot] = partition;
  }

  #write(slot: number, { value, isPlain, writeId, stampUs, expiresAt, source }: Image, size: number): void {
    const columns = this.#columns;
    const kept = (columns.flags[slot] ?? 0) & (Flag.main | Flag.uses | Flag.unasked);
    columns.values[slot] = value;
    columns.writeIds[slot] = writeId;
    columns.stampUs[slot] = stampUs;
    columns.expiresAt[slot] = expiresAt;
    columns.sources[slot] = codeOf(source);
    columns.flags[slot] = kept | (isPlain ? Flag.plain : 0) | (value === undefined ? Flag.absence : 0);
    columns.bytes[slot] = size;
  }

  #remove(slot: number): void {
    this.#orderOf(slot).removed(slot);
    this.#columns.release(slot);
  }

  /** Both share the bytes; absences take no more than their share, so there is a value to evict while there are too many. */
  #evict(): void {
    while (this.#absences.length > this.#absencesMax || this.#absences.bytes > this.#absenceBytesMax)
      this.#remove(this.#absences.victim());
    while (this.#values.length > this.#maxEntries || this.bytes > this.#maxBytes) this.#remove(this.#values.victim());
  }
}

/** Bytes of an entry with all that hangs from it. */
function sizeOf(keyBytes: number, { writeId }: Image, valueBytes: number): number {
  return entryOwnBytes + keyBytes + (writeId === null ? 0 : latin1Bytes(writeId.length)) + valueBytes;
}

/** The place of a source among `sources`: told by comparing, since an event asks, and that is faster than to look it up. */
function codeOf(source: EntrySource): number {
  if (source === 'event') return 2;
  if (source === 'fill') return 0;
  return source === 'put' ? 1 : 3;
}
