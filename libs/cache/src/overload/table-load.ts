import { type MetricRegistry } from '@tidemark/runtime';

/** What a table's guard sees and does; counts since its start. */
export interface TableLoad {
  inFlight: number;
  queued: number;
  /** Requests that the breaker has shed. */
  shed: number;
  /** Requests that left the bulkhead's queue, or found it full, without being sent. */
  refused: number;
  hedgesWon: number;
  hedgesLost: number;
  /** Share of the reads of critical caches that is shed now. */
  shedShareReads: number;
  shedShareWrites: number;
  /** Of single reads in the last 30 s; 0: there were none. */
  readP99Ms: number;
  /** Keys that the store was asked for, second reads included. */
  readKeys: number;
  /** What this pod may ask for now; 0: there is no budget. */
  budgetKeysPerSecond: number;
  budgetQueuedKeys: number;
  /** Keys whose turn did not come in time. */
  budgetRefusedKeys: number;
}

export function newTableLoad(): TableLoad {
  return {
    ...{ inFlight: 0, queued: 0, shed: 0, refused: 0, hedgesWon: 0, hedgesLost: 0 },
    ...{ shedShareReads: 0, shedShareWrites: 0, readP99Ms: 0 },
    ...{ readKeys: 0, budgetKeysPerSecond: 0, budgetQueuedKeys: 0, budgetRefusedKeys: 0 },
  };
}

/** Brings a guard's counters into the registry whenever it is scraped; the returned function does so for the last time. */
export function exportTableLoad(metrics: MetricRegistry, table: string, load: () => TableLoad): () => void {
  const labels = { table };
  const inFlight = metrics.gauge('tidemark_l2_requests_in_flight', 'Requests to the table under way.', labels);
  const queued = metrics.gauge('tidemark_l2_requests_queued', 'Requests that wait for a place.', labels);
  const shed = metrics.counter('tidemark_l2_shed_total', 'Requests shed before they were sent.', labels);
  const refused = metrics.counter('tidemark_l2_refused_total', 'Requests that got no place in time.', labels);
  const hedges = (result: string): { value: number } =>
    metrics.counter('tidemark_l2_hedges_total', 'Second reads, by what came of them.', { ...labels, result });
  const won = hedges('won');
  const lost = hedges('lost');
  const share = (kind: string): { value: number } =>
    metrics.gauge('tidemark_l2_shed_ratio', 'Share of the requests that is shed now.', { ...labels, kind });
  const reads = share('read');
  const writes = share('write');
  const p99 = metrics.gauge('tidemark_l2_read_p99_seconds', 'Single reads of the last 30 s, 99th percentile.', labels);
  const readKeys = metrics.counter('tidemark_l2_read_keys_total', 'Keys that the store was asked for.', labels);
  const budget = metrics.gauge(
    'tidemark_l2_read_budget_keys_per_second',
    'Keys that this pod may ask for in a second.',
    labels,
  );
  const budgetQueued = metrics.gauge('tidemark_l2_read_budget_queued_keys', 'Keys whose turn has not come.', labels);
  const budgetRefused = metrics.counter(
    'tidemark_l2_read_budget_refused_keys_total',
    'Keys whose turn did not come in time.',
    labels,
  );
  const collect = (): void => {
    const now = load();
    readKeys.value = now.readKeys;
    budget.value = now.budgetKeysPerSecond;
    budgetQueued.value = now.budgetQueuedKeys;
    budgetRefused.value = now.budgetRefusedKeys;
    inFlight.value = now.inFlight;
    queued.value = now.queued;
    shed.value = now.shed;
    refused.value = now.refused;
    won.value = now.hedgesWon;
    lost.value = now.hedgesLost;
    reads.value = now.shedShareReads;
    writes.value = now.shedShareWrites;
    p99.value = now.readP99Ms / 1_000;
  };
  const end = metrics.onCollect(collect);
  return () => {
    collect();
    end();
  };
}
