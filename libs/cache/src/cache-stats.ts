/** Counts since the start of one cache. Plain integers, so that counting a hit costs nothing. */
export interface CacheStats {
  /** Reads that L1 answered, absences included. */
  hits: number;
  misses: number;
  /** Misses of entries that L1 held, but could not prove to be fresh enough. */
  staleMisses: number;
  /** Reads of L2 for single keys, and keys read in batches. */
  fills: number;
  /** Fills that installed nothing, because something happened to the key meanwhile. */
  fencedFills: number;
  fillErrors: number;
  /** Reads that L1 answered within `grace`, because L2 had failed; counted as misses, too. */
  graceHits: number;
  /** Calls of `getOrLoad`'s loaders. */
  loads: number;
  /** Loaders that failed, or whose value was refused. */
  loadErrors: number;
  /** Fills begun because an event had dropped their key. */
  refreshes: number;
  puts: number;
  deletes: number;
  /** Writes that a newer one overtook. */
  superseded: number;
  ambiguousWrites: number;
  writeErrors: number;
  /** Events for this cache's bucket. */
  events: number;
  /** Events by the rule that decided them; index 1 to 9. */
  readonly rules: number[];
  /** Entries dropped by events and invalidations. */
  drops: number;
  /** Entries dropped by flushes. */
  flushed: number;
  flushes: number;
  /** Events whose value could not be decoded; the entry is dropped. */
  undecodable: number;
}

export function newCacheStats(): CacheStats {
  return {
    hits: 0,
    misses: 0,
    staleMisses: 0,
    fills: 0,
    fencedFills: 0,
    fillErrors: 0,
    graceHits: 0,
    loads: 0,
    loadErrors: 0,
    refreshes: 0,
    puts: 0,
    deletes: 0,
    superseded: 0,
    ambiguousWrites: 0,
    writeErrors: 0,
    events: 0,
    rules: new Array<number>(10).fill(0),
    drops: 0,
    flushed: 0,
    flushes: 0,
    undecodable: 0,
  };
}
