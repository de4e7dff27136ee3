import { type Clock, type Entropy, type Logger, type MetricRegistry } from '@tidemark/runtime';
import { type PodRegistry, type Store } from '../backend.js';
import { type CacheDefinition } from '../define-cache.js';
import { onlyFields, wholeNumber } from '../options.js';
import { GuardedStore } from './guarded-store.js';
import { LivePods } from './live-pods.js';
import { ReadBudget } from './read-budget.js';
import { queueMaxDefault, TableGuard } from './table-guard.js';

/** What one pod may ask of each table. */
export interface OverloadOptions {
  /** Requests under way to one table; default 64. */
  readonly inFlightMax?: number;
  /** Requests that wait for their turn, each until its own time-out; a further one fails with `QUEUE_FULL`. Default 5,000. */
  readonly queueMax?: number;
  /**
   * Keys of one table that all pods of the region together may ask DynamoDB for in a second; default: no limit. Each live pod that has caches of the
   * table takes an equal share; see docs/overload.md for what happens to a read beyond it. A key is one read unit for each 4 KB of its item.
   */
  readonly readsPerSecond?: number;
  /** Pods that share `readsPerSecond` while the pods topic does not tell how many there are, or where `fastLane` is `false`; default 10. */
  readonly podsAssumed?: number;
}

export interface TableGuardsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly metrics: MetricRegistry;
  readonly limits: OverloadOptions | undefined;
  readonly logger: Logger;
  /** This pod. */
  readonly pod: string;
  /** Tells how many pods there are; `undefined`: nobody does. */
  readonly registry: PodRegistry | undefined;
}

/** One guard for each table; the caches of a table share it. */
export class TableGuards {
  readonly #options: TableGuardsOptions;
  readonly #pods: LivePods;
  readonly #guards = new Map<string, TableGuard>();

  /** Throws `INVALID_OPTIONS` naming the field. */
  constructor(options: TableGuardsOptions) {
    checkLimits(options.limits ?? {});
    this.#options = options;
    const { registry, clock, logger, pod, limits } = options;
    this.#pods = new LivePods({ registry, clock, logger, pod, assumed: limits?.podsAssumed ?? 10 });
  }

  /** The store as a cache is to use it. */
  storeOf({ table, availability, hedgeAfterMs }: CacheDefinition): Store {
    const { store, clock, entropy, metrics, limits = {} } = this.#options;
    const { inFlightMax, queueMax } = limits;
    let guard = this.#guards.get(table);
    if (guard === undefined) {
      const budget = this.#budgetOf(table, limits);
      guard = new TableGuard({
        ...{ table, clock, metrics, random: () => entropy.random() },
        ...{ inFlightMax, queueMax, budget },
      });
      this.#guards.set(table, guard);
    }
    return new GuardedStore(store, guard, { availability, hedgeAfterMs });
  }

  /** Requests that wait for their turn hear `CLOSED`. */
  close(): void {
    this.#pods.close();
    for (const guard of this.#guards.values()) guard.close();
  }
  #budgetOf(
    table: string,
    { readsPerSecond, podsAssumed = 10, queueMax = queueMaxDefault }: OverloadOptions,
  ): ReadBudget | undefined {
    if (readsPerSecond === undefined) return undefined;
    return new ReadBudget({
      ...{ clock: this.#options.clock, table, queueMax },
      keysPerSecondAtFirst: readsPerSecond / podsAssumed,
      keysPerSecond: (contended) => readsPerSecond / this.#pods.countOf(table, contended),
    });
  }
}

function checkLimits(limits: OverloadOptions): void {
  onlyFields('overload', limits, ['inFlightMax', 'queueMax', 'readsPerSecond', 'podsAssumed']);
  const check = (field: keyof OverloadOptions, min: number, max: number): void => {
    const given = limits[field];
    if (given !== undefined) wholeNumber(`overload.${field}`, given, min, max);
  };
  check('inFlightMax', 1, 10_000);
  check('queueMax', 0, 1_000_000);
  check('readsPerSecond', 1, 100_000_000);
  check('podsAssumed', 1, 100_000);
}
