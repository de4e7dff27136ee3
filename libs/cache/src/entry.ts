/** What L1 holds for a key, as an object: L1 itself keeps columns. */
export interface Entry {
  /** What is held of the value; `undefined` = a cached absence. */
  readonly value: unknown;
  /** Whether a get without bounds is given `value` as it stands: it does not expire, and is neither packed nor to be copied. */
  readonly isPlain: boolean;
  /** Write id of the image; `null` = none is known: the next event for the key drops the entry. */
  readonly writeId: string | null;
  /** When the replica applied the image, µs since the epoch; 0 = no stamp. */
  readonly stampUs: number;
  /** Seconds since the epoch; 0 = never. */
  readonly expiresAt: number;
  /** When the read (or write) that brought the image began, ms since the epoch. */
  readonly readAt: number;
  /** Partition of the key in the table's topics; -1 = not known when it was installed. */
  readonly partition: number;
  readonly source: EntrySource;
}

export type EntrySource = 'fill' | 'put' | 'event' | 'local';
