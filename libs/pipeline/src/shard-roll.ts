import { type Shard, type ShardLease } from './ports.js';
import { credible } from './watermark.js';

/**
 * The shards a stream has listed, and when. What the lease table knows nothing of holds the watermark back too: a shard without a
 * row holds no record older than the last listing it was absent from, and one that no listing has shown holds none older than the
 * last listing. So W stays true however late a closed shard says that it is closed. A time that a listing was given while this worker's clock
 * was ahead is forgotten as soon as that shows: it would come true.
 */
export class ShardRoll {
  /** Shard → time of the last listing before the first one that had it, ms since the epoch; `null`: the very first had it. Not of listed shards alone: one may be left out once. */
  readonly #absentAt = new Map<string, number | null>();
  /** The same of its first child. Of a shard that has left the stream, too: its children do not name it any more. */
  readonly #childlessUpTo = new Map<string, number | null>();
  #listed: ReadonlySet<string> = new Set();
  #listedAt: number | null = null;

  /** `askedAt`: a time before the listing was requested, ms since the epoch. */
  note(shards: readonly Shard[], askedAt: number): void {
    this.#forgetAheadOf(askedAt);
    this.#listed = new Set(shards.map(({ shardId }) => shardId));
    for (const { shardId } of shards) if (!this.#absentAt.has(shardId)) this.#absentAt.set(shardId, this.#listedAt);
    for (const { shardId, parents } of shards)
      for (const parent of parents)
        if (!this.#childlessUpTo.has(parent)) this.#childlessUpTo.set(parent, this.#absentAt.get(shardId) ?? null);
    for (const times of [this.#absentAt, this.#childlessUpTo]) forgetOldest(times, this.#listed);
    this.#listedAt = askedAt;
  }

  /** When the last listing was asked for, ms since the epoch; `null`: that is not known at `now`. */
  listedAt(now: number): number | null {
    this.#forgetAheadOf(now);
    return this.#listedAt;
  }

  /** Up to when the shard is known at `now` to have had no children, ms since the epoch: the time of a listing; `null`: nothing is known. */
  childlessUpTo(shardId: string, now: number): number | null {
    const listedAt = this.listedAt(now);
    const upTo = this.#childlessUpTo.get(shardId);
    return upTo === undefined ? listedAt : upTo;
  }

  /** The latest watermark that shards without a row among `rows` allow at `now`, ms since the epoch; `null`: none. */
  bound(rows: readonly ShardLease[], now: number): number | null {
    const known = new Set(rows.map((row) => row.shardId));
    let bound = this.listedAt(now);
    for (const shardId of this.#listed) {
      if (known.has(shardId)) continue;
      const absentAt = this.#absentAt.get(shardId) ?? null;
      if (absentAt === null || bound === null) return null;
      bound = Math.min(bound, absentAt);
    }
    return bound;
  }

  /** What is remembered is no younger than the last listing, so that this alone shows whether the clock was ahead. */
  #forgetAheadOf(now: number): void {
    if (this.#listedAt === null || credible(this.#listedAt, now) !== null) return;
    this.#listedAt = null;
    for (const times of [this.#absentAt, this.#childlessUpTo])
      for (const [shardId, at] of times) times.set(shardId, credible(at, now));
  }
}

/** How old a listing may be for the tip of a shard to be claimed by it, ms: a small part of the margin that retention is judged with. Watermarks are bounded by the listing in any case. */
export const listingAgeMsMax = 120_000;

/** Shards that are remembered beside those that are listed: of more, those that came first have long been read to their end. */
const unlistedMax = 10_000;

function forgetOldest(times: Map<string, unknown>, listed: ReadonlySet<string>): void {
  let excess = times.size - listed.size - unlistedMax;
  for (const shardId of times.keys()) {
    if (excess <= 0) return;
    if (listed.has(shardId)) continue;
    times.delete(shardId);
    excess -= 1;
  }
}
