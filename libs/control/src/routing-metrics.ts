import { type ErrorCode, type Metric, type MetricRegistry } from '@tidemark/runtime';

/** What the routing table counts. */
export class RoutingMetrics {
  readonly routes: Metric;
  readonly writer: Metric;
  readonly puts: Metric;
  readonly deletes: Metric;
  readonly repairs: Metric;
  readonly staleRecords: Metric;
  readonly unreadableRecords: Metric;
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    const changes = 'Changes of the routing table that were written.';
    this.routes = registry.gauge('tidemark_routing_routes', 'Live routes.');
    this.writer = registry.gauge('tidemark_routing_writer', '1 while this process may write the routing table.');
    this.puts = registry.counter('tidemark_routing_changes_total', changes, { operation: 'put' });
    this.deletes = registry.counter('tidemark_routing_changes_total', changes, { operation: 'delete' });
    this.repairs = registry.counter('tidemark_routing_changes_total', changes, { operation: 'repair' });
    this.staleRecords = registry.counter(
      'tidemark_routing_stale_records_total',
      'Records of a writer that had been superseded; every reader ignores them.',
    );
    this.unreadableRecords = registry.counter(
      'tidemark_routing_unreadable_records_total',
      'Records of the routing topic that could not be read.',
    );
  }

  refused(code: ErrorCode): void {
    const help = 'Changes of the routing table that were refused or failed.';
    this.#registry.counter('tidemark_routing_refusals_total', help, { code }).value += 1;
  }
}
