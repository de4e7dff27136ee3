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

/** Flushes what shards that are read to their end still owe, and says so in their rows: nobody holds them any more. */
export class EndedDebts {
  readonly #options: EndedDebtsOptions;
  #paying: Promise<void> | undefined;

  constructor(options: EndedDebtsOptions) {
    this.#options = options;
  }

  /** Begins, unless it is under way; what fails is tried again by the next call. */
  pay(rows: readonly ShardLease[]): void {
    this.#paying ??= this.#pay(rows).finally(() => (this.#paying = undefined));
  }

  /** Resolves when nothing is under way. */
  async ended(): Promise<void> {
    await this.#paying;
  }

  async #pay(rows: readonly ShardLease[]): Promise<void> {
    const { observer, signal } = this.#options;
    try {
      for (const row of rows) if (isEnded(row) && row.owes !== undefined) await this.#payOne(row, row.owes);
      observer.succeeded(settling);
    } catch (error) {
      if (!signal.aborted) observer.failed(settling, error);
    }
  }

  async #payOne(row: ShardLease, owed: readonly string[]): Promise<void> {
    const { debts, leases, call, signal } = this.#options;
    const owes: string[] = [];
    for (const table of owed) if (!(await debts.settle(table, debts.inherited(table), signal))) owes.push(table);
    if (owes.length === owed.length) return;
    await call(settling, (inner) => leases.renew({ ...row, owes }, row.readUpTo, inner));
  }
}
