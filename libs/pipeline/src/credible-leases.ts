import { TidemarkError } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { type RetryObserver } from './retry.js';
import { credible, isEnded } from './watermark.js';

/**
 * What rows claim, without what a clock that was ahead has made of it. Such a claim does not become true when its time has come, so it is remembered for as long as the row says it.
 */
export class CredibleLeases {
  readonly #observer: RetryObserver;
  /** The claims that are not believed, by row. */
  readonly #doubted = new Map<string, number>();
  readonly #told = new Set<string>();

  constructor(observer: RetryObserver) {
    this.#observer = observer;
  }

  /** Takes note of a reading of every row of the stream at `now`, ms since the epoch. Of an open shard it is told: no watermark is published before its reader claims anew. */
  note(rows: readonly ShardLease[], now: number): void {
    const found = rows.filter((row) => this.#isDoubted(row, now));
    this.#doubted.clear();
    for (const row of found) this.#doubted.set(idOf(row), row.readUpTo ?? now);
    const open = new Map(found.filter((row) => !isEnded(row)).map((row) => [idOf(row), row]));
    for (const id of this.#told) if (!open.has(id) && this.#told.delete(id)) this.#observer.succeeded(believing(id));
    for (const [id, row] of open) this.#tell(id, row, now);
  }

  /** The row without a claim that is not believed. */
  of(row: ShardLease, now: number): ShardLease {
    return this.#isDoubted(row, now) ? { ...row, readUpTo: null } : row;
  }

  #isDoubted(row: ShardLease, now: number): boolean {
    const { readUpTo } = row;
    return readUpTo !== null && (this.#doubted.get(idOf(row)) === readUpTo || credible(readUpTo, now) === null);
  }

  #tell(id: string, row: ShardLease, now: number): void {
    const { owner, readUpTo, shardId } = row;
    this.#told.add(id);
    const aheadMs = Math.round((readUpTo ?? now) - now);
    const problem = `its readUpTo is ${aheadMs} ms ahead of this worker's clock, or was: that one, or the clock of ${owner ?? 'who read it'}, is wrong`;
    const error = new TidemarkError('CLOCK_AHEAD', problem, { retriable: true, context: { shardId, aheadMs } });
    this.#observer.failed(believing(id), error);
  }
}

function idOf({ streamId, shardId }: ShardLease): string {
  return `${streamId}/${shardId}`;
}

function believing(id: string): string {
  return `believing what the lease of ${id} claims`;
}
