/** Deletes what was added longest ago, where there is more than `max`: one, after each addition, keeps the bound. */
export function forgetOldest<K>(kept: Kept<K>, max: number): void {
  if (kept.size <= max) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}

/** A map or a set, in the order of addition. */
interface Kept<K> {
  readonly size: number;
  keys(): Iterable<K>;
  delete(key: K): boolean;
}
