/** Deletes what was added longest ago, where there is more than `max`: one, after each addition, keeps the bound. */
export function forgetOldest(kept: Map<string, unknown> | Set<string>, max: number): void {
  if (kept.size <= max) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}
