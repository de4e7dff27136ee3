import { type ShardLease, type ShardPage } from './ports.js';

/**
 * The watermark: "every change that the stream accepted before W precedes this record in its partition".
 *
 * A shard's claim is a fact about that shard alone, and it stays true whoever holds the lease, so claims are joined by max, and a zombie or a restart can delay W but
 * never falsify it. A clock that is ahead can: what it has claimed is found out by others' clocks, and forgotten. W is the minimum over all shards that are not ended, and it exists only
 * while those shards' hash ranges cover the whole key space: a shard that nobody knows of yet holds W back by its absence. What the stream
 * lists and the lease table does not know holds it back too (`shard-roll.ts`).
 */

/** The last hash key of a stream. */
const hashMax = (1n << 128n) - 1n;

/**
 * What a page proves once its records are acknowledged and a later page has shown that the shard went on: everything accepted before
 * the returned time (ms since the epoch) has been read. A closing page proves nothing: the records that followed it went to a child shard.
 */
export function claimOf(page: ShardPage): number | null {
  return page.closed || page.millisBehindLatest === null ? null : page.askedAt - page.millisBehindLatest;
}

/** Clocks are wrong by less than half of it, so that those of two workers differ by less, ms. */
export const clockSkewMs = 5_000;

/**
 * A claim as it counts at `now`, ms since the epoch. One of a time that has not come was made while some clock was ahead, and proves nothing; joined by max, it would hide
 * what is claimed since, for as long as that clock was ahead.
 */
export function credible(claim: number | null, now: number): number | null {
  return claim === null || claim > now + clockSkewMs ? null : claim;
}

export function laterClaim(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

export function isEnded(lease: ShardLease): boolean {
  return lease.checkpoint === 'SHARD_END';
}

/** Whether a row is about this very stream, or may be: one that cannot be read. */
export function isOfStream(lease: ShardLease, streamId: string): boolean {
  return lease.problem !== undefined || lease.streamId === streamId;
}

/** The lowest open shard, by id: its owner publishes the watermark. */
export function lowestOpen(rows: readonly ShardLease[]): ShardLease | undefined {
  return rows
    .filter((row) => row.problem === undefined && !isEnded(row))
    .reduce<ShardLease | undefined>(
      (low, row) => (low === undefined || row.shardId < low.shardId ? row : low),
      undefined,
    );
}

/** W of the stream, or `null` while it cannot be told. `memory`: claims this worker made that may not be written yet. */
export function watermarkOf(rows: readonly ShardLease[], memory: ReadonlyMap<string, number>): number | null {
  const open = rows.filter((row) => !isEnded(row));
  if (rows.some((row) => row.problem !== undefined) || !coversKeySpace(open)) return null;
  let lowest = Infinity;
  for (const row of open) {
    const claim = laterClaim(row.readUpTo, memory.get(row.shardId) ?? null);
    if (claim === null) return null;
    lowest = Math.min(lowest, claim);
  }
  return Number.isFinite(lowest) ? lowest : null;
}

/** Whether every hash key belongs to at least one of `rows`. */
export function coversKeySpace(rows: readonly Pick<ShardLease, 'startHash' | 'endHash'>[]): boolean {
  const ranges = rows
    .map((row) => ({ start: BigInt(row.startHash), end: BigInt(row.endHash) }))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let next = 0n;
  for (const { start, end } of ranges) {
    if (start > next) return false;
    if (end >= next) next = end + 1n;
  }
  return next > hashMax;
}
