import { messageOf, wait, withDeadline } from '@tidemark/runtime';
import { chooseLeases, LeaseObserver } from './lease-choice.js';
import { type Shard, type ShardLease, type StreamDescription } from './ports.js';
import { knownReadUpTo, missingLeases, removableLeases } from './shard-leases.js';
import { ShardRoll } from './shard-roll.js';
import { type ShardHealth, ShardRunner } from './shard-runner.js';
import { SyncMetrics } from './sync-metrics.js';
import { resolveSyncOptions, type ResolvedSyncOptions, type SyncWorkerOptions } from './sync-options.js';
import { TablePublisher } from './table-publisher.js';
import { TroubleLog } from './trouble-log.js';
import { coversKeySpace, isEnded, lowestOpen, watermarkOf } from './watermark.js';

export interface SyncHealth {
  /** Whether everything this worker has to do is done at present. */
  readonly ready: boolean;
  /** Why not, or `null`. */
  readonly reason: string | null;
  readonly workerId: string;
  /** Every shard that is not read to its end, others' too. */
  readonly shards: readonly ShardHealth[];
  /** The last watermark that this worker published, ms since the epoch; `null`: none. */
  readonly watermark: number | null;
}

/**
 * One of any number of workers that read a stream into the table topics, sharing its shards by leases. Every `scanEveryMs` it reads the
 * lease table, takes what is its to take, and, if it reads the lowest open shard, publishes the watermark. Each shard then runs by itself
 * (`sync-shard.ts`). It starts whether or not the stream, the lease table and Kafka are there, and goes on trying.
 */
export class SyncWorker {
  readonly #options: ResolvedSyncOptions;
  readonly #metrics: SyncMetrics;
  readonly #publisher: TablePublisher;
  readonly #trouble: TroubleLog;
  readonly #observer = new LeaseObserver();
  readonly #roll = new ShardRoll();
  readonly #runners = new Map<string, ShardRunner>();
  /** What this worker claimed of shards it reads or has read; stays true whoever reads them now. */
  readonly #claims = new Map<string, number>();
  readonly #stopReading = new AbortController();
  readonly #stopPublishing = new AbortController();
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;
  #stream: StreamDescription | undefined;
  #rows: readonly ShardLease[] = [];
  #scannedAtMs = -Infinity;
  #alignedAtMs = -Infinity;
  #watermark: number | null = null;

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: SyncWorkerOptions) {
    this.#options = resolveSyncOptions(options);
    this.#metrics = new SyncMetrics(this.#options.metrics);
    this.#publisher = new TablePublisher({ ...this.#options, metrics: this.#metrics });
    const { log, workerId } = this.#options;
    this.#trouble = new TroubleLog(log, { workerId }, (what) => this.#metrics.failed(what));
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
  }

  health(): SyncHealth {
    const open = this.#rows.filter((row) => !isEnded(row));
    const others = open
      .filter((row) => !this.#runners.has(row.shardId))
      .map(({ shardId, owner, readUpTo }) => ({ shardId, owner, lagMs: null, readUpTo, lastError: null }));
    const shards = [...[...this.#runners.values()].map((runner) => runner.health), ...others];
    const reason = this.#problem(shards);
    const { workerId } = this.#options;
    return { ready: reason === null, reason, workerId, shards, watermark: this.#watermark };
  }

  async #run(): Promise<void> {
    const { clock, scanEveryMs } = this.#options;
    while (!this.#stopReading.signal.aborted) {
      await this.#attempt('reading the lease table', () => this.#scan());
      const pause = new AbortController();
      this.#wake = () => pause.abort();
      if (!this.#stopReading.signal.aborted) await wait(clock, scanEveryMs, pause.signal);
    }
  }

  async #scan(): Promise<void> {
    const { clock, reader, leases, leaseTimeoutMs, listTimeoutMs, shardListEveryMs } = this.#options;
    const listLeases = (): Promise<readonly ShardLease[]> =>
      this.#timed('listing the leases', leaseTimeoutMs, (signal) => leases.list(signal));
    let rows = await listLeases();
    this.#scannedAtMs = clock.monotonicMs();
    if (this.#scannedAtMs - this.#alignedAtMs >= shardListEveryMs) {
      await this.#attempt('listing the shards', async () => {
        this.#stream = await this.#timed('describing the stream', listTimeoutMs, (signal) => reader.describe(signal));
        if (await this.#alignRows(rows, await this.#listShards())) rows = await listLeases();
        this.#alignedAtMs = clock.monotonicMs();
      });
    } else if (this.#isPublisher(rows)) {
      await this.#attempt('listing the shards', async () => void (await this.#listShards()));
    }
    this.#rows = rows;
    this.#observer.observe(rows, clock.monotonicMs());
    if (this.#stream === undefined) return;
    await this.#takeLeases(rows, this.#stream);
    this.#noteClaims(rows);
    const { streamId } = this.#stream;
    this.#publishing ??= this.#attempt('publishing the watermark', () => this.#publish(rows, streamId)).finally(() => {
      this.#publishing = undefined;
    });
  }

  /** Brings the lease table into line with the stream; resolves to whether a row was created. */
  async #alignRows(rows: readonly ShardLease[], shards: readonly Shard[]): Promise<boolean> {
    const { leases, leaseTimeoutMs, log } = this.#options;
    const missing = missingLeases(shards, rows);
    for (const lease of missing) {
      await this.#timed('creating a lease', leaseTimeoutMs, (signal) => leases.create(lease, signal));
      log.info({ shardId: lease.shardId }, 'a lease was created');
    }
    for (const lease of removableLeases(shards, rows)) {
      await this.#timed('removing a lease', leaseTimeoutMs, (signal) => leases.remove(lease, signal));
      log.info({ shardId: lease.shardId }, 'the lease of a shard that left the stream was removed');
    }
    return missing.length > 0;
  }

  async #listShards(): Promise<readonly Shard[]> {
    const { clock, reader, listTimeoutMs } = this.#options;
    const askedAt = clock.now();
    const shards = await this.#timed('listing the shards', listTimeoutMs, (signal) => reader.listShards(signal));
    this.#roll.note(shards, askedAt);
    return shards;
  }

  async #takeLeases(rows: readonly ShardLease[], { retentionMs }: StreamDescription): Promise<void> {
    const { clock, leases, leaseTimeoutMs, workerId, failoverMs, shardsMax, random, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const byId = new Map(rows.map((row) => [row.shardId, row]));
    const choices = chooseLeases({
      rows,
      workerId,
      held: new Set(this.#runners.keys()),
      stillMs: (lease) => this.#observer.stillMs(lease, nowMs),
      failoverMs,
      leasesMax: shardsMax,
      random,
    });
    for (const { lease, reason } of choices) {
      const takenAtMs = clock.monotonicMs();
      const taken = await this.#timed('taking a lease', leaseTimeoutMs, (signal) =>
        leases.take(lease, workerId, signal),
      );
      if (taken === undefined) continue;
      this.#metrics.leaseTaken(reason);
      log.info({ shardId: lease.shardId, reason, before: lease.owner }, 'a lease was taken');
      this.#startShard(taken, knownReadUpTo(lease, byId), takenAtMs, retentionMs);
    }
  }

  #startShard(row: ShardLease, readUpTo: number | null, takenAtMs: number, retentionMs: number): void {
    const runner = new ShardRunner(
      {
        options: this.#options,
        publisher: this.#publisher,
        metrics: this.#metrics,
        stopReading: this.#stopReading.signal,
        stopPublishing: this.#stopPublishing.signal,
        gapAfterMs: retentionMs - Math.min(this.#options.retentionMarginMs, retentionMs / 2),
      },
      row,
      readUpTo,
      takenAtMs,
    );
    this.#runners.set(row.shardId, runner);
    void runner.finished.then((outcome) => {
      this.#noteClaims(this.#rows);
      this.#runners.delete(row.shardId);
      if (outcome === 'ended') this.#wake();
    });
  }

  /** The owner of the lowest open shard speaks for all; the others only look whether Kafka is there. */
  async #publish(rows: readonly ShardLease[], streamId: string): Promise<void> {
    const { signal } = this.#stopReading;
    const isPublisher = this.#isPublisher(rows);
    if (!isPublisher) this.#watermark = null;
    const claimed = isPublisher ? watermarkOf(rows, this.#claims) : null;
    const bound = this.#roll.bound(rows);
    if (claimed === null || bound === null) return void (await this.#publisher.tableTopics(signal));
    const at = Math.min(claimed, bound);
    await this.#publisher.publishWatermark({ at, streamId }, this.#options.isWithheld, signal);
    this.#watermark = at;
    this.#metrics.watermarks.value += 1;
  }

  #isPublisher(rows: readonly ShardLease[]): boolean {
    return lowestOpen(rows)?.owner === this.#options.workerId;
  }

  #noteClaims(rows: readonly ShardLease[]): void {
    for (const [shardId, { hold }] of this.#runners)
      if (hold.readUpTo !== null)
        this.#claims.set(shardId, Math.max(this.#claims.get(shardId) ?? -Infinity, hold.readUpTo));
    const known = new Set(rows.map((row) => row.shardId));
    for (const shardId of this.#claims.keys())
      if (!known.has(shardId) && !this.#runners.has(shardId)) this.#claims.delete(shardId);
  }

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

  #timed<T>(what: string, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    return withDeadline({ clock, timeoutMs, what, signal: this.#stopReading.signal }, work);
  }

  #problem(shards: readonly ShardHealth[]): string | null {
    const { clock, failoverMs } = this.#options;
    if (this.#running === undefined || this.#stopReading.signal.aborted) return 'not running';
    const worker = this.#trouble.lastError;
    if (worker !== null) return worker;
    if (this.#stream === undefined || clock.monotonicMs() - this.#scannedAtMs > failoverMs + this.#options.scanEveryMs)
      return 'the lease table was not read lately';
    for (const { shardId, lastError } of shards) if (lastError !== null) return `${shardId}: ${lastError}`;
    const open = this.#rows.filter((row) => !isEnded(row));
    return coversKeySpace(open) ? null : 'the leases do not cover the key space of the stream';
  }

  #gauges(): { shards: number; lagMs: number | null; watermarkAgeMs: number | null } {
    const lags = [...this.#runners.values()].map((runner) => runner.health.lagMs ?? 0);
    return {
      shards: this.#runners.size,
      lagMs: lags.length === 0 ? null : Math.max(...lags),
      watermarkAgeMs: this.#watermark === null ? null : this.#options.clock.now() - this.#watermark,
    };
  }
}
