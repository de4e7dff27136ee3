import { type HistogramMetric, type Metric, type MetricRegistry } from '@tidemark/runtime';

export interface ProducerMetrics {
  readonly records: Metric;
  readonly retries: Metric;
  readonly replacements: Metric;
  readonly seconds: HistogramMetric;
  failures(code: string): Metric;
}

const bounds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

export function producerMetrics(registry: MetricRegistry, queuedBytes: () => number): ProducerMetrics {
  const counter = (name: string, help: string): Metric =>
    registry.counter(`tidemark_kafka_producer_${name}_total`, help);
  const queued = registry.gauge('tidemark_kafka_producer_queued_bytes', 'Bytes waiting to be acknowledged.');
  registry.onCollect(() => {
    queued.value = queuedBytes();
  });
  return {
    records: counter('records', 'Records acknowledged by all in-sync replicas.'),
    retries: counter('retries', 'Requests repeated after a failure.'),
    replacements: counter('replacements', 'Producers replaced after a failure.'),
    seconds: registry.histogram('tidemark_kafka_producer_seconds', 'From a call to its acknowledgement.', bounds),
    failures: (code) =>
      registry.counter('tidemark_kafka_producer_failures_total', 'Calls that failed, by error code.', { code }),
  };
}
