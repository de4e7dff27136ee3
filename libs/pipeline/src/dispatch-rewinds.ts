import { type Logger, messageOf, thinned } from '@tidemark/runtime';

import { type DispatchMetrics } from './dispatch-metrics.js';
import { type ResolvedDispatcherOptions } from './dispatch-options.js';
import { type DispatchPartition } from './dispatch-partition.js';
import { type DispatchRoutes } from './dispatch-routes.js';
import { type Rewind, type TopicPartition } from './ports.js';

/**
 * Has each owned partition rewound that its route in force wants rewound. What was done is remembered by the group, beside the committed offset;
 * here it is only remembered what need not be asked for again in this assignment. One round
 * a table runs at a time, for a partition is rewound between two batches, and one may take long; what comes meanwhile starts one more.
 */
export class DispatchRewinds {
  readonly #options: ResolvedDispatcherOptions;
  readonly #routes: DispatchRoutes;
  readonly #metrics: DispatchMetrics;
  readonly #signal: AbortSignal;
  readonly #again: Pick<Logger, 'warn'>;
  readonly #done = new WeakMap<DispatchPartition, number>();
  #owned: readonly DispatchPartition[] = [];
  /** Tables with a round under way, and those that are to have another. */
  readonly #busy = new Set<string>();
  readonly #stale = new Set<string>();

  constructor(
    options: ResolvedDispatcherOptions,
    routes: DispatchRoutes,
    metrics: DispatchMetrics,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#routes = routes;
    this.#metrics = metrics;
    this.#signal = signal;
    this.#again = thinned(options.logger, options.clock);
  }

  /** Looks at what is `owned` now. What fails is tried again by the next call. */
  look(owned: Iterable<DispatchPartition>): void {
    this.#owned = [...owned];
    for (const table of new Set(this.#owned.map((one) => one.table))) void this.#rounds(table);
  }

  async #rounds(table: string): Promise<void> {
    this.#stale.add(table);
    if (this.#busy.has(table)) return;
    this.#busy.add(table);
    while (this.#stale.delete(table))
      for (const owned of this.#owned) if (owned.table === table) await this.#lookAt(owned);
    this.#busy.delete(table);
  }

  /** Never rejects. */
  async #lookAt(owned: DispatchPartition): Promise<void> {
    const { table, partition } = owned;
    const rewind = this.#routes.inForce(table)?.rewind;
    if (rewind === undefined || owned.revoked || this.#signal.aborted || (this.#done.get(owned) ?? -1) >= rewind.id)
      return;
    const place = { topic: this.#options.names.cdc(table), partition };
    try {
      await this.#rewind(owned, place, rewind);
    } catch (error) {
      if (!this.#signal.aborted)
        this.#again.warn({ ...place, error: messageOf(error) }, 'dispatcher: could not rewind, trying again later');
    }
  }

  async #rewind(owned: DispatchPartition, place: TopicPartition, { id, to }: Rewind): Promise<void> {
    const { source, logger } = this.#options;
    if (source.rewind === undefined) return;
    const outcome = await source.rewind(place, { id, to }, this.#signal);
    if (outcome === 'gone') return;
    this.#done.set(owned, id);
    if (outcome === 'done') return;
    this.#metrics.rewinds.value += 1;
    logger.info({ ...place, id, to: new Date(to).toISOString() }, 'dispatcher: the partition is rewound');
  }
}
