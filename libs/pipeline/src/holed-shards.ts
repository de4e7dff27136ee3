import { type Hole, type HoleFlush } from './hole-flush.js';
import { type ShardLease } from './ports.js';
import { holeBefore } from './shard-leases.js';
import { type StreamRetention } from './stream-retention.js';
import { isEnded } from './watermark.js';

/** Shards of which something may be lost, as this worker first saw them: each needs a flush that begins after that. */
export class HoledShards {
  readonly #holes: HoleFlush;
  readonly #holed = new Map<string, { readonly hole: Hole; readonly state: string }>();

  constructor(holes: HoleFlush) {
    this.#holes = holes;
  }

  note(rows: readonly ShardLease[], now: number, retention: StreamRetention): void {
    const byId = new Map(rows.map((row) => [row.shardId, row]));
    for (const shardId of this.#holed.keys()) if (!byId.has(shardId)) this.#holed.delete(shardId);
    for (const row of rows) {
      if (row.problem !== undefined) continue;
      const reason = isEnded(row) ? null : holeBefore(row, byId, now, retention);
      const { shardId, streamId, checkpoint } = row;
      const state = JSON.stringify([streamId, checkpoint, reason]);
      if (reason === null) this.#holed.delete(shardId);
      else if (this.#holed.get(shardId)?.state !== state)
        this.#holed.set(shardId, { hole: this.#holes.open(reason), state });
    }
  }

  /** What a flush must cover before the shard is read; `null`: nothing is lost. */
  of(shardId: string): Hole | null {
    return this.#holed.get(shardId)?.hole ?? null;
  }
}
