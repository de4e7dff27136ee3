import { type MetricRegistry } from '@tidemark/runtime';
import { type CacheStats } from './cache-stats.js';
import { type Cache } from './cache.js';
import { exportHotKeys } from './hot-keys/hot-key-metrics.js';
import { exportWarmUp } from './warm-up/warm-up-metrics.js';

type Numbers = CacheStats & { readonly entries: number; readonly bytes: number };
type Labels = Readonly<Record<string, string>>;
type Export = (stats: Numbers) => void;

/**
 * Brings a cache's plain counters into the registry whenever it is scraped: counting itself stays free of labels. The returned function brings them
 * in for the last time: a registry may outlive a cache.
 */
export function exportMetrics(
  metrics: MetricRegistry,
  cache: Cache<unknown>,
  listsPublished: () => number = () => 0,
): () => void {
  const labels = { cache: cache.name };
  const exports = [exportCalls(metrics, labels), exportReads(metrics, labels), exportEvents(metrics, labels)];
  const staleness = setter(
    metrics.gauge('tidemark_cache_staleness_seconds', 'Age of the watermark of the oldest partition.', labels),
  );
  const others = [exportHotKeys(metrics, cache), exportWarmUp(metrics, cache, listsPublished)];
  const collect = (): void => {
    const stats = cache.stats();
    for (const each of exports) each(stats);
    staleness(cache.staleness() / 1_000);
    for (const each of others) each();
  };
  const end = metrics.onCollect(collect);
  return () => {
    collect();
    end();
  };
}

function exportCalls(metrics: MetricRegistry, labels: Labels): Export {
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
  return (stats) => {
    hit(stats.hits);
    miss(stats.misses);
    put(stats.puts);
    remove(stats.deletes);
    superseded(stats.superseded);
    ambiguous(stats.ambiguousWrites);
    failed(stats.writeErrors);
  };
}

function exportReads(metrics: MetricRegistry, labels: Labels): Export {
  const fills = setter(metrics.counter('tidemark_cache_fills_total', 'Values read from L2.', labels));
  const stale = setter(
    metrics.counter(
      'tidemark_cache_stale_misses_total',
      'Misses of entries that L1 held, but could not prove to be fresh enough.',
      labels,
    ),
  );
  const fenced = setter(
    metrics.counter(
      'tidemark_cache_fenced_fills_total',
      'Reads of L2 that L1 did not keep, because the key changed meanwhile.',
      labels,
    ),
  );
  const fillErrors = setter(metrics.counter('tidemark_cache_fill_errors_total', 'Reads of L2 that failed.', labels));
  const graceHits = setter(
    metrics.counter('tidemark_cache_grace_hits_total', 'Reads that L1 answered because L2 had failed.', labels),
  );
  const loads = setter(metrics.counter('tidemark_cache_loads_total', 'Calls of loaders.', labels));
  const loadErrors = setter(
    metrics.counter('tidemark_cache_load_errors_total', 'Calls of loaders that failed.', labels),
  );
  const refreshes = setter(
    metrics.counter(
      'tidemark_cache_refreshes_total',
      'Reads of L2 begun because an event had dropped their key.',
      labels,
    ),
  );
  return (stats) => {
    fills(stats.fills);
    stale(stats.staleMisses);
    fenced(stats.fencedFills);
    fillErrors(stats.fillErrors);
    graceHits(stats.graceHits);
    loads(stats.loads);
    loadErrors(stats.loadErrors);
    refreshes(stats.refreshes);
  };
}

function exportEvents(metrics: MetricRegistry, labels: Labels): Export {
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
  const events = Array.from({ length: 9 }, (_, index) =>
    setter(
      metrics.counter('tidemark_cache_events_total', 'Events by the rule that decided them.', {
        ...labels,
        rule: String(index + 1),
      }),
    ),
  );
  return (stats) => {
    drops(stats.drops);
    flushed(stats.flushed);
    undecodable(stats.undecodable);
    entries(stats.entries);
    bytes(stats.bytes);
    for (const [index, set] of events.entries()) set(stats.rules[index + 1] ?? 0);
  };
}

function setter(metric: { value: number }): (value: number) => void {
  return (value) => {
    metric.value = value;
  };
}
