import { type HistogramMetric, type Metric, type MetricRegistry } from '@tidemark/runtime';

export interface GroupMetrics {
  readonly records: Metric;
  readonly duplicates: Metric;
  readonly gaps: Metric;
  readonly assignments: Metric;
  readonly sessions: Metric;
  readonly handlerErrors: Metric;
  readonly assigned: Metric;
  readonly held: Metric;
  readonly handlerSeconds: HistogramMetric;
  lag(topic: string, records: bigint): void;
}

const bounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

export function groupMetrics(registry: MetricRegistry): GroupMetrics {
  const counter = (name: string, help: string): Metric => registry.counter(`tidemark_kafka_group_${name}_total`, help);
  return {
    records: counter('records', 'Records handled and committed.'),
    duplicates: counter('duplicates', 'Records that were handled before and came again after a rejoin; dropped.'),
    gaps: counter('gaps', 'Batches that did not begin at the committed offset.'),
    assignments: counter('assignments', 'Assignments of partitions to this member.'),
    sessions: counter('sessions', 'Consumers begun.'),
    handlerErrors: counter('handler_errors', 'Calls of the handler that failed and are repeated.'),
    assigned: registry.gauge('tidemark_kafka_group_assigned_partitions', 'Partitions this member owns.'),
    held: registry.gauge('tidemark_kafka_group_held_partitions', 'Partitions held until the next assignment.'),
    handlerSeconds: registry.histogram('tidemark_kafka_group_handler_seconds', 'One batch in the handler.', bounds),
    lag: (topic, records) => {
      registry.gauge('tidemark_kafka_group_lag_records', 'Records in the log after the last batch.', { topic }).value =
        Number(records);
    },
  };
}
