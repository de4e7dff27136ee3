import { type MetricRegistry } from '@tidemark/runtime';
import { type Cache } from '../cache.js';
import { type StandbyProgress } from './standby.js';

const results = ['held', 'installed', 'absent', 'failed'] as const;
const standbyResults = ['installed', 'absent', 'failed'] as const;

/** How far a cache's warm-up is; nothing for a cache that has none. The returned function brings the figures up to date. */
export function exportWarmUp(metrics: MetricRegistry, cache: Cache<unknown>, listsPublished: () => number): () => void {
  if (cache.warmUp().strategy === 'none') return () => undefined;
  const labels = { cache: cache.name };
  const running = metrics.gauge('tidemark_cache_warm_up_running', '1 while the warm-up waits or runs.', labels);
  const failed = metrics.gauge(
    'tidemark_cache_warm_up_failed',
    '1 when the warm-up could not read its keys, or gave up.',
    labels,
  );
  const seconds = metrics.gauge('tidemark_cache_warm_up_seconds', 'How long the warm-up has run.', labels);
  const known = metrics.gauge('tidemark_cache_warm_up_known_keys', 'Keys that the warm-up is to read.', labels);
  const published = metrics.counter(
    'tidemark_cache_hot_key_lists_published_total',
    'Lists of hot keys that this pod has published for its region.',
    labels,
  );
  const keys = results.map((result) => ({
    result,
    metric: metrics.counter('tidemark_cache_warm_up_keys_total', 'Keys of the warm-up by what became of them.', {
      ...labels,
      result,
    }),
  }));
  const standby = cache.warmUp().standby.map(({ region }) => standbyMetrics(metrics, cache.name, region));
  return () => {
    const progress = cache.warmUp();
    for (const [at, update] of standby.entries()) update(progress.standby[at]);
    running.value = progress.state === 'waiting' || progress.state === 'running' ? 1 : 0;
    failed.value = progress.state === 'failed' ? 1 : 0;
    seconds.value = progress.ms / 1_000;
    known.value = progress.keys;
    published.value = listsPublished();
    for (const { result, metric } of keys) metric.value = progress[result];
  };
}

function standbyMetrics(
  metrics: MetricRegistry,
  cache: string,
  region: string,
): (progress: StandbyProgress | undefined) => void {
  const labels = { cache, region };
  const known = metrics.gauge(
    'tidemark_cache_standby_known_keys',
    'Keys of the list of a region stood by for.',
    labels,
  );
  const age = metrics.gauge('tidemark_cache_standby_list_age_seconds', 'Age of that list; 0: none was read.', labels);
  const keys = standbyResults.map((result) => ({
    result,
    metric: metrics.counter('tidemark_cache_standby_keys_total', 'Keys read for a region stood by for, by outcome.', {
      ...labels,
      result,
    }),
  }));
  return (progress) => {
    if (progress === undefined) return;
    known.value = progress.keys;
    age.value = (progress.listAgeMs ?? 0) / 1_000;
    for (const { result, metric } of keys) metric.value = progress[result];
  };
}
