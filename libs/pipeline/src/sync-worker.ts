import { messageOf, type TidemarkError, wait, withDeadline } from '@tidemark/runtime';
import { CallWatch } from './call-watch.js';
import { type DestinationWatch } from './destination-watch.js';
import { EndedDebts } from './ended-debts.js';
import { HoledShards } from './holed-shards.js';
import { HoleFlush, type Skip } from './hole-flush.js';
import { alignLeaseTable } from './lease-alignment.js';
import { LeaseTaker } from './lease-taker.js';
import { MalformedLeases } from './malformed-leases.js';
import { PageBudget } from './page-budget.js';
import { type ShardLease } from './ports.js';
import { Retry } from './retry.js';
import { type ClaimsSnapshot, ShardClaims } from './shard-claims.js';
import { knownReadUpTo } from './shard-leases.js';
import { type ShardHealth, ShardRunner } from './shard-runner.js';
import { StreamSurvey, type Survey } from './stream-survey.js';
import { problemOf, type SyncHealth } from './sync-health.js';
import { type SyncGauges, SyncMetrics } from './sync-metrics.js';
import { resolveSyncOptions, type ResolvedSyncOptions, type SyncWorkerOptions } from './sync-options.js';
import { TablePublisher } from './table-publisher.js';
import { TroubleLog } from './trouble-log.js';
import { isEnded, isOfStream, lowestOpen, watermarkOf } from './watermark.js';
import { watchDestinations } from './watch-destinations.js';
import { within } from './within.js';

/** How old the list of topics may be with a worker that only looks whether Kafka is there, ms. */
const kafkaLookEveryMs = 2_000;

/** Time between two scans while a lease is to be handed over: nobody reads the shard from then on until the next, ms. */
const awaitingEveryMs = 250;

/**
 * One of any number of workers that read a stream into the table topics, sharing its shards by leases. Every `scanEveryMs` it reads the
 * lease table, takes what is its to take, and, if it reads the lowest open shard, publishes the watermark. Each shard then runs by itself
 * (`sync-shard.ts`). It starts whether or not the stream, the lease table and Kafka are there, and goes on trying.
 */
export class SyncWorker {
  /** Rejects with `INVALID_CONFIGURATION` when the stream was found, at the start, to be one that must not be read; else it never settles. */
  readonly failed: Promise<never>;
  readonly #options: ResolvedSyncOptions;
  readonly #metrics: SyncMetrics;
  readonly #publisher: TablePublisher;
  readonly #budget: PageBudget;
  readonly #trouble: TroubleLog;
  readonly #calls: CallWatch;
  readonly #survey: StreamSurvey;
  readonly #holes: HoleFlush;
  readonly #destinations: DestinationWatch | undefined;
  readonly #taker: LeaseTaker;
  readonly #runners = new Map<string, ShardRunner>();
  readonly #holed: HoledShards;
  readonly #malformed: MalformedLeases;
  readonly #endedDebts: EndedDebts;
  readonly #claims = new ShardClaims();
  readonly #stopReading = new AbortController();
  readonly #stopPublishing = new AbortController();
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #rows: readonly ShardLease[] = [];
  #scannedAtMs = -Infinity;
  #surveyedAtMs = -Infinity;
  /** The survey that the lease table was last brought into line with. */
  #aligned: Survey | undefined;
  #watermark: number | null = null;
  #fail: (error: TidemarkError) => void = () => undefined;

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: SyncWorkerOptions) {
    this.#options = resolveSyncOptions(options);
    const { log, workerId, clock, reader, names, listTimeoutMs } = this.#options;
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
    this.#survey = new StreamSurvey({
      reader,
      topicPrefix: names.prefix,
      clock,
      timeoutMs: listTimeoutMs,
      calls: this.#calls,
      observer: this.#trouble,
      signal: this.#stopReading.signal,
    });
    const flushAll = (reason: string): Promise<readonly Skip[]> =>
      this.#publisher.flushAll(reason, this.#publishingRetry());
    this.#holes = new HoleFlush({ clock, log, metrics: this.#metrics, flushAll });
    this.#holed = new HoledShards(this.#holes);
    this.#endedDebts = new EndedDebts({
      ...{ debts: this.#publisher.debts, leases: this.#options.leases, call: this.#onLeases },
      ...{ observer: this.#trouble, signal: this.#stopPublishing.signal },
    });
    this.#taker = new LeaseTaker({
      ...{ options: this.#options, metrics: this.#metrics, call: this.#onLeases },
      onTaken: (row, takenAtMs) => this.#startShard(row, takenAtMs),
    });
    this.#destinations = watchDestinations({
      ...{ options: this.#options, metrics: this.#metrics, calls: this.#calls, observer: this.#trouble },
      ...{ publisher: this.#publisher, holes: this.#holes, publishing: this.#publishingRetry },
      stopReading: this.#stopReading.signal,
    });
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
    await Promise.all([...this.#runners.values()].map((runner) => runner.finished));
    await this.#publishing;
    cancel();
    this.#stopPublishing.abort('stopped');
    await this.#flushesEnded();
  }

  /** Ends as a crash would: no checkpoint, no lease is given back. Resolves when nothing runs any more. */
  async kill(): Promise<void> {
    this.#stopReading.abort('killed');
    this.#stopPublishing.abort('killed');
    for (const { hold } of this.#runners.values()) hold.drop('killed');
    this.#wake();
    await this.#running;
    await Promise.all([...this.#runners.values()].map((runner) => runner.finished));
    await this.#publishing;
    await this.#flushesEnded();
  }

  health(): SyncHealth {
    const others = this.#rows
      .filter((row) => !isEnded(row) && !this.#runners.has(row.shardId))
      .map(({ shardId, owner, readUpTo }) => ({ shardId, owner, lagMs: null, readUpTo, lastError: null }));
    const shards = [...[...this.#runners.values()].map((runner) => runner.health), ...others];
    const reason = this.#problem(shards);
    const { workerId } = this.#options;
    const withheldTables = this.#withheldTables;
    return { ready: reason === null, reason, workerId, shards, watermark: this.#watermark, withheldTables };
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
    const claims = this.#noteClaims();
    const found = await this.#listLeases();
    this.#scannedAtMs = clock.monotonicMs();
    this.#malformed.note(found);
    const wasInLine = await this.#align(found);
    const asked = this.#isSurveyWanted(found) ? this.#survey.ask() : undefined;
    // Kinesis that answers late holds no lease up: what it says is used by the next scan.
    if (asked !== undefined) await within(clock, scanEveryMs, asked);
    if (this.#survey.refused !== undefined) return this.#readNothing(this.#survey.refused);
    const isInLine = wasInLine && (await this.#align(found));
    const rows = isInLine ? found : await this.#listLeases();
    const current = this.#survey.latest;
    if (current === undefined) return;
    this.#taker.observe(rows);
    this.#rows = rows.filter((row) => isOfStream(row, current.stream.streamId));
    this.#dropLost(rows, current.stream.streamId);
    this.#holed.note(this.#rows, clock.now(), this.#gapAfterMs);
    await this.#lookBeforeReading();
    await this.#taker.take(this.#rows, new Set(this.#runners.keys()));
    this.#publisher.debts.look(this.#stopPublishing.signal);
    if (this.#isPublisher(this.#rows)) this.#endedDebts.pay(this.#rows);
    // Beside publishing, which may have to wait for Kafka or Kinesis: what is not looked at in time must be flushed.
    if (this.#isPublisher(this.#rows)) void this.#lookAtDestinations().catch(() => undefined);
    this.#publishing ??= this.#attempt('publishing the watermark to Kafka', () =>
      this.#publish(rows, claims, isInLine ? asked : undefined),
    ).finally(() => (this.#publishing = undefined));
  }

  #isSurveyWanted(rows: readonly ShardLease[]): boolean {
    const isDue = this.#scannedAtMs - this.#surveyedAtMs >= this.#options.shardListEveryMs;
    const isRefused = this.#survey.refused !== undefined;
    return isDue || isRefused || lowestOpen(rows) === undefined || this.#isPublisher(rows);
  }

  /** What is read of a stream that must not be read any more is let go of. */
  async #readNothing(error: TidemarkError): Promise<void> {
    if (this.#survey.latest === undefined) this.#fail(error);
    this.#watermark = null;
    if (this.#runners.size === 0) return;
    const tables = await this.#publisher.knownTables(this.#options.scanEveryMs / 2, this.#stopReading.signal);
    await Promise.all([...this.#runners.values()].map(({ hold }) => hold.dropOwing(tables, error.message)));
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
    if (survey === undefined || survey === this.#aligned) return true;
    const ports = { ...this.#options, metrics: this.#metrics, call: this.#onLeases };
    const outcome = await alignLeaseTable(rows, survey, ports);
    this.#surveyedAtMs = this.#options.clock.monotonicMs();
    if (outcome !== 'refused') this.#aligned = survey;
    return outcome === 'in-line';
  }

  /** Lets go of shards that are somebody else's now, or of a stream that is there no more. */
  #dropLost(rows: readonly ShardLease[], streamId: string): void {
    for (const row of rows) this.#runners.get(row.shardId)?.hold.observe(row);
    for (const { hold } of this.#runners.values())
      if (hold.row.streamId !== streamId) hold.drop('of a stream that was replaced');
  }

  #startShard(row: ShardLease, takenAtMs: number): void {
    const hole = this.#holed.of(row.shardId);
    const readUpTo = knownReadUpTo(row, new Map(this.#rows.map((each) => [each.shardId, each])));
    const runner = new ShardRunner(
      {
        options: this.#options,
        ...{ publisher: this.#publisher, budget: this.#budget },
        metrics: this.#metrics,
        holes: this.#holes,
        calls: this.#calls,
        stopReading: this.#stopReading.signal,
        stopPublishing: this.#stopPublishing.signal,
        gapAfterMs: () => this.#gapAfterMs,
      },
      { row, readUpTo, hole, takenAtMs },
    );
    this.#runners.set(row.shardId, runner);
    void runner.finished.then((outcome) => {
      this.#noteClaims();
      this.#runners.delete(row.shardId);
      if (outcome === 'ended') this.#wake();
    });
  }

  /** Further behind than this, records may have left the stream unread, ms. */
  get #gapAfterMs(): number {
    const retentionMs = this.#survey.latest?.stream.retentionMs ?? Infinity;
    return retentionMs - Math.min(this.#options.retentionMarginMs, retentionMs / 2);
  }

  /** The owner of the lowest open shard speaks for all; the others only look whether Kafka is there. */
  async #publish(
    rows: readonly ShardLease[],
    claims: ClaimsSnapshot,
    asked: Promise<Survey | undefined> | undefined,
  ): Promise<void> {
    const { scanEveryMs } = this.#options;
    const { signal } = this.#stopReading;
    if (!this.#isPublisher(this.#rows)) {
      this.#watermark = null;
      return void (await this.#publisher.tableTopics(signal, kafkaLookEveryMs));
    }
    const survey = await asked;
    const at = survey === undefined ? null : this.#watermarkAt(rows, claims, survey);
    await this.#lookAtDestinations();
    if (survey === undefined || at === null) return void (await this.#publisher.tableTopics(signal));
    const watermark = { at, streamId: survey.stream.streamId };
    // Debts as they are now: one that is settled by now was settled by a flush that is acknowledged.
    const owed = new Set([...rows.flatMap((row) => row.owes ?? []), ...this.#owedTables]);
    const isWithheld = (table: string): boolean => owed.has(table) || this.#destinations?.mayPublish(table) === false;
    const sent = await this.#publisher.publishWatermark(watermark, isWithheld, scanEveryMs, signal);
    if (sent.acknowledged > 0) {
      this.#watermark = at;
      this.#metrics.watermarks.value += 1;
    }
    if (sent.failure !== undefined) throw sent.failure;
  }

  /** What the rows and this worker's own claims prove of the stream that was there after they were made. */
  #watermarkAt(rows: readonly ShardLease[], claims: ClaimsSnapshot, { stream }: Survey): number | null {
    const own = rows.filter((row) => isOfStream(row, stream.streamId));
    const claimed = watermarkOf(own, claims(stream.streamId));
    const bound = this.#survey.bound(own);
    return claimed === null || bound === null ? null : Math.min(claimed, bound);
  }

  #isPublisher(rows: readonly ShardLease[]): boolean {
    return lowestOpen(rows)?.owner === this.#options.workerId;
  }

  /** Whoever may come to publish looks before it reads anything, so that one flush covers what both find. What fails here, `#publish` tells. */
  async #lookBeforeReading(): Promise<void> {
    const owner = lowestOpen(this.#rows)?.owner ?? null;
    if (this.#runners.size === 0 && owner === null) await this.#lookAtDestinations().catch(() => undefined);
  }

  /** Waits for the answers no longer than a scan may be late. */
  async #lookAtDestinations(): Promise<void> {
    const { clock, scanEveryMs } = this.#options;
    const watch = this.#destinations;
    if (watch === undefined) return;
    this.#looking ??= this.#publisher
      .knownTables(scanEveryMs / 2, this.#stopReading.signal)
      .then((tables) => watch.look(tables))
      .finally(() => (this.#looking = undefined));
    await within(clock, scanEveryMs, this.#looking);
  }

  get #withheldTables(): Readonly<Record<string, string>> {
    const owing = this.#rows.flatMap((row) => row.owes ?? []).concat(this.#owedTables);
    const owed = Object.fromEntries(owing.map((table) => [table, 'a flush is owed']));
    const watched = this.#isPublisher(this.#rows) ? (this.#destinations?.withheld ?? {}) : {};
    return { ...watched, ...owed, ...this.#publisher.debts.parked };
  }

  get #owedTables(): readonly string[] {
    const holds = [...this.#runners.values()].map(({ hold }) => hold);
    return [...holds.flatMap(({ owes }) => [...owes.keys()]), ...Object.keys(this.#publisher.debts.parked)];
  }

  #noteClaims(): ClaimsSnapshot {
    this.#claims.note(
      [...this.#runners.values()].map(({ hold }) => hold),
      this.#rows,
    );
    return this.#claims.snapshot();
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

  #problem(shards: readonly ShardHealth[]): string | null {
    const { clock, failoverMs, scanEveryMs, unansweredMs } = this.#options;
    return problemOf({
      isRunning: this.#running !== undefined && !this.#stopReading.signal.aborted,
      trouble: this.#calls.unanswered(unansweredMs) ?? this.#trouble.lastError,
      isScanLate: clock.monotonicMs() - this.#scannedAtMs > failoverMs + scanEveryMs,
      isSurveyed: this.#survey.latest !== undefined,
      shards,
      rows: this.#rows,
    });
  }

  #gauges(): SyncGauges {
    const lags = [...this.#runners.values()].map((runner) => runner.lagMsMin);
    return {
      shards: this.#runners.size,
      lagMs: Math.max(0, ...lags),
      watermarkAgeMs: this.#watermark === null ? null : this.#options.clock.now() - this.#watermark,
      withheldTables: Object.keys(this.#withheldTables).length,
      pageBytes: this.#budget.used,
      parkedTables: Object.keys(this.#publisher.debts.parked).length,
    };
  }
}
