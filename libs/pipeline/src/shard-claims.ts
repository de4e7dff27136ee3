import { type LeaseHold } from './lease-hold.js';
import { type ShardLease } from './ports.js';
import { credible, laterClaim } from './watermark.js';

/**
 * What one worker has claimed of shards that it reads or has read: facts about a shard of one stream,
 * true whoever reads it now. While changes of a table are left out that is no such fact, so such a claim counts only as the row says it, next to the debt.
 */
export class ShardClaims {
  readonly #claims = new Map<string, { readonly row: ShardLease; readonly readUpTo: number }>();

  /**
   * Joins what is claimed now to what was claimed before, and forgets shards that nobody knows of any more, and claims of a time that at `now`, ms since the epoch, has not come.
   */
  note(holds: readonly LeaseHold[], rows: readonly ShardLease[], now: number): void {
    for (const [id, { readUpTo }] of this.#claims) if (credible(readUpTo, now) === null) this.#claims.delete(id);
    for (const { row, readUpTo, owes } of holds) {
      if (owes.size > 0) continue;
      const claim = laterClaim(this.#claims.get(idOf(row))?.readUpTo ?? null, readUpTo);
      if (claim !== null) this.#claims.set(idOf(row), { row, readUpTo: claim });
    }
    const known = new Set([...rows, ...holds.map(({ row }) => row)].map(idOf));
    for (const id of this.#claims.keys()) if (!known.has(id)) this.#claims.delete(id);
  }

  /** Every claim as it is now, by shard, of every stream. */
  snapshot(): ClaimsSnapshot {
    const claims = [...this.#claims.values()];
    return (streamId) =>
      new Map(claims.flatMap(({ row, readUpTo }) => (row.streamId === streamId ? [[row.shardId, readUpTo]] : [])));
  }
}

/** The claims about the shards of one stream. */
export type ClaimsSnapshot = (streamId: string) => ReadonlyMap<string, number>;

function idOf({ streamId, shardId }: ShardLease): string {
  return `${streamId}/${shardId}`;
}
