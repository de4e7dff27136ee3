/** What a cache tells its listeners. */
export interface CacheEvents<V> {
  /**
   * A key's item changed, whoever wrote; told for every key of the cache, held here or not. At least once, and by the fast lane ahead of the
   * change log. What does not follow the change of its key that was told before is `unknown`, as long as that one is among the last 10,000 keys.
   */
  readonly change: CacheChange<V>;
  /** Entries were dropped because changes of them may have been missed. */
  readonly flush: CacheFlush;
  /** The watermark fell behind the cache's `maxStaleness`, or caught up again; looked at each second. */
  readonly staleness: CacheStaleness;
}

export interface CacheChange<V> {
  readonly key: string;
  /** `put`: it has a value now; `delete`: it has none; `unknown`: it changed, and this pod was not told to what, or cannot tell what came last: get it. */
  readonly kind: 'put' | 'delete' | 'unknown';
  /** Decoded when it is first asked for; `undefined` for `delete` and `unknown`, and for a value that this cache cannot read. */
  readonly value: V | undefined;
}

export interface CacheFlush {
  /** `undefined`: every partition of the table. */
  readonly partition: number | undefined;
  readonly reason: string;
  /** Entries of this cache that were dropped. */
  readonly entries: number;
}

export interface CacheStaleness {
  /** `true`: L1 serves only what was read within `maxStaleness`. */
  readonly stale: boolean;
  /** Age of the watermark, ms; `Infinity` before the first. */
  readonly stalenessMs: number;
}
