import { type Metric, MetricRegistry } from '@tidemark/runtime';
import { type TakeReason } from './lease-choice.js';
import { type Step } from './shard-record.js';

/** Times in ms. */
export interface SyncGauges {
  readonly shards: number;
  /** Of the slowest shard; 0: none is read. */
  readonly lagMs: number;
  /** `null`: this worker publishes none. */
  readonly watermarkAgeMs: number | null;
  readonly withheldTables: number;
  readonly parkedTables: number;
  readonly pageBytes: number;
}

/** Everything sync counts, but for what it tells of each shard (`shard-metrics.ts`). Labels are bounded: no key or topic among them. */
export class SyncMetrics {
  readonly steps: Readonly<Record<Step['type'], Metric>>;
  readonly pages: Metric;
  readonly streamBytes: Metric;
  readonly recordsSent: Metric;
  readonly deadLetters: Metric;
  readonly deadLettersLost: Metric;
  readonly watermarks: Metric;
  readonly leasesLost: Metric;
  readonly leasesAsked: Metric;
  readonly leasesHandedOver: Metric;
  readonly shardsEnded: Metric;
  readonly destinationLooks: Metric;
  readonly tablesParked: Metric;
  readonly leftOut: Metric;
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry = new MetricRegistry()) {
    this.#registry = registry;
    const step = (type: Step['type']): Metric =>
      registry.counter('tidemark_sync_records_total', 'Records of the stream, by what they became.', { as: type });
    this.steps = {
      event: step('event'),
      invalidate: step('invalidate'),
      'flush-table': step('flush-table'),
      'flush-all': step('flush-all'),
      ignore: step('ignore'),
    };
    this.pages = registry.counter('tidemark_sync_pages_total', 'Pages read from shards.');
    this.streamBytes = registry.counter('tidemark_sync_stream_bytes_total', 'Bytes of records read from shards.');
    this.recordsSent = registry.counter('tidemark_sync_sent_records_total', 'Records acknowledged by Kafka.');
    this.deadLetters = registry.counter('tidemark_sync_dead_letters_total', 'Records that could not be translated.');
    this.deadLettersLost = registry.counter(
      'tidemark_sync_dead_letters_lost_total',
      'Dead letters that Kafka did not take.',
    );
    this.watermarks = registry.counter('tidemark_sync_watermarks_total', 'Watermarks published to every table topic.');
    this.leasesLost = registry.counter('tidemark_sync_leases_lost_total', 'Leases lost to another worker or to time.');
    this.leasesAsked = registry.counter(
      'tidemark_sync_leases_asked_total',
      'Leases that this worker asked another for, to share the work.',
    );
    this.leasesHandedOver = registry.counter(
      'tidemark_sync_leases_handed_over_total',
      'Leases handed over to the worker that asked for them.',
    );
    this.shardsEnded = registry.counter('tidemark_sync_shards_ended_total', 'Shards read to their end.');
    this.destinationLooks = registry.counter(
      'tidemark_sync_destination_looks_total',
      "Looks at tables' streaming destinations that were answered.",
    );
    this.tablesParked = registry.counter(
      'tidemark_sync_tables_parked_total',
      'Times that a table was parked, because its topic takes nothing.',
    );
    this.leftOut = registry.counter(
      'tidemark_sync_left_out_total',
      'Records of parked tables that were left out; a flush is owed instead.',
    );
  }

  leaseTaken(reason: TakeReason): void {
    this.#registry.counter('tidemark_sync_leases_taken_total', 'Leases taken, by why.', { reason }).value += 1;
  }

  /** Counts an acknowledged flush of a table, or of every table. */
  flushed(reason: string): void {
    this.#registry.counter('tidemark_sync_flushes_total', 'Acknowledged flushes of tables, by why.', {
      reason,
    }).value += 1;
  }

  /** Counts a place in the changes behind which some may be missing. */
  hole(reason: string): void {
    this.#registry.counter('tidemark_sync_holes_total', 'Places where changes may be missing, by why.', {
      reason,
    }).value += 1;
  }

  /** Counts a failed attempt: `sending`, `reading`, `listing`, `writing`, … */
  failed(what: string): void {
    const kind = kindOf(what);
    this.#registry.counter('tidemark_sync_failures_total', 'Failed attempts, by what failed.', { kind }).value += 1;
  }

  /** Gauges that are read when they are scraped. */
  observe(read: () => SyncGauges): void {
    const shards = this.#registry.gauge('tidemark_sync_shards', 'Shards this worker reads.');
    const lag = this.#registry.gauge('tidemark_sync_lag_seconds', 'How far the slowest of its shards is behind.');
    const age = this.#registry.gauge(
      'tidemark_sync_watermark_age_seconds',
      'Age of the last watermark this worker published; 0 when it publishes none.',
    );
    const withheld = this.#registry.gauge(
      'tidemark_sync_withheld_tables',
      'Tables whose watermark this worker withholds, because their changes may not reach the stream.',
    );
    const parked = this.#registry.gauge(
      'tidemark_sync_parked_tables',
      'Tables whose topic takes nothing, so that their changes are left out.',
    );
    const pageBytes = this.#registry.gauge(
      'tidemark_sync_page_bytes',
      'Bytes of pages that this worker has in hand or has asked for.',
    );
    this.#registry.onCollect(() => {
      const now = read();
      shards.value = now.shards;
      lag.value = now.lagMs / 1_000;
      withheld.value = now.withheldTables;
      parked.value = now.parkedTables;
      pageBytes.value = now.pageBytes;
      age.value = (now.watermarkAgeMs ?? 0) / 1_000;
    });
  }
}

/** `sending`, `reading`, `listing`, `writing`, … */
export function kindOf(what: string): string {
  return what.split(' ', 1)[0] ?? what;
}
