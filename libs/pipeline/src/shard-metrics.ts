import { type MetricRegistry } from '@tidemark/runtime';
import { kindOf } from './sync-metrics.js';

/** Of one shard, at present, ms. */
export interface ShardGauges {
  readonly lagMs: number;
  /** 0: no page waits. */
  readonly unacknowledgedMs: number;
}

const lag = 'tidemark_sync_shard_lag_seconds';
const unacknowledged = 'tidemark_sync_shard_unacknowledged_age_seconds';
const failures = 'tidemark_sync_shard_failures_total';

/** What is told of one shard for as long as this worker reads it: so there are no more labels than it may read shards at once. */
export class ShardMetrics {
  readonly #registry: MetricRegistry;
  readonly #shard: string;
  readonly #stopCollecting: () => void;
  #isRemoved = false;

  constructor(registry: MetricRegistry, shard: string, read: () => ShardGauges) {
    this.#registry = registry;
    this.#shard = shard;
    const lagSeconds = registry.gauge(lag, 'How far this shard is behind its newest record.', { shard });
    const ageSeconds = registry.gauge(
      unacknowledged,
      'How long the page of this shard that is in hand has waited for Kafka; 0 when there is none.',
      { shard },
    );
    this.#stopCollecting = registry.onCollect(() => {
      const now = read();
      lagSeconds.value = now.lagMs / 1_000;
      ageSeconds.value = now.unacknowledgedMs / 1_000;
    });
  }

  /** Counts a failed attempt: `reading`, `sending`, … */
  failed(what: string): void {
    if (this.#isRemoved) return;
    const labels = { shard: this.#shard, kind: kindOf(what) };
    this.#registry.counter(failures, 'Failed attempts of this shard, by what failed.', labels).value += 1;
  }

  /** The shard is this worker's no more. */
  remove(): void {
    this.#isRemoved = true;
    this.#stopCollecting();
    for (const name of [lag, unacknowledged, failures]) this.#registry.remove(name, { shard: this.#shard });
  }
}
