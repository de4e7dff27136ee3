import { type MetricRegistry } from '@tidemark/runtime';
import { type Cache } from './cache.js';

/** Brings a cache's plain counters into the registry whenever it is scraped: counting itself stays free of labels. */
export function exportMetrics(metrics: MetricRegistry, cache: Cache<unknown>): void {
  const labels = { cache: cache.name };
  const requests = (op: string, result: string): ((value: number) => void) =>
    setter(
      metrics.counter('tidemark_cache_requests_total', 'Calls by operation and result.', { ...labels, op, result }),
    );
  const hit = requests('get', 'hit');
  const miss = requests('get', 'miss');
  const put = requests('put', 'sent');
  const remove = requests('delete', 'sent');
  const superseded = requests('write', 'superseded');
  const ambiguous = requests('write', 'ambiguous');
  const failed = requests('write', 'failed');
  const fills = setter(metrics.counter('tidemark_cache_fills_total', 'Values read from L2.', labels));
  const fenced = setter(
    metrics.counter(
      'tidemark_cache_fenced_fills_total',
      'Reads of L2 that L1 did not keep, because the key changed meanwhile.',
      labels,
    ),
  );
  const fillErrors = setter(metrics.counter('tidemark_cache_fill_errors_total', 'Reads of L2 that failed.', labels));
  const drops = setter(
    metrics.counter('tidemark_cache_drops_total', 'Entries dropped by events and invalidations.', labels),
  );
  const flushed = setter(
    metrics.counter('tidemark_cache_flushed_entries_total', 'Entries dropped by flushes.', labels),
  );
  const undecodable = setter(
    metrics.counter(
      'tidemark_cache_undecodable_events_total',
      'Events whose value could not be decoded; the entry was dropped.',
      labels,
    ),
  );
  const entries = setter(metrics.gauge('tidemark_cache_entries', 'Entries in L1.', labels));
  const bytes = setter(metrics.gauge('tidemark_cache_bytes', 'Approximate heap of the entries in L1.', labels));
  const staleness = setter(
    metrics.gauge('tidemark_cache_staleness_seconds', 'Age of the watermark of the oldest partition.', labels),
  );
  const events = Array.from({ length: 9 }, (_, index) =>
    setter(
      metrics.counter('tidemark_cache_events_total', 'Events by the rule that decided them.', {
        ...labels,
        rule: String(index + 1),
      }),
    ),
  );
  metrics.onCollect(() => {
    const stats = cache.stats();
    hit(stats.hits);
    miss(stats.misses);
    put(stats.puts);
    remove(stats.deletes);
    superseded(stats.superseded);
    ambiguous(stats.ambiguousWrites);
    failed(stats.writeErrors);
    fills(stats.fills);
    fenced(stats.fencedFills);
    fillErrors(stats.fillErrors);
    drops(stats.drops);
    flushed(stats.flushed);
    undecodable(stats.undecodable);
    entries(stats.entries);
    bytes(stats.bytes);
    staleness(cache.staleness() / 1_000);
    for (const [index, set] of events.entries()) set(stats.rules[index + 1] ?? 0);
  });
}

function setter(metric: { value: number }): (value: number) => void {
  return (value) => {
    metric.value = value;
  };
}
