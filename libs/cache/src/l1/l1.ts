import { ColumnL1 } from './column-l1.js';
import { type Entry } from '../entry.js';

/**
 * The entries of one cache in this process. An entry stands in a slot, a small number that is good until anything is set or deleted; `none` stands
 * for no entry. Fields are read and changed by slot, so that neither a hit nor an event makes an object.
 */
export interface L1 {
  /**
   * The key's slot where a get without bounds is given the value as it stands (it does not expire, and is neither packed nor to be copied),
   * `aside(slot)` where it is not, or `none`: a hit has one number to look at. Counts as a use.
   */
  use(key: string): number;
  /** The key's slot, or `none`; no use: for events and inspection. */
  find(key: string): number;
  /** `undefined`: a cached absence. */
  valueAt(slot: number): unknown;
  writeIdAt(slot: number): string | null;
  stampAt(slot: number): number;
  expiryAt(slot: number): number;
  readTimeAt(slot: number): number;
  partitionAt(slot: number): number;
  /** What the key's slot holds, as it is now: a copy. */
  peek(key: string): Entry | undefined;
  /** Puts an entry in the place of whatever the key has; counts as a use. `bytes`: heap of the value. One that is larger than L1 is not kept. */
  set(key: string, entry: Entry, bytes: number): void;
  /** Puts another image into a slot, whose entry stays what it is otherwise; no use. */
  replace(slot: number, image: Image, bytes: number): void;
  /** Raises a stamp, µs since the epoch. */
  stamp(slot: number, stampUs: number): void;
  /** Raises the time at which what is held was last read, ms since the epoch. */
  noteRead(slot: number, readAt: number): void;
  delete(key: string): boolean;
  /** Deletes the entries of a partition, and those whose partition was not known; how many. */
  deletePartition(partition: number): number;
  clear(): number;
  /** What the key has was brought in for the sake of others: it is among no `keySlices` until it is used, or set, here. */
  markUnasked(key: string): void;
  /**
   * Up to `max` keys of values that were asked for here: of `lru` from the one that was used last, of `s3-fifo` from the one that has the best
   * place. They come `sliceMax` at a time, so that whoever has them can let others have their turn in between: in the order as of the first. What has left
   * L1 since is left out, or has what came in its place.
   */
  keySlices(max: number, sliceMax: number): IterableIterator<readonly string[]>;
  readonly entries: number;
  readonly bytes: number;
}

export type Image = Pick<Entry, 'value' | 'isPlain' | 'writeId' | 'stampUs' | 'expiresAt' | 'source'>;

/** `lru`: the least recently used goes first. `s3-fifo`: what was used once only goes first, and a scan pushes out little. */
export type Eviction = 'lru' | 's3-fifo';

export interface L1Options {
  readonly eviction: Eviction;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export function newL1(options: L1Options): L1 {
  return new ColumnL1(options);
}
