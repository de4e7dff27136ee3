import { type MetricRegistry } from '@tidemark/runtime';
import { type Cache } from '../cache.js';

/** Keys whose reads are exported as one share. */
const hottest = 10;

/** How uneven a cache's reads are. No series names a key: `hotKeys()` does. The returned function brings the figures up to date. */
export function exportHotKeys(metrics: MetricRegistry, cache: Cache<unknown>): () => void {
  const labels = { cache: cache.name };
  const one = metrics.gauge(
    'tidemark_cache_hottest_key_ratio',
    'Share of the reads that ask for the hottest key.',
    labels,
  );
  const ten = metrics.gauge(
    'tidemark_cache_hottest_10_keys_ratio',
    'Share of the reads that ask for one of the ten hottest keys.',
    labels,
  );
  const tracked = metrics.gauge('tidemark_cache_tracked_keys', 'Keys whose reads are counted.', labels);
  return () => {
    const report = cache.hotKeys(hottest);
    one.value = report.keys[0]?.share ?? 0;
    ten.value = Math.min(
      1,
      report.keys.reduce((sum, { share }) => sum + share, 0),
    );
    tracked.value = report.tracked;
  };
}
