import { TidemarkError } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { type RetryObserver } from './retry.js';
import { credible, isEnded } from './watermark.js';

/** Rows without the claims that a clock which was ahead has made. Of an open shard they are told, for no watermark is published before its reader claims anew. */
export class CredibleLeases {
  readonly #observer: RetryObserver;
  readonly #told = new Set<string>();

  constructor(observer: RetryObserver) {
    this.#observer = observer;
  }

  /** As they count at `now`, ms since the epoch. */
  of(rows: readonly ShardLease[], now: number): readonly ShardLease[] {
    const ahead = new Set(rows.filter((row) => row.readUpTo !== null && credible(row.readUpTo, now) === null));
    this.#tell(
      [...ahead].filter((row) => !isEnded(row)),
      now,
    );
    return ahead.size === 0 ? rows : rows.map((row) => (ahead.has(row) ? { ...row, readUpTo: null } : row));
  }

  #tell(ahead: readonly ShardLease[], now: number): void {
    const shardIds = new Set(ahead.map(({ shardId }) => shardId));
    for (const shardId of this.#told) {
      if (shardIds.has(shardId)) continue;
      this.#told.delete(shardId);
      this.#observer.succeeded(believing(shardId));
    }
    for (const { shardId, owner, readUpTo } of ahead) {
      this.#told.add(shardId);
      const aheadMs = Math.round((readUpTo ?? now) - now);
      const problem = `its readUpTo is ${aheadMs} ms ahead of this worker's clock: that one, or the clock of ${owner ?? 'who read it'}, is wrong`;
      const error = new TidemarkError('CLOCK_AHEAD', problem, { retriable: true, context: { shardId, aheadMs } });
      this.#observer.failed(believing(shardId), error);
    }
  }
}

function believing(shardId: string): string {
  return `believing what the lease of ${shardId} claims`;
}
