export type MetricKind = 'counter' | 'gauge' | 'histogram';
export type Labels = Readonly<Record<string, string>>;

/** One time series; hot paths add to `value` directly, and an exporter reads it when it is scraped. */
export interface Metric {
  readonly labels: Labels;
  value: number;
}

/** Observations in fixed buckets, cumulative as Prometheus wants them. */
export interface HistogramMetric {
  readonly labels: Labels;
  readonly upperBounds: readonly number[];
  readonly counts: number[];
  sum: number;
  count: number;
  observe(value: number): void;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly series: ReadonlyMap<string, Metric | HistogramMetric>;
}

/** No family grows past this many label sets: labels are bounded by design, and a mistake must not eat the heap. */
const seriesMax = 1_000;

/** Every metric of a process. Names carry their unit last (`_seconds`, `_bytes`, `_total`); labels never hold keys or group ids. */
export class MetricRegistry {
  readonly #families = new Map<
    string,
    { name: string; help: string; kind: MetricKind; series: Map<string, Metric | HistogramMetric> }
  >();
  readonly #collectors = new Set<() => void>();

  counter(name: string, help: string, labels: Labels = {}): Metric {
    return this.#series(name, help, 'counter', labels, () => ({ labels, value: 0 })) as Metric;
  }

  gauge(name: string, help: string, labels: Labels = {}): Metric {
    return this.#series(name, help, 'gauge', labels, () => ({ labels, value: 0 })) as Metric;
  }

  histogram(name: string, help: string, upperBounds: readonly number[], labels: Labels = {}): HistogramMetric {
    return this.#series(name, help, 'histogram', labels, () => newHistogram(labels, upperBounds)) as HistogramMetric;
  }

  /** Takes away every series of a metric that has these labels, and perhaps others: what they tell of is gone. */
  remove(name: string, labels: Labels): void {
    const series = this.#families.get(name)?.series;
    if (series === undefined) return;
    const wanted = Object.entries(labels);
    for (const [id, { labels: has }] of series)
      if (wanted.every(([label, value]) => has[label] === value)) series.delete(id);
  }

  /** Registers a callback that brings gauges up to date just before they are read; the returned function takes it away, with all that it holds. */
  onCollect(collector: () => void): () => void {
    const own = (): void => collector();
    this.#collectors.add(own);
    return () => void this.#collectors.delete(own);
  }

  collect(): readonly MetricFamily[] {
    for (const collector of this.#collectors) collector();
    return [...this.#families.values()];
  }

  #series(
    name: string,
    help: string,
    kind: MetricKind,
    labels: Labels,
    make: () => Metric | HistogramMetric,
  ): Metric | HistogramMetric {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { name, help, kind, series: new Map() };
      this.#families.set(name, family);
    }
    const id = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    const existing = family.series.get(id);
    if (existing !== undefined) return existing;
    const made = make();
    if (family.series.size < seriesMax) family.series.set(id, made);
    return made;
  }
}

function newHistogram(labels: Labels, upperBounds: readonly number[]): HistogramMetric {
  const counts = upperBounds.map(() => 0);
  return {
    labels,
    upperBounds,
    counts,
    sum: 0,
    count: 0,
    observe(value) {
      this.sum += value;
      this.count += 1;
      for (let i = 0; i < upperBounds.length; i += 1)
        if (value <= (upperBounds[i] ?? Infinity)) counts[i] = (counts[i] ?? 0) + 1;
    },
  };
}
