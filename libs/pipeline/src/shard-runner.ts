import { isTidemarkError, messageOf } from '@tidemark/runtime';
import { type CallWatch, unansweredText } from './call-watch.js';
import { type Hole, type HoleFlush } from './hole-flush.js';
import { LeaseHold } from './lease-hold.js';
import { type PageBudget } from './page-budget.js';
import { type ShardCursor, type ShardLease, type ShardPage } from './ports.js';
import { Retry } from './retry.js';
import { endShard } from './shard-end.js';
import { type HoleReason } from './shard-leases.js';
import { type ShardGauges, ShardMetrics } from './shard-metrics.js';
import { type StreamRetention } from './stream-retention.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type ResolvedSyncOptions } from './sync-options.js';
import { positionOf, readingShard, syncShard } from './sync-shard.js';
import { type TablePublisher } from './table-publisher.js';
import { TroubleLog } from './trouble-log.js';

export interface ShardRunnerContext {
  readonly options: ResolvedSyncOptions;
  readonly publisher: TablePublisher;
  readonly budget: PageBudget;
  readonly metrics: SyncMetrics;
  readonly holes: HoleFlush;
  readonly calls: CallWatch;
  /** Aborted when nothing more is to be read. */
  readonly stopReading: AbortSignal;
  /** Aborted when what was read is not waited for any longer. */
  readonly stopPublishing: AbortSignal;
  readonly retention: StreamRetention;
  /** Up to when a shard is known to have had no children, ms since the epoch; `null`: nothing is known. */
  readonly childlessUpTo: (shardId: string) => number | null;
}

/** What is known of a shard when its lease is taken. */
export interface ShardStart {
  readonly row: ShardLease;
  /** Up to when it is known to be read, ms since the epoch; `null`: nothing is known. */
  readonly readUpTo: number | null;
  /** To be covered before anything is read. */
  readonly hole: Hole | null;
  /** Monotonic time before the lease was asked for. */
  readonly takenAtMs: number;
}

/** `handed-over`: to the worker that asked for the lease. */
export type ShardOutcome = 'ended' | 'handed-over' | 'lost' | 'stopped';

export interface ShardHealth {
  readonly shardId: string;
  /** Owner in the lease table; `null`: free. */
  readonly owner: string | null;
  /** How long ago the place was the end of the shard up to which it has been read, ms; grows while reads do not answer; `null`: not known here. */
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
  readonly finished: Promise<ShardOutcome>;
  readonly #context: ShardRunnerContext;
  readonly #trouble: TroubleLog;
  readonly #cursor: ShardCursor;
  readonly #startedAt: number;
  readonly #drained = new AbortController();
  /** The place that has been read, as the time when it was the end of the shard, ms since the epoch; `null`: not known yet. */
  #readTo: number | null;
  /** Since when a page is in hand, monotonic ms; `null`: there is none. */
  #pageSinceMs: number | null = null;
  readonly #shardMetrics: ShardMetrics;

  constructor(context: ShardRunnerContext, { row, readUpTo, hole, takenAtMs }: ShardStart) {
    const { options, metrics } = context;
    const { leases, clock, failoverMs, renewEveryMs, leaseTimeoutMs, log, reader } = options;
    this.#context = context;
    this.#readTo = readUpTo;
    this.#startedAt = clock.now();
    this.#shardMetrics = new ShardMetrics(options.metrics, row.shardId, () => this.#gauges);
    this.#trouble = new TroubleLog(log, { shardId: row.shardId }, (what) => {
      metrics.failed(what);
      this.#shardMetrics.failed(what);
    });
    this.#cursor = reader.open(row.shardId, positionOf(row.checkpoint));
    this.hold = new LeaseHold(
      {
        store: leases,
        clock,
        failoverMs,
        renewEveryMs,
        callTimeoutMs: leaseTimeoutMs,
        observer: this.#trouble,
        retention: context.retention,
      },
      row,
      takenAtMs,
    );
    this.finished = this.#run(readUpTo, hole).finally(() => this.#shardMetrics.remove());
  }

  get health(): ShardHealth {
    const { shardId, readUpTo, row } = this.hold;
    const lagMs = this.#readTo === null ? null : this.#context.options.clock.now() - this.#readTo;
    return { shardId, owner: row.owner, lagMs, readUpTo, lastError: this.#trouble.lastError ?? this.#unanswered };
  }

  /** At least how far it is behind, ms. */
  get lagMsMin(): number {
    return this.#context.options.clock.now() - (this.#readTo ?? this.#startedAt);
  }

  get #gauges(): ShardGauges {
    const nowMs = this.#context.options.clock.monotonicMs();
    return { lagMs: this.lagMsMin, unacknowledgedMs: this.#pageSinceMs === null ? 0 : nowMs - this.#pageSinceMs };
  }

  async #run(readUpTo: number | null, hole: Hole | null): Promise<ShardOutcome> {
    const { options, publisher, budget, metrics, holes, calls, stopReading, stopPublishing, retention } = this.#context;
    const { reader, leases, log } = options;
    const { hold } = this;
    const cursor = this.#cursor;
    const reading = this.#retryUntil(stopReading, hold.asked);
    const publishing = this.#retryUntil(stopPublishing, this.#drained.signal);
    const onPage = (page: ShardPage): void => this.#noticePage(page);
    const cover = (each: Hole): Promise<number> => this.#cover(each, publishing.signal);
    const stopWaiting = this.#drainWhenAsked();
    const coverHole = (reason: HoleReason): Promise<number> => cover(holes.open(reason));
    try {
      const coveredUpTo = hole === null ? readUpTo : await cover(hole);
      const ports = { hold, cursor, publisher, budget, metrics, retention, coverHole, reading, publishing, onPage };
      const childlessUpTo = (): number | null => this.#context.childlessUpTo(hold.shardId);
      const onAcknowledged = (): void => void (this.#pageSinceMs = null);
      const endedAt = await syncShard({ ...options, ...ports, onAcknowledged, coveredUpTo, childlessUpTo });
      if (await endShard(hold, endedAt, { reader, leases, retry: publishing, calls })) {
        metrics.shardsEnded.value += 1;
        log.info({ shardId: hold.shardId }, 'the shard is read to its end');
        return 'ended';
      }
    } catch (error) {
      if (!isTidemarkError(error, 'ABORTED')) {
        log.error({ shardId: hold.shardId, error: messageOf(error) }, 'reading the shard broke off');
        hold.drop('broken off');
      }
    } finally {
      stopWaiting();
      cursor.close?.();
    }
    return this.#letGo();
  }

  #cover(hole: Hole, signal: AbortSignal): Promise<number> {
    const { metrics, holes, options } = this.#context;
    const { shardId } = this.hold;
    metrics.hole(hole.reason);
    options.log.warn(
      { shardId, reason: hole.reason },
      'records may be missing: nothing of the shard goes on before every table was flushed',
    );
    return holes.cover(hole, signal).then((begunAt) => {
      for (const skip of holes.skipped) this.hold.owe(skip.table, skip.hole);
      return begunAt;
    });
  }

  async #letGo(): Promise<ShardOutcome> {
    const { hold } = this;
    const { metrics, options } = this.#context;
    if (!hold.signal.aborted) {
      const outcome = await hold.release();
      if (outcome !== 'handed-over') return 'stopped';
      metrics.leasesHandedOver.value += 1;
      options.log.info({ shardId: hold.shardId, to: hold.row.owner }, 'the lease was handed over');
      return outcome;
    }
    metrics.leasesLost.value += 1;
    options.log.info(
      { shardId: hold.shardId, reason: hold.signal.reason as unknown },
      'the lease of the shard is over',
    );
    return 'lost';
  }

  #noticePage({ askedAt, millisBehindLatest, records }: ShardPage): void {
    const { metrics } = this.#context;
    if (millisBehindLatest !== null) this.#readTo = askedAt - millisBehindLatest;
    this.#pageSinceMs = this.#context.options.clock.monotonicMs();
    metrics.pages.value += 1;
    for (const { bytes } of records) metrics.streamBytes.value += bytes.byteLength;
  }

  get #unanswered(): string | null {
    const { clock, unansweredMs } = this.#context.options;
    const { askedSinceMs } = this.#cursor;
    const forMs = askedSinceMs === null ? 0 : clock.monotonicMs() - askedSinceMs;
    return forMs > unansweredMs ? unansweredText(readingShard, forMs) : null;
  }

  /** What was read is waited for so long, and not longer: the worker that asked is waiting. */
  #drainWhenAsked(): () => void {
    const { clock, handOverMs } = this.#context.options;
    let cancel = (): void => undefined;
    const onAsked = (): void => {
      cancel = clock.setTimer(() => this.#drained.abort('not drained in time'), handOverMs);
    };
    this.hold.asked.addEventListener('abort', onAsked, { once: true });
    return () => {
      this.hold.asked.removeEventListener('abort', onAsked);
      cancel();
    };
  }

  #retryUntil(...stop: readonly AbortSignal[]): Retry {
    const { clock, random, retryInitialMs, retryMaxMs } = this.#context.options;
    const signal = AbortSignal.any([this.hold.signal, ...stop]);
    return new Retry({ clock, random, initialMs: retryInitialMs, maxMs: retryMaxMs }, signal, this.#trouble);
  }
}
