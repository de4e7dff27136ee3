import { TidemarkError } from '@tidemark/runtime';
import { type Hole } from './hole-flush.js';
import { type LeaseStore, type ShardLease } from './ports.js';
import { type RetryObserver } from './retry.js';
import { type TableDebts } from './table-debts.js';
import { isEnded } from './watermark.js';

export interface EndedDebtsOptions {
  readonly debts: TableDebts;
  readonly leases: LeaseStore;
  /** Makes one call to the lease table. */
  readonly call: <T>(what: string, call: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly observer: RetryObserver;
  /** Aborted when nothing more is to be published. */
  readonly signal: AbortSignal;
}

const settling = 'settling what an ended shard owes in the lease table';

/** What was flushed of what a row owes, and is not written there yet. */
interface Payment {
  /** Of the row when it was read: another one is of another row, as far as is known. */
  readonly counter: number;
  readonly flushed: Set<string>;
  /** Whether the row was refused to be written so. */
  isRefused: boolean;
}

/**
 * Flushes what shards that are read to their end still owe, and says so in their rows: nobody holds them any more. Nothing is added to what such a row owes, so a flush
 * is not repeated where only writing it down has failed.
 */
export class EndedDebts {
  readonly #options: EndedDebtsOptions;
  /** By shard. */
  readonly #payments = new Map<string, Payment>();
  #paying: Promise<void> | undefined;

  constructor(options: EndedDebtsOptions) {
    this.#options = options;
  }

  /** Begins, unless it is under way; what fails is tried again by the next call. */
  pay(rows: readonly ShardLease[]): void {
    this.#paying ??= this.#pay(rows).finally(() => (this.#paying = undefined));
  }

  /** Another worker pays from now on: what has failed here is its to say. */
  leave(): void {
    this.#options.observer.gaveUp?.(settling);
  }

  /** Resolves when nothing is under way. */
  async ended(): Promise<void> {
    await this.#paying;
  }

  async #pay(rows: readonly ShardLease[]): Promise<void> {
    const { debts, observer, signal } = this.#options;
    const owing = rows.filter((row) => isEnded(row) && row.owes !== undefined);
    for (const shardId of this.#payments.keys())
      if (!owing.some((row) => row.shardId === shardId)) this.#payments.delete(shardId);
    // Whatever the rows owe was left out before now: one flush of a table pays for all of them.
    const holes = new Map(
      [...new Set(owing.flatMap(({ owes = [] }) => owes))].map((table) => [table, debts.inherited(table)]),
    );
    try {
      for (const row of owing) await this.#payOne(row, row.owes ?? [], holes);
      observer.succeeded(settling);
    } catch (error) {
      if (!signal.aborted) observer.failed(settling, error);
    }
  }

  async #payOne(row: ShardLease, owed: readonly string[], holes: ReadonlyMap<string, Hole>): Promise<void> {
    const { debts, leases, call, signal } = this.#options;
    const payment = this.#paymentOf(row);
    for (const table of owed) {
      const hole = holes.get(table);
      if (hole === undefined || payment.flushed.has(table)) continue;
      if (await debts.settle(table, hole, signal)) payment.flushed.add(table);
    }
    const owes = owed.filter((table) => !payment.flushed.has(table));
    if (owes.length === owed.length) return;
    const written = await call(settling, (inner) => leases.renew({ ...row, owes }, row.readUpTo, inner));
    if (written !== undefined) return;
    // Another worker was quicker, and the next scan shows what it has written; a row that stands as it was is nobody's doing.
    if (payment.isRefused) throw stuck(row.shardId);
    payment.isRefused = true;
  }

  #paymentOf({ shardId, counter }: ShardLease): Payment {
    const known = this.#payments.get(shardId);
    if (known?.counter === counter) return known;
    const payment = { counter, flushed: new Set<string>(), isRefused: false };
    this.#payments.set(shardId, payment);
    return payment;
  }
}

function stuck(shardId: string): TidemarkError {
  const message = `the lease table does not take the row of ${shardId}, which nobody has written since it was read`;
  return new TidemarkError('STORE_UNAVAILABLE', message, { retriable: true, context: { shardId } });
}
