import { type Shard, type ShardLease } from './ports.js';
import { credible } from './watermark.js';

/**
 * The shards a stream has listed, and when. What the lease table knows nothing of holds the watermark back too: a shard without a
 * row holds no record older than the last listing it was absent from, and one that no listing has shown holds none older than the
 * last listing. So W stays true however late a closed shard says that it is closed.
 */
export class ShardRoll {
  /** Listed shard → time of the last listing without it, ms since the epoch; `null`: it was in the first. */
  #absentAt = new Map<string, number | null>();
  #shards: readonly Shard[] = [];
  #listedAt: number | null = null;

  /** `askedAt`: a time before the listing was requested, ms since the epoch. */
  note(shards: readonly Shard[], askedAt: number): void {
    const absentAt = new Map<string, number | null>();
    for (const { shardId } of shards)
      absentAt.set(shardId, this.#absentAt.has(shardId) ? (this.#absentAt.get(shardId) ?? null) : this.#listedAt);
    this.#absentAt = absentAt;
    this.#shards = shards;
    this.#listedAt = askedAt;
  }

  /** Up to when the shard is known to have had no children, ms since the epoch; `null`: nothing is known. */
  childlessUpTo(shardId: string): number | null {
    let upTo = this.#listedAt;
    for (const { shardId: childId, parents } of this.#shards) {
      if (!parents.includes(shardId)) continue;
      const absentAt = this.#absentAt.get(childId) ?? null;
      if (absentAt === null || upTo === null) return null;
      upTo = Math.min(upTo, absentAt);
    }
    return upTo;
  }

  /** The latest watermark that shards without a row among `rows` allow at `now`, ms since the epoch; `null`: none, also where a listing was dated while this worker's clock was ahead. */
  bound(rows: readonly ShardLease[], now: number): number | null {
    const known = new Set(rows.map((row) => row.shardId));
    let bound = credible(this.#listedAt, now);
    for (const [shardId, listedAt] of this.#absentAt) {
      if (known.has(shardId)) continue;
      const absentAt = credible(listedAt, now);
      if (absentAt === null || bound === null) return null;
      bound = Math.min(bound, absentAt);
    }
    return bound;
  }
}
