import { isTidemarkError, messageOf } from '@tidemark/runtime';
import { LeaseHold } from './lease-hold.js';
import { type ShardLease, type ShardPage } from './ports.js';
import { Retry } from './retry.js';
import { endShard } from './shard-end.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type ResolvedSyncOptions } from './sync-options.js';
import { syncShard } from './sync-shard.js';
import { type TablePublisher } from './table-publisher.js';
import { TroubleLog } from './trouble-log.js';

export interface ShardRunnerContext {
  readonly options: ResolvedSyncOptions;
  readonly publisher: TablePublisher;
  readonly metrics: SyncMetrics;
  /** Aborted when nothing more is to be read. */
  readonly stopReading: AbortSignal;
  /** Aborted when what was read is not waited for any longer. */
  readonly stopPublishing: AbortSignal;
  readonly gapAfterMs: number;
}

export interface ShardHealth {
  readonly shardId: string;
  /** Owner in the lease table; `null`: free. */
  readonly owner: string | null;
  /** How far behind its last page was, ms; `null`: not known here. */
  readonly lagMs: number | null;
  /** Everything accepted before this time is acknowledged, ms since the epoch; `null`: nothing is known. */
  readonly readUpTo: number | null;
  /** What keeps it from going on, or `null`. */
  readonly lastError: string | null;
}

/** One shard while this worker holds its lease: reads it to its end, or until the lease is lost or the worker stops. */
export class ShardRunner {
  readonly hold: LeaseHold;
  /** Resolves when nothing of this shard runs any more. Never rejects. */
  readonly finished: Promise<'ended' | 'lost' | 'stopped'>;
  readonly #context: ShardRunnerContext;
  readonly #trouble: TroubleLog;
  #lagMs: number | null = null;

  /** `readUpTo`: up to when the shard is known to be read. `takenAtMs`: monotonic time before the lease was asked for. */
  constructor(context: ShardRunnerContext, row: ShardLease, readUpTo: number | null, takenAtMs: number) {
    const { options, metrics } = context;
    const { leases, clock, failoverMs, renewEveryMs, leaseTimeoutMs, log } = options;
    this.#context = context;
    this.#trouble = new TroubleLog(log, { shardId: row.shardId }, (what) => metrics.failed(what));
    this.hold = new LeaseHold(
      { store: leases, clock, failoverMs, renewEveryMs, callTimeoutMs: leaseTimeoutMs, observer: this.#trouble },
      row,
      takenAtMs,
    );
    this.finished = this.#run(readUpTo);
  }

  get health(): ShardHealth {
    const { shardId, readUpTo, row } = this.hold;
    return { shardId, owner: row.owner, lagMs: this.#lagMs, readUpTo, lastError: this.#trouble.lastError };
  }

  async #run(readUpTo: number | null): Promise<'ended' | 'lost' | 'stopped'> {
    const { options, publisher, metrics, stopReading, stopPublishing, gapAfterMs } = this.#context;
    const { reader, leases, log } = options;
    const { hold } = this;
    const reading = this.#retryUntil(stopReading);
    const publishing = this.#retryUntil(stopPublishing);
    const onPage = (page: ShardPage): void => this.#noticePage(page);
    try {
      await syncShard({ ...options, hold, publisher, metrics, gapAfterMs, readUpTo, reading, publishing, onPage });
      if (await endShard(hold, { reader, leases, retry: publishing })) {
        metrics.shardsEnded.value += 1;
        log.info({ shardId: hold.shardId }, 'the shard is read to its end');
        return 'ended';
      }
    } catch (error) {
      if (!isTidemarkError(error, 'ABORTED')) {
        log.error({ shardId: hold.shardId, error: messageOf(error) }, 'reading the shard broke off');
        hold.drop('broken off');
      }
    }
    return this.#letGo();
  }

  async #letGo(): Promise<'lost' | 'stopped'> {
    const { hold } = this;
    const { metrics, options } = this.#context;
    if (!hold.signal.aborted) {
      await hold.release();
      return 'stopped';
    }
    metrics.leasesLost.value += 1;
    options.log.info(
      { shardId: hold.shardId, reason: hold.signal.reason as unknown },
      'the lease of the shard is over',
    );
    return 'lost';
  }

  #noticePage(page: ShardPage): void {
    const { metrics } = this.#context;
    this.#lagMs = page.millisBehindLatest ?? this.#lagMs;
    metrics.pages.value += 1;
    for (const { bytes } of page.records) metrics.streamBytes.value += bytes.byteLength;
  }

  #retryUntil(stop: AbortSignal): Retry {
    const { clock, random, retryInitialMs, retryMaxMs } = this.#context.options;
    const signal = AbortSignal.any([this.hold.signal, stop]);
    return new Retry({ clock, random, initialMs: retryInitialMs, maxMs: retryMaxMs }, signal, this.#trouble);
  }
}
