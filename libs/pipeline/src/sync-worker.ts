import { isTidemarkError, messageOf, type TidemarkError, wait, withDeadline } from '@tidemark/runtime';
import { CallWatch } from './call-watch.js';
import { CredibleLeases } from './credible-leases.js';
import { EndedDebts } from './ended-debts.js';
import { HoledShards } from './holed-shards.js';
import { HoleFlush, type Skip } from './hole-flush.js';
import { alignLeaseTable } from './lease-alignment.js';
import { LeaseTaker } from './lease-taker.js';
import { MalformedLeases } from './malformed-leases.js';
import { OtherStreams } from './other-streams.js';
import { PageBudget } from './page-budget.js';
import { type ShardLease } from './ports.js';
import { Retry } from './retry.js';
import { ShardRunners } from './shard-runners.js';
import { StreamSpeaker } from './stream-speaker.js';
import { StreamSurvey, type Survey } from './stream-survey.js';
import { problemOf, type SyncHealth } from './sync-health.js';
import { type SyncGauges, SyncMetrics } from './sync-metrics.js';
import { resolveSyncOptions, type ResolvedSyncOptions, type SyncWorkerOptions } from './sync-options.js';
import { TablePublisher } from './table-publisher.js';
import { TroubleLog } from './trouble-log.js';
import { isOfStream, lowestOpen } from './watermark.js';
import { watchDestinations } from './watch-destinations.js';
import { within } from './within.js';

/** Time between two scans while a lease is to be handed over: nobody reads the shard from then on until the next, ms. */
const awaitingEveryMs = 250;

/**
 * One of any number of workers that read a stream into the table topics, sharing its shards by leases. Every `scanEveryMs` it reads the
 * lease table, takes what is its to take, and, if it reads the lowest open shard, publishes the watermark (`stream-speaker.ts`). Each shard then
 * runs by itself (`sync-shard.ts`). It starts whether or not the stream, the lease table and Kafka are there, and goes on trying.
 */
export class SyncWorker {
  /**
   * Rejects with `INVALID_CONFIGURATION` when the stream was found, at the start, to be one that must not be read, or the lease table to be another stream's; else it
   * never settles.
   */
  readonly failed: Promise<never>;
  readonly #options: ResolvedSyncOptions;
  readonly #metrics: SyncMetrics;
  readonly #publisher: TablePublisher;
  readonly #budget: PageBudget;
  readonly #trouble: TroubleLog;
  readonly #calls: CallWatch;
  readonly #survey: StreamSurvey;
  readonly #holes: HoleFlush;
  readonly #taker: LeaseTaker;
  readonly #runners: ShardRunners;
  readonly #speaker: StreamSpeaker;
  readonly #holed: HoledShards;
  readonly #malformed: MalformedLeases;
  readonly #credible: CredibleLeases;
  readonly #endedDebts: EndedDebts;
  readonly #stopReading = new AbortController();
  readonly #stopPublishing = new AbortController();
  readonly #others: OtherStreams;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #rows: readonly ShardLease[] = [];
  #scannedAtMs = -Infinity;
  #surveyedAtMs = -Infinity;
  #shortenings = 0;
  /** The survey that the lease table was last brought into line with. */
  #aligned: Survey | undefined;
  #fail: (error: TidemarkError) => void = () => undefined;

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: SyncWorkerOptions) {
    this.#options = resolveSyncOptions(options);
    const { log, workerId, clock, failoverMs } = this.#options;
    this.failed = new Promise((_resolve, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined);
    this.#metrics = new SyncMetrics(this.#options.metrics);
    this.#calls = new CallWatch(clock);
    this.#budget = new PageBudget(this.#options.pageBudgetBytes);
    this.#publisher = new TablePublisher({
      ...this.#options,
      metrics: this.#metrics,
      calls: this.#calls,
      debtRetry: this.#publishingRetry,
    });
    this.#trouble = new TroubleLog(log, { workerId }, (what) => this.#metrics.failed(what));
    this.#malformed = new MalformedLeases(this.#trouble);
    this.#credible = new CredibleLeases(this.#trouble);
    this.#others = new OtherStreams(failoverMs);
    this.#survey = this.#makeSurvey();
    const flushAll = (reason: string): Promise<readonly Skip[]> =>
      this.#publisher.flushAll(reason, this.#publishingRetry());
    this.#holes = new HoleFlush({ clock, log, metrics: this.#metrics, flushAll });
    this.#holed = new HoledShards(this.#holes);
    this.#endedDebts = new EndedDebts({
      ...{ debts: this.#publisher.debts, leases: this.#options.leases, call: this.#onLeases },
      ...{ observer: this.#trouble, signal: this.#stopPublishing.signal },
    });
    this.#runners = this.#makeRunners();
    this.#taker = new LeaseTaker({
      ...{ options: this.#options, metrics: this.#metrics, call: this.#onLeases },
      onTaken: (row, takenAtMs) => {
        this.#others.reads();
        this.#runners.start(row, this.#credible.of(row, clock.now()), this.#holed.of(row.shardId), takenAtMs);
      },
    });
    this.#speaker = this.#makeSpeaker();
    this.#metrics.observe(() => this.#gauges());
  }

  get workerId(): string {
    return this.#options.workerId;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Reads nothing more, waits up to `drainMs` (default 5,000) for what was read to be acknowledged, writes checkpoints, gives every lease back. */
  async stop(drainMs = 5_000): Promise<void> {
    this.#stopReading.abort('stopped');
    this.#wake();
    const cancel = this.#options.clock.setTimer(() => this.#stopPublishing.abort('not drained in time'), drainMs);
    await this.#running;
    await this.#runners.finished();
    await this.#speaker.ended();
    cancel();
    this.#stopPublishing.abort('stopped');
    await this.#flushesEnded();
  }

  /** Ends as a crash would: no checkpoint, no lease is given back. Resolves when nothing runs any more. */
  async kill(): Promise<void> {
    this.#stopReading.abort('killed');
    this.#stopPublishing.abort('killed');
    this.#runners.drop('killed');
    this.#wake();
    await this.#running;
    await this.#runners.finished();
    await this.#speaker.ended();
    await this.#flushesEnded();
  }

  health(): SyncHealth {
    const shards = this.#runners.health;
    const { clock, failoverMs, scanEveryMs, unansweredMs, workerId } = this.#options;
    const reason = problemOf({
      isRunning: this.#running !== undefined && !this.#stopReading.signal.aborted,
      trouble: this.#calls.unanswered(unansweredMs) ?? this.#trouble.lastError ?? this.#taker.problem,
      isScanLate: clock.monotonicMs() - this.#scannedAtMs > failoverMs + scanEveryMs,
      isSurveyed: this.#survey.latest !== undefined,
      shards,
      rows: this.#rows,
    });
    const withheldTables = this.#speaker.withheldTables(this.#rows);
    return { ready: reason === null, reason, workerId, shards, watermark: this.#speaker.watermark, withheldTables };
  }

  async #run(): Promise<void> {
    const { clock, scanEveryMs } = this.#options;
    while (!this.#stopReading.signal.aborted) {
      await this.#attempt('scanning the lease table', () => this.#scan());
      const pause = new AbortController();
      this.#wake = () => pause.abort();
      const pauseMs = this.#taker.awaits ? Math.min(scanEveryMs, awaitingEveryMs) : scanEveryMs;
      if (!this.#stopReading.signal.aborted) await wait(clock, pauseMs, pause.signal);
    }
  }

  async #scan(): Promise<void> {
    const { clock, scanEveryMs } = this.#options;
    // In this order: claims, rows, survey. It shows that the claims of both are about the stream that is there.
    const claims = this.#runners.noteClaims();
    const found = await this.#listLeases();
    this.#scannedAtMs = clock.monotonicMs();
    this.#malformed.note(found);
    const wasInLine = await this.#align(found);
    const asked = this.#isSurveyWanted(found) ? this.#survey.ask() : undefined;
    // Kinesis that answers late holds no lease up: what it says is used by the next scan.
    if (asked !== undefined) await within(clock, scanEveryMs, asked);
    if (this.#survey.refused !== undefined) return this.#readNothing(this.#survey.refused);
    this.#coverShortened();
    const isInLine = wasInLine && (await this.#align(found));
    const rows = isInLine ? found : await this.#listLeases();
    const current = this.#survey.latest;
    if (current === undefined) return;
    this.#taker.observe(rows);
    this.#rows = rows.filter((row) => isOfStream(row, current.stream.streamId));
    this.#credible.note(this.#rows, clock.now());
    this.#runners.note(this.#rows);
    this.#runners.dropLost(rows, current.stream.streamId);
    this.#holed.note(this.#rows, clock.now(), this.#survey.retention);
    // Where there is nothing to read, the looks in the table may be those of another stream's workers.
    if (this.#rows.length > 0) await this.#speaker.lookBeforeReading(this.#rows);
    await this.#taker.take(this.#rows, this.#runners.shardIds);
    this.#publisher.debts.look(this.#stopPublishing.signal);
    const all = rows.map((row) => this.#credible.of(row, clock.now()));
    this.#speaker.speak({ all, rows: this.#rows, claims, asked: isInLine ? asked : undefined });
  }

  #isSurveyWanted(rows: readonly ShardLease[]): boolean {
    const isDue = this.#scannedAtMs - this.#surveyedAtMs >= this.#options.shardListEveryMs;
    // Also where this worker asked for more than it has to, when it published.
    const isOwed = this.#survey.refused !== undefined || this.#survey.hasFailed || this.#survey.isOutdated;
    return isDue || isOwed || lowestOpen(rows) === undefined || this.#speaker.speaksBy(rows);
  }

  /** Also where the shard that passed over something has ended, or is another worker's by now, who knows nothing of it. */
  #coverShortened(): void {
    const { shortenings } = this.#survey.retention;
    if (shortenings === this.#shortenings) return;
    this.#shortenings = shortenings;
    const hole = this.#holes.open('records-may-have-expired');
    // Tried until it is acknowledged; it is given up with the worker alone.
    void this.#holes.cover(hole, this.#stopPublishing.signal).catch(() => undefined);
  }

  /** What is read of a stream that must not be read any more is let go of. */
  async #readNothing(error: TidemarkError): Promise<void> {
    if (this.#survey.latest === undefined) this.#fail(error);
    this.#speaker.fallSilent();
    if (this.#runners.size === 0) return;
    const tables = await this.#publisher.topics.knownTables(this.#options.scanEveryMs / 2, this.#stopReading.signal);
    await this.#runners.dropOwing(tables, error.message);
  }

  #listLeases(): Promise<readonly ShardLease[]> {
    return this.#onLeases('listing the leases', (signal) => this.#options.leases.list(signal));
  }

  async #flushesEnded(): Promise<void> {
    await Promise.all([this.#endedDebts.ended(), this.#holes.ended(), this.#publisher.debts.ended()]);
  }

  /** Resolves to whether the lease table, as it was read, is in line with the last survey. */
  async #align(rows: readonly ShardLease[]): Promise<boolean> {
    const survey = this.#survey.latest;
    if (survey === undefined) return true;
    if (!this.#mayUse(rows, survey)) return false;
    if (survey === this.#aligned) return true;
    const ports = { ...this.#options, metrics: this.#metrics, call: this.#onLeases };
    const outcome = await alignLeaseTable(rows, survey, ports);
    this.#surveyedAtMs = this.#options.clock.monotonicMs();
    if (outcome !== 'refused') this.#aligned = survey;
    return outcome === 'in-line';
  }

  /** `false`: workers of another stream may be using the lease table. That they do ends this one. */
  #mayUse(rows: readonly ShardLease[], { stream }: Survey): boolean {
    try {
      return this.#others.areGone(rows, stream.streamId, this.#options.clock.monotonicMs());
    } catch (error) {
      if (isTidemarkError(error, 'INVALID_CONFIGURATION')) this.#fail(error);
      throw error;
    }
  }

  readonly #publishingRetry = (): Retry => {
    const { clock, random, retryInitialMs, retryMaxMs } = this.#options;
    const backoff = { clock, random, initialMs: retryInitialMs, maxMs: retryMaxMs };
    return new Retry(backoff, this.#stopPublishing.signal, this.#trouble);
  };

  /** Runs `work`; a failure is remembered and told, and the next scan tries again. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#trouble.succeeded(what);
    } catch (error) {
      if (this.#stopReading.signal.aborted)
        this.#options.log.debug({ error: messageOf(error) }, `${what} was given up`);
      else this.#trouble.failed(what, error);
    }
  }

  readonly #onLeases = <T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { clock, leaseTimeoutMs: timeoutMs } = this.#options;
    const { signal } = this.#stopReading;
    return this.#calls.watch(what, () => withDeadline({ clock, timeoutMs, what, signal }, call));
  };

  #makeSurvey(): StreamSurvey {
    const { reader, names, clock, listTimeoutMs, retentionMarginMs } = this.#options;
    return new StreamSurvey({
      reader,
      topicPrefix: names.prefix,
      ...{ clock, retentionMarginMs },
      timeoutMs: listTimeoutMs,
      calls: this.#calls,
      observer: this.#trouble,
      signal: this.#stopReading.signal,
    });
  }

  #makeRunners(): ShardRunners {
    return new ShardRunners(
      {
        ...{ options: this.#options, publisher: this.#publisher, budget: this.#budget, metrics: this.#metrics },
        ...{ holes: this.#holes, calls: this.#calls },
        stopReading: this.#stopReading.signal,
        stopPublishing: this.#stopPublishing.signal,
        retention: this.#survey.retention,
        childlessUpTo: (shardId) => this.#survey.childlessUpTo(shardId),
      },
      () => this.#wake(),
    );
  }

  #makeSpeaker(): StreamSpeaker {
    const shared = { options: this.#options, metrics: this.#metrics, publisher: this.#publisher };
    const stopReading = this.#stopReading.signal;
    const destinations = watchDestinations({
      ...shared,
      ...{ calls: this.#calls, observer: this.#trouble, holes: this.#holes, publishing: this.#publishingRetry },
      stopReading,
    });
    return new StreamSpeaker({
      ...shared,
      ...{ survey: this.#survey, destinations, endedDebts: this.#endedDebts, runners: this.#runners },
      attempt: (what, work) => this.#attempt(what, work),
      stopReading,
    });
  }

  #gauges(): SyncGauges {
    const watermark = this.#speaker.watermark;
    return {
      shards: this.#runners.size,
      lagMs: this.#runners.lagMs,
      watermarkAgeMs: watermark === null ? null : this.#options.clock.now() - watermark,
      withheldTables: Object.keys(this.#speaker.withheldTables(this.#rows)).length,
      pageBytes: this.#budget.used,
      parkedTables: Object.keys(this.#publisher.debts.parked).length,
    };
  }
}
