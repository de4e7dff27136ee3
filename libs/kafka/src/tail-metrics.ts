import { type HistogramMetric, type Metric, type MetricRegistry } from '@tidemark/runtime';
import { Lags } from './lags.js';

export interface TailMetrics {
  readonly records: Metric;
  readonly gaps: Metric;
  readonly joins: Metric;
  readonly sessions: Metric;
  readonly steps: Metric;
  readonly handlerErrors: Metric;
  readonly live: Metric;
  readonly joinSeconds: HistogramMetric;
  /** Records that were in the log after the last batch of each partition. */
  readonly lags: Lags;
}

const lagHelp = 'Records in the log after the last batch read; NaN while the brokers do not answer.';
const joinBounds = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32];

export function tailMetrics(registry: MetricRegistry): TailMetrics {
  const counter = (name: string, help: string): Metric => registry.counter(`tidemark_kafka_tail_${name}_total`, help);
  return {
    records: counter('records', 'Records handed over.'),
    gaps: counter('gaps', 'Gaps told: records of a partition that may have been missed.'),
    joins: counter('joins', 'Times a consumer joined its group, or joined it again.'),
    sessions: counter('sessions', 'Consumers begun.'),
    steps: counter('steps', 'Offsets stepped over because a batch without records lay there.'),
    handlerErrors: counter('handler_errors', 'Batches whose handler threw.'),
    live: registry.gauge('tidemark_kafka_tail_live', '1 while the brokers answer, else 0.'),
    joinSeconds: registry.histogram('tidemark_kafka_tail_join_seconds', 'From a consumer made to joined.', joinBounds),
    lags: new Lags((topic) => registry.gauge('tidemark_kafka_tail_lag_records', lagHelp, { topic })),
  };
}
