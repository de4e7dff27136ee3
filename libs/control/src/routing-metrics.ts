import { type ErrorCode, type Metric, type MetricRegistry } from '@tidemark/runtime';

import { type RouteOperationType } from './route-operation.js';

/** What the routing table counts. */
export class RoutingMetrics {
  readonly routes: Metric;
  readonly writer: Metric;
  readonly staleRecords: Metric;
  readonly unreadableRecords: Metric;
  readonly resets: Metric;
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    for (const operation of ['put', 'delete', 'repair'] as const) this.#changesOf(operation);
    this.routes = registry.gauge('tidemark_routing_routes', 'Live routes.');
    this.writer = registry.gauge('tidemark_routing_writer', '1 while this process may write the routing table.');
    this.staleRecords = registry.counter(
      'tidemark_routing_stale_records_total',
      'Records of a writer that had been superseded; every reader ignores them.',
    );
    this.unreadableRecords = registry.counter(
      'tidemark_routing_unreadable_records_total',
      'Records of the routing topic that could not be read.',
    );
    this.resets = registry.counter(
      'tidemark_routing_resets_total',
      'Times that the routing topic was made anew, or lost its end.',
    );
  }

  changed(operation: RouteOperationType | 'repair' | 'import'): void {
    this.#changesOf(operation).value += 1;
  }

  #changesOf(operation: string): Metric {
    const help = 'Changes of the routing table that were written.';
    return this.#registry.counter('tidemark_routing_changes_total', help, { operation });
  }

  refused(code: ErrorCode): void {
    const help = 'Changes of the routing table that were refused or failed.';
    this.#registry.counter('tidemark_routing_refusals_total', help, { code }).value += 1;
  }
}
