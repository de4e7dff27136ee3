import { type Clock, type Entropy, type MetricRegistry } from '@tidemark/runtime';
import { type Store } from '../backend.js';
import { type CacheDefinition } from '../define-cache.js';
import { onlyFields, wholeNumber } from '../options.js';
import { GuardedStore } from './guarded-store.js';
import { TableGuard } from './table-guard.js';

/** What one pod may ask of each table. */
export interface OverloadOptions {
  /** Requests under way to one table; default 64. */
  readonly inFlightMax?: number;
  /** Requests that wait for their turn, each until its own time-out; a further one fails with `QUEUE_FULL`. Default 5,000. */
  readonly queueMax?: number;
}

export interface TableGuardsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly metrics: MetricRegistry;
  readonly limits: OverloadOptions | undefined;
}

/** One guard for each table; the caches of a table share it. */
export class TableGuards {
  readonly #options: TableGuardsOptions;
  readonly #guards = new Map<string, TableGuard>();

  /** Throws `INVALID_OPTIONS` naming the field. */
  constructor(options: TableGuardsOptions) {
    const { limits = {} } = options;
    onlyFields('overload', limits, ['inFlightMax', 'queueMax']);
    const { inFlightMax, queueMax } = limits;
    if (inFlightMax !== undefined) wholeNumber('overload.inFlightMax', inFlightMax, 1, 10_000);
    if (queueMax !== undefined) wholeNumber('overload.queueMax', queueMax, 0, 1_000_000);
    this.#options = options;
  }

  /** The store as a cache is to use it. */
  storeOf({ table, availability, hedgeAfterMs }: CacheDefinition): Store {
    const { store, clock, entropy, metrics, limits } = this.#options;
    let guard = this.#guards.get(table);
    if (guard === undefined) {
      guard = new TableGuard({ table, clock, metrics, random: () => entropy.random(), ...limits });
      this.#guards.set(table, guard);
    }
    return new GuardedStore(store, guard, { availability, hedgeAfterMs });
  }

  /** Requests that wait for their turn hear `CLOSED`. */
  close(): void {
    for (const guard of this.#guards.values()) guard.close();
  }
}
