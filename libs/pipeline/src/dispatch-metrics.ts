import { type HistogramMetric, type Metric, type MetricRegistry } from '@tidemark/runtime';

/** What the dispatcher measures. */
export class DispatchMetrics {
  readonly batchSeconds: HistogramMetric;
  readonly publishFailures: Metric;
  readonly valuesLeftOut: Metric;
  readonly announcements: Metric;
  readonly gaps: Metric;
  readonly staleRoutes: Metric;
  readonly assignments: Metric;
  readonly assignedPartitions: Metric;
  readonly routedTables: Metric;
  readonly unroutedTables: Metric;
  readonly pausedTables: Metric;
  readonly heldTables: Metric;
  readonly rewinds: Metric;
  readonly replayingPartitions: Metric;
  readonly watermarkAge: Metric;
  readonly #registry: MetricRegistry;
  /** Topics that wait, or did. */
  readonly #waiting = new Map<string, Metric>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    const counter = (name: string, help: string) => registry.counter(`tidemark_dispatcher_${name}`, help);
    const gauge = (name: string, help: string) => registry.gauge(`tidemark_dispatcher_${name}`, help);
    this.batchSeconds = registry.histogram(
      'tidemark_dispatcher_batch_seconds',
      'From taking a batch to the acknowledgement of its last record by every target.',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
    this.publishFailures = counter('publish_failures_total', 'Sends to a cache topic that failed.');
    this.valuesLeftOut = counter(
      'values_left_out_total',
      'Records that a cache topic refused as too large; a drop of their key went there instead.',
    );
    this.announcements = counter('announcements_total', 'Watermarks sent by the dispatcher of its own accord.');
    this.gaps = counter(
      'gaps_total',
      'Batches before which records of the table topic were lost; each flushed its partition.',
    );
    this.staleRoutes = counter('stale_routes_total', 'Routes of a superseded writer, ignored.');
    this.assignments = counter('assignments_total', 'Assignments of partitions to this process.');
    this.assignedPartitions = gauge('assigned_partitions', 'Partitions of table topics that this process owns.');
    this.routedTables = gauge('routed_tables', 'Tables with a live route.');
    this.unroutedTables = gauge('unrouted_tables', 'Tables that have a table topic and no route: their events wait.');
    this.pausedTables = gauge('paused_tables', 'Tables whose route is paused: their events wait.');
    this.heldTables = gauge(
      'held_tables',
      'Tables with a route whose events wait, because a topic is missing or does not fit.',
    );
    this.rewinds = counter('rewinds_total', 'Partitions that were rewound, because their route says so.');
    this.replayingPartitions = gauge(
      'replaying_partitions',
      'Owned partitions that send again what was sent before a rewind: their new events wait behind it.',
    );
    this.watermarkAge = gauge(
      'watermark_age_seconds',
      'Age of the oldest watermark passed on among the owned partitions.',
    );
  }

  dispatched(table: string, records: number): void {
    const help = 'Records of the table topic that every target has acknowledged.';
    this.#registry.counter('tidemark_dispatcher_records_total', help, { table }).value += records;
  }

  /** Table topics whose events wait as somebody wants it, or until somebody routes them; every other topic does not. */
  waiting(topics: readonly string[]): void {
    const help = '1 while the events of a table topic wait because its table is paused or has no route, else 0.';
    for (const topic of topics)
      if (!this.#waiting.has(topic))
        this.#waiting.set(topic, this.#registry.gauge('tidemark_dispatcher_topic_waiting', help, { topic }));
    for (const [topic, gauge] of this.#waiting) gauge.value = topics.includes(topic) ? 1 : 0;
  }

  held(why: string): void {
    const help = 'Batches left uncommitted.';
    this.#registry.counter('tidemark_dispatcher_held_batches_total', help, { why }).value += 1;
  }
}
