import { type HistogramMetric, type Metric, type MetricRegistry } from '@tidemark/runtime';
import { Lags } from './lags.js';

export interface GroupMetrics {
  readonly records: Metric;
  readonly duplicates: Metric;
  readonly gaps: Metric;
  readonly assignments: Metric;
  readonly sessions: Metric;
  readonly handlerErrors: Metric;
  readonly assigned: Metric;
  readonly held: Metric;
  /** Bytes of batches at work. */
  readonly work: Metric;
  readonly handlerSeconds: HistogramMetric;
  /** Records of the owned partitions that are in the log and not committed. */
  readonly lags: Lags;
}

const lagHelp =
  'Records of the owned partitions that are in the log and not committed, as last known; NaN while the brokers do not answer.';
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
    held: registry.gauge(
      'tidemark_kafka_group_held_partitions',
      'Partitions held until they are released or assigned anew.',
    ),
    work: registry.gauge('tidemark_kafka_group_work_bytes', 'Fetched batches that are at work or wait for it.'),
    handlerSeconds: registry.histogram('tidemark_kafka_group_handler_seconds', 'One batch in the handler.', bounds),
    lags: new Lags((topic) => registry.gauge('tidemark_kafka_group_lag_records', lagHelp, { topic })),
  };
}
