import { type Shard, type ShardLease } from './ports.js';
import { isEnded } from './watermark.js';

/** Pure decisions about the rows of the lease table: which to create, which shard may be read, which row has served its time. */

/** A row as it is created: nobody's, from the oldest record on, with nothing known. */
export function newLease(shard: Shard): ShardLease {
  const { shardId, parents, startHash, endHash } = shard;
  return {
    shardId,
    owner: null,
    counter: 0,
    checkpoint: 'TRIM_HORIZON',
    ownerSwitches: 0,
    parents,
    startHash,
    endHash,
    readUpTo: null,
  };
}

/**
 * Rows to create when the stream is listed, parents first: for each shard without a row whose listed parents all have an ended row. Children of
 * a shard that is still read get theirs when it ends.
 */
export function missingLeases(shards: readonly Shard[], rows: readonly ShardLease[]): readonly ShardLease[] {
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  const listed = new Set(shards.map((shard) => shard.shardId));
  return [...shards]
    .sort(byShardId)
    .filter((shard) => !byId.has(shard.shardId))
    .filter((shard) =>
      shard.parents.every((parent) => {
        const row = byId.get(parent);
        return row === undefined ? !listed.has(parent) : isEnded(row);
      }),
    )
    .map(newLease);
}

/** What must stand in the lease table before a shard may be marked as ended. */
export interface ShardEndPlan {
  /** In this order. */
  readonly create: readonly ShardLease[];
  /** `false`: the stream does not list the children yet. */
  readonly ready: boolean;
}

/** A shard that is not listed any more has left the stream: what took its place are shards without listed parents. */
export function planShardEnd(shardId: string, shards: readonly Shard[], rows: readonly ShardLease[]): ShardEndPlan {
  const known = new Set(rows.map((row) => row.shardId));
  if (!shards.some((shard) => shard.shardId === shardId)) {
    const rest = rows.filter((row) => row.shardId !== shardId);
    return { create: missingLeases(shards, rest).filter((row) => row.shardId !== shardId), ready: true };
  }
  const children = shards.filter((shard) => shard.parents.includes(shardId)).sort(byShardId);
  const otherParents = shards.filter((shard) => children.some((child) => child.parents.includes(shard.shardId)));
  const create = [...otherParents.sort(byShardId), ...children].filter((shard) => !known.has(shard.shardId));
  return { create: create.map(newLease), ready: children.length > 0 };
}

/** Whether every parent that has a row is read to its end. */
export function isReadable(lease: ShardLease, rows: ReadonlyMap<string, ShardLease>): boolean {
  return lease.parents.every((parent) => {
    const row = rows.get(parent);
    return row === undefined || isEnded(row);
  });
}

/** Ended rows that nothing needs: their shard has left the stream, and every child that has a row is read already. */
export function removableLeases(shards: readonly Shard[], rows: readonly ShardLease[]): readonly ShardLease[] {
  const listed = new Set(shards.map((shard) => shard.shardId));
  const needed = new Set(rows.filter((row) => !isEnded(row) && row.readUpTo === null).flatMap((row) => row.parents));
  return rows.filter((row) => isEnded(row) && !listed.has(row.shardId) && !needed.has(row.shardId));
}

/**
 * How far a shard is known to be read when its lease is taken: its own claim; for one never read, the least that its parents claimed, for its
 * records are younger. `null`: nothing is known, so records may have left the stream unread.
 */
export function knownReadUpTo(lease: ShardLease, rows: ReadonlyMap<string, ShardLease>): number | null {
  if (lease.readUpTo !== null || lease.checkpoint !== 'TRIM_HORIZON') return lease.readUpTo;
  let least: number | null = null;
  for (const parent of lease.parents) {
    const claim = rows.get(parent)?.readUpTo ?? null;
    if (claim === null) return null;
    least = least === null ? claim : Math.min(least, claim);
  }
  return least;
}

function byShardId(a: Shard, b: Shard): number {
  return a.shardId < b.shardId ? -1 : a.shardId > b.shardId ? 1 : 0;
}
