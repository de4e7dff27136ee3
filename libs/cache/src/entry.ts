/** What L1 holds for a key. One flat shape for values and absences, so that every lookup sees the same object layout. */
export interface Entry {
  /** The decoded value; `undefined` = a cached absence. */
  value: unknown;
  /** Write id of the image; `null` = none is known: the next event for the key drops the entry. */
  writeId: string | null;
  /** When the replica applied the image, µs since the epoch; 0 = no stamp. */
  stampUs: number;
  /** Seconds since the epoch; 0 = never. */
  expiresAt: number;
  /** When the read (or write) that brought the image began, ms since the epoch. */
  readAt: number;
  /** Partition of the key in the table's topics; -1 = not known when it was installed. */
  partition: number;
  readonly source: EntrySource;
}

export type EntrySource = 'fill' | 'put' | 'event' | 'local';

/** Approximate heap cost of an entry: parsed objects take about 1.8 times their text, and the entry itself about 200 bytes. */
export function entryBytes(payloadBytes: number): number {
  return Math.ceil(payloadBytes * 1.8) + 200;
}
