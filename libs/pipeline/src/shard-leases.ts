import { newLease } from './lease-row.js';
import { type Shard, type ShardLease } from './ports.js';
import { leastRetentionMs, type StreamRetention } from './stream-retention.js';
import { isEnded, isOfStream } from './watermark.js';

/** Pure decisions about the rows of the lease table: which to create, which shard may be read, which row has served its time. */

/**
 * Rows to create when the stream is listed, parents first: for each shard without a row whose listed parents all have an ended row. Children of
 * a shard that is still read get theirs when it ends.
 */
export function missingLeases(
  shards: readonly Shard[],
  rows: readonly ShardLease[],
  streamId: string,
): readonly ShardLease[] {
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
    .map((shard) => newLease(shard, streamId));
}

/** What brings the lease table into line with the stream. */
export interface LeaseAlignment {
  /** Rows to create, in this order. */
  readonly create: readonly ShardLease[];
  /** Rows of another stream whose shard id this one uses too: the row, and what is to take its place. */
  readonly replace: readonly (readonly [ShardLease, ShardLease])[];
  /** Rows that nothing needs. */
  readonly remove: readonly ShardLease[];
}

/** Rows of a stream that was replaced count for nothing: not as a shard that is read, nor as a parent that has ended. */
export function alignLeases(shards: readonly Shard[], rows: readonly ShardLease[], streamId: string): LeaseAlignment {
  const own = rows.filter((row) => isOfStream(row, streamId));
  const foreign = new Map(rows.filter((row) => !isOfStream(row, streamId)).map((row) => [row.shardId, row]));
  const missing = missingLeases(shards, own, streamId);
  const taken = new Set(missing.map((lease) => lease.shardId));
  return {
    create: missing.filter((lease) => !foreign.has(lease.shardId)),
    replace: missing.flatMap((lease) => {
      const row = foreign.get(lease.shardId);
      return row === undefined ? [] : [[row, lease] as const];
    }),
    remove: [...removableLeases(shards, own), ...[...foreign.values()].filter((row) => !taken.has(row.shardId))],
  };
}

/** What must stand in the lease table before a shard may be marked as ended. */
export interface ShardEndPlan {
  /** In this order. */
  readonly create: readonly ShardLease[];
  /** Shards that follow it, as far as they are listed. */
  readonly children: readonly string[];
  /** `false`: the stream does not list the children yet. */
  readonly ready: boolean;
}

/** A shard that is not listed any more has left the stream: what took its place are shards without listed parents. */
export function planShardEnd(
  shardId: string,
  shards: readonly Shard[],
  rows: readonly ShardLease[],
  streamId: string,
): ShardEndPlan {
  const known = new Set(rows.map((row) => row.shardId));
  if (!shards.some((shard) => shard.shardId === shardId)) {
    const rest = rows.filter((row) => row.shardId !== shardId);
    const create = missingLeases(shards, rest, streamId).filter((row) => row.shardId !== shardId);
    return { create, children: [], ready: true };
  }
  const children = shards.filter((shard) => shard.parents.includes(shardId)).sort(byShardId);
  const unknown = unknownAncestors(children, shards, known);
  const create = [...unknown.sort(byShardId), ...children.filter((shard) => !known.has(shard.shardId))];
  return {
    create: create.map((shard) => newLease(shard, streamId)),
    children: children.map((child) => child.shardId),
    ready: children.length > 0,
  };
}

/** Listed ancestors without a row, up to the first that has one: without theirs, a child would be read before an ancestor that is still to come. */
function unknownAncestors(of: readonly Shard[], shards: readonly Shard[], known: ReadonlySet<string>): Shard[] {
  const byId = new Map(shards.map((shard) => [shard.shardId, shard]));
  const found = new Map<string, Shard>();
  const queue = of.flatMap(({ parents }) => parents);
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const shard = byId.get(id);
    if (shard === undefined || known.has(id) || found.has(id)) continue;
    found.set(id, shard);
    queue.push(...shard.parents);
  }
  return [...found.values()];
}

/** Whether every parent that has a row is read to its end. */
export function isReadable(lease: ShardLease, rows: ReadonlyMap<string, ShardLease>): boolean {
  return lease.parents.every((parent) => {
    const row = rows.get(parent);
    return row === undefined || isEnded(row);
  });
}

/** Ended rows that nothing needs: no flush is owed, their shard has left the stream, and every child that has a row is read already. */
export function removableLeases(shards: readonly Shard[], rows: readonly ShardLease[]): readonly ShardLease[] {
  const listed = new Set(shards.map((shard) => shard.shardId));
  const needed = new Set(rows.filter((row) => !isEnded(row) && row.readUpTo === null).flatMap((row) => row.parents));
  return rows.filter(
    (row) => isEnded(row) && (row.owes ?? []).length === 0 && !listed.has(row.shardId) && !needed.has(row.shardId),
  );
}

/**
 * How far a shard is known to be read when its lease is taken: its own claim; for one never read, the least that its parents claimed, who claim nothing of the time after
 * their end, for its records are younger. `null`: nothing is known, so records may have left the stream unread.
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

/** The shortest retention that those knew who said how far the shard is read, ms. */
function knownRetentionMs(lease: ShardLease, rows: ReadonlyMap<string, ShardLease>): number {
  const isOwn = lease.readUpTo !== null || lease.checkpoint !== 'TRIM_HORIZON';
  if (isOwn) return lease.retentionMs ?? leastRetentionMs;
  const told = lease.parents.map((parent) => rows.get(parent)?.retentionMs ?? leastRetentionMs);
  return Math.min(...told, lease.retentionMs ?? Infinity);
}

/** Why records of a shard may be lost before whoever takes its lease has read them. */
export type HoleReason = 'nothing-known' | 'checkpoint-reset' | 'records-may-have-expired' | 'position-lost';

/** Whether there may be a hole between what was read of a shard and what will be. `now`: ms since the epoch. */
export function holeBefore(
  lease: ShardLease,
  rows: ReadonlyMap<string, ShardLease>,
  now: number,
  retention: StreamRetention,
): HoleReason | null {
  if (lease.checkpoint !== lease.writtenCheckpoint) return 'checkpoint-reset';
  const known = knownReadUpTo(lease, rows);
  if (retention.coversSince(known, knownRetentionMs(lease, rows), now)) return null;
  return known === null || known > now ? 'nothing-known' : 'records-may-have-expired';
}

function byShardId(a: Shard, b: Shard): number {
  return a.shardId < b.shardId ? -1 : a.shardId > b.shardId ? 1 : 0;
}
