import { type HistogramMetric, type Metric, type MetricFamily, type MetricRegistry } from '@tidemark/runtime';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** The metrics of a process in Prometheus' text format. */
export interface MetricsText {
  readonly contentType: string;
  /** Brings the metrics up to date and writes them. */
  text(): Promise<string>;
}

/** Time between two looks at the delay of the event loop, ms; prom-client's 10 wake an idle process a hundred times a second, half of its CPU. */
const loopLookMs = 50;

/** Exports `metrics`, and what prom-client measures of any Node process, from a registry of its own. */
export function prometheusText(metrics: MetricRegistry): MetricsText {
  const registry = new Registry();
  const exported = new Set<string>();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopLookMs });
  return {
    contentType: registry.contentType,
    text: () => {
      for (const family of metrics.collect()) {
        if (exported.has(family.name)) continue;
        new ExportedFamily(family, registry);
        exported.add(family.name);
      }
      return registry.metrics();
    },
  };
}

type GaugeReading = Awaited<ReturnType<Gauge['get']>>;

/** A family under prom-client's eyes: whatever its kind, its series are read when they are asked for. */
class ExportedFamily extends Gauge {
  readonly #family: MetricFamily;

  constructor(family: MetricFamily, registry: Registry) {
    super({ name: family.name, help: family.help, registers: [registry] });
    this.#family = family;
  }

  override async get(): Promise<GaugeReading> {
    const { name, help, kind, series } = this.#family;
    const values = [...series.values()].flatMap((each) =>
      'upperBounds' in each ? histogramValues(name, each) : [{ value: each.value, labels: { ...each.labels } }],
    );
    const type = kind as unknown as GaugeReading['type'];
    return { name, help, type, values, aggregator: 'sum', collect: () => undefined };
  }
}

function histogramValues(
  name: string,
  { labels, upperBounds, counts, sum, count }: HistogramMetric,
): (Metric & { readonly metricName: string })[] {
  const bucket = (le: string, value: number) => ({ metricName: `${name}_bucket`, value, labels: { ...labels, le } });
  return [
    ...upperBounds.map((bound, i) => bucket(String(bound), counts[i] ?? 0)),
    bucket('+Inf', count),
    { metricName: `${name}_sum`, value: sum, labels: { ...labels } },
    { metricName: `${name}_count`, value: count, labels: { ...labels } },
  ];
}
