import { type Route, tableOfCdcTopic } from '@tidemark/protocol';
import {
  backoffMs,
  every,
  type Logger,
  messageOf,
  MetricRegistry,
  onAbort,
  thinned,
  TidemarkError,
  wait,
} from '@tidemark/runtime';

import { DispatchAnnouncer } from './dispatch-announcer.js';
import { replayedOf } from './dispatch-filter.js';
import { DispatchMetrics } from './dispatch-metrics.js';
import {
  type DispatcherOptions,
  type ResolvedDispatcherOptions,
  resolveDispatcherOptions,
} from './dispatch-options.js';
import { DispatchPartition } from './dispatch-partition.js';
import { DispatchRewinds } from './dispatch-rewinds.js';
import { DispatchRoutes } from './dispatch-routes.js';
import { DispatchSubscription } from './dispatch-subscription.js';
import { type DispatchContext, dispatchTable } from './dispatch-table.js';
import { type BatchOutcome, type SourceBatch, type TopicPartition } from './ports.js';
import { SendWatch } from './send-watch.js';

export interface DispatcherHealth {
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped';
  /** Routes are read, the group is joined wherever there is anything to consume, and not every target refuses what is sent. */
  readonly ready: boolean;
  readonly assignedPartitions: number;
  /** Tables consumed. */
  readonly tables: readonly string[];
  /** Tables that have a table topic and no route: their events wait. */
  readonly unroutedTables: readonly string[];
  /** Tables whose route is paused: their events wait, as somebody wants it. */
  readonly pausedTables: readonly string[];
  /** Tables whose events wait, all or some of them, because a topic is missing, does not fit, or takes nothing → why. */
  readonly heldTables: Readonly<Record<string, string>>;
  /** Target topics that did not take the last watermarks → why. */
  readonly failingTopics: Readonly<Record<string, string>>;
  /** Why it is not ready. */
  readonly reason: string | undefined;
}

/**
 * Carries each table's events from its table topic to the cache topics of its route. Nothing is kept but committed offsets: routes are read to the
 * end before the first dispatch and at every assignment, for a member that dispatched under an older route would leave pods stale for good.
 */
export class Dispatcher {
  readonly #options: ResolvedDispatcherOptions;
  readonly #routes = new DispatchRoutes();
  readonly #metrics: DispatchMetrics;
  readonly #subscription: DispatchSubscription;
  readonly #rewinds: DispatchRewinds;
  readonly #context: DispatchContext;
  readonly #announcer: DispatchAnnouncer;
  readonly #again: Pick<Logger, 'warn' | 'error'>;
  /** Aborted at the end: gives back what is in hand. */
  readonly #aborter = new AbortController();
  #state: DispatcherHealth['state'] = 'new';
  /** The last assignment, which is owned once the routes are read. */
  #assigned: readonly TopicPartition[] = [];
  /** By topic and partition number. */
  #owned = new Map<string, DispatchPartition>();
  /** Takes the routes of the topic that has begun anew last, once it is read to its end. */
  #take: () => boolean = () => false;
  /** Route changes alter the subscription from now on. */
  #follows = false;
  #stopTimers: () => void = () => undefined;
  #ended: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = resolveDispatcherOptions(options);
    const sends = new SendWatch(this.#options.sink, this.#options.clock);
    this.#again = thinned(this.#options.logger, this.#options.clock);
    const registry = options.metrics ?? new MetricRegistry();
    this.#metrics = new DispatchMetrics(registry);
    this.#subscription = new DispatchSubscription(this.#options, this.#routes, this.#aborter.signal);
    this.#rewinds = new DispatchRewinds(this.#options, this.#routes, this.#metrics, this.#aborter.signal);
    this.#announcer = new DispatchAnnouncer(
      this.#options,
      sends,
      this.#metrics,
      (table) => this.#subscription.planNow(table),
      this.#aborter.signal,
    );
    this.#context = {
      ...this.#options,
      sink: sends,
      metrics: this.#metrics,
      plan: (table, signal) => this.#subscription.plan(table, signal),
      target: (table, topic) => this.#routes.target(table, topic),
      onBrokenTopic: (topic, problem) => this.#subscription.topics.broken(topic, problem),
    };
    registry.onCollect(() => this.#collect());
  }

  /** Reads the routes, joins the group, and begins, however long the brokers take; fails as the ports do, and must then be stopped. */
  async start(): Promise<void> {
    if (this.#state !== 'new')
      throw new TidemarkError('CLOSED', 'the dispatcher was started before', { retriable: false });
    this.#state = 'starting';
    const { clock, routes, source, announceIntervalMs, refreshIntervalMs } = this.#options;
    const onReset = (): void => void this.#onRoutesReset();
    await routes.open((route) => this.#onRoute(route), onReset);
    await this.#readRoutes();
    if (this.#ended !== undefined) return;
    await source.start({
      onAssigned: (partitions) => this.#onAssigned(partitions),
      onBatch: (batch, signal, closing) => this.#onBatch(batch, signal, closing),
    });
    this.#follows = true;
    await this.#subscription.refresh('everything');
    if (this.#ended !== undefined) return;
    const stopAnnouncing = every(clock, announceIntervalMs, () => void this.#announcer.announce(this.#owned.values()));
    const stopRefreshing = every(clock, refreshIntervalMs, async () => {
      await this.#confirmRoutes();
      this.#rewinds.look(this.#owned.values());
      await this.#subscription.refresh('everything');
    });
    this.#stopTimers = () => {
      stopAnnouncing();
      stopRefreshing();
    };
    this.#state = 'running';
  }

  /** Ends the batches in hand and commits them; gives back what has not ended by `drainTimeoutMs`. */
  stop(): Promise<void> {
    this.#ended ??= this.#end(this.#options.drainTimeoutMs);
    return this.#ended;
  }

  /** Gives everything back at once, uncommitted, as a process that dies would. */
  kill(): Promise<void> {
    this.#aborter.abort(new TidemarkError('ABORTED', 'the dispatcher was killed', { retriable: false }));
    this.#ended ??= this.#end(0);
    return this.#ended;
  }

  health(): DispatcherHealth {
    const { tables, unrouted } = this.#subscription;
    const failing = this.#announcer.failing();
    const reason = this.#whyNotReady(failing);
    return {
      state: this.#state,
      ready: reason === undefined,
      assignedPartitions: this.#owned.size,
      tables,
      unroutedTables: unrouted,
      pausedTables: this.#routes.paused(),
      heldTables: this.#held(),
      failingTopics: Object.fromEntries(failing),
      reason,
    };
  }

  /** Routed tables whose events wait, and why. */
  #held(): Readonly<Record<string, string>> {
    const { names, source } = this.#options;
    const refused = this.#routes.tables().filter((table) => source.refused?.has(names.cdc(table)) === true);
    const unread = refused.map((table) => [table, `the brokers hand over nothing of ${names.cdc(table)}`]);
    return { ...this.#subscription.held, ...(Object.fromEntries(unread) as Record<string, string>) };
  }

  #whyNotReady(failing: ReadonlyMap<string, string>): string | undefined {
    const { routes, source } = this.#options;
    if (this.#state === 'stopping' || this.#state === 'stopped') return this.#state;
    if (routes.problem !== undefined) return `the routing topic: ${routes.problem}`;
    if (source.problem !== undefined) return `the table topics: ${source.problem}`;
    if (this.#state !== 'running') return this.#state === 'new' ? 'not started' : 'starting';
    if (!this.#subscription.settled) return 'the group is being joined';
    return this.#announcer.whyNone(failing);
  }

  async #end(drainMs: number): Promise<void> {
    const { clock, source, routes } = this.#options;
    this.#state = 'stopping';
    this.#follows = false;
    this.#stopTimers();
    const abort = (): void =>
      this.#aborter.abort(new TidemarkError('ABORTED', 'the dispatcher stops', { retriable: false }));
    const cancel = clock.setTimer(abort, drainMs);
    await Promise.allSettled([source.stop()]);
    cancel();
    abort();
    await Promise.allSettled([routes.close()]);
    this.#own([]);
    this.#state = 'stopped';
  }

  #onRoute(route: Route): void {
    const { table, version, writerEpoch } = route;
    if (!this.#routes.apply(route)) {
      this.#metrics.staleRoutes.value += 1;
      this.#options.logger.warn({ table, version, writerEpoch }, 'dispatcher: ignored a route of a superseded writer');
      return;
    }
    this.#routesChanged();
  }

  #routesChanged(): void {
    if (!this.#follows) return;
    void this.#subscription.refresh('changed');
    void this.#confirmRoutes();
  }

  /** What is in force stays so until the new topic is read, and beyond that for a table that it does not name. */
  async #onRoutesReset(): Promise<void> {
    this.#options.logger.error(
      {},
      'dispatcher: the routing topic has begun anew; its routes stay in force until others come',
    );
    const take = this.#routes.beginAgain();
    this.#take = take;
    await this.#readRoutes();
    // An assignment may have taken them meanwhile, and withheld none of them.
    if (!this.#aborter.signal.aborted && (take() || this.#routes.pending)) this.#routesChanged();
  }

  /**
   * Blocks until the routes are read to their end, however long that takes: dispatching under old ones would be worse. By then the partitions may
   * have been assigned anew, and that assignment have been taken already.
   */
  async #onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    this.#assigned = partitions;
    for (const owned of this.#owned.values()) owned.revoke();
    await this.#readAllRoutes();
    await this.#confirmRoutes();
    if (this.#assigned !== partitions || this.#aborter.signal.aborted) return;
    if (this.#routes.withhold()) void this.#confirmSoon(partitions);
    this.#own(partitions);
    this.#subscription.assigned();
    this.#metrics.assignments.value += 1;
    this.#rewinds.look(this.#owned.values());
    void this.#announcer.announce(this.#owned.values());
  }

  /** The tables of routes that are withheld stand still until they are confirmed. */
  async #confirmSoon(partitions: readonly TopicPartition[]): Promise<void> {
    const { clock, random, retryMaxMs, logger } = this.#options;
    const { signal } = this.#aborter;
    logger.warn({}, 'dispatcher: the group has changed again; tables whose route is newer wait until it is confirmed');
    for (let attempt = 1; this.#routes.pending && this.#assigned === partitions && !signal.aborted; attempt += 1) {
      await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: retryMaxMs, random }), signal);
      await this.#confirmRoutes();
    }
  }

  /** Puts into force what was heard, once the partitions are confirmed; what cannot be confirmed waits for the next assignment, or the next look. */
  async #confirmRoutes(): Promise<void> {
    const { source } = this.#options;
    while (this.#routes.pending && !this.#aborter.signal.aborted) {
      const adopt = this.#routes.toAdopt();
      if (source.confirm !== undefined && !(await source.confirm(this.#aborter.signal))) return;
      adopt();
      this.#rewinds.look(this.#owned.values());
      void this.#subscription.refresh('changed');
    }
  }

  /** Those of a topic that has begun anew, too. */
  async #readAllRoutes(): Promise<void> {
    let take;
    do {
      take = this.#take;
      await this.#readRoutes();
    } while (take !== this.#take && !this.#aborter.signal.aborted);
    take();
  }

  async #readRoutes(): Promise<void> {
    const { clock, routes, random, retryMaxMs } = this.#options;
    const { signal } = this.#aborter;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        return await routes.barrier(signal);
      } catch (error) {
        this.#again.warn(
          { error: messageOf(error) },
          'dispatcher: could not read the routes to their end, trying again',
        );
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: retryMaxMs, random }), signal);
      }
    }
  }

  #own(partitions: readonly TopicPartition[]): void {
    for (const owned of this.#owned.values()) owned.revoke();
    this.#owned = new Map(
      partitions.flatMap(({ topic, partition }) => {
        const table = tableOfCdcTopic(this.#options.names, topic);
        return table === undefined ? [] : [[placeOf(topic, partition), new DispatchPartition(table, partition)]];
      }),
    );
  }

  async #onBatch(batch: SourceBatch, sourceSignal: AbortSignal, closing?: AbortSignal): Promise<BatchOutcome> {
    const { clock } = this.#options;
    const owned = this.#owned.get(placeOf(batch.topic, batch.partition));
    if (owned === undefined || this.#aborter.signal.aborted) return 'hold';
    if (batch.afterGap === true) this.#noteGap(batch);
    else if (batch.uncharted === true && this.#routes.inForce(owned.table) !== undefined) this.#noteUncharted(batch);
    const { signal, release } = eitherSignal(sourceSignal, this.#aborter.signal);
    const startMs = clock.monotonicMs();
    const records = replayedOf(batch, this.#routes.inForce(owned.table));
    owned.replaying = batch.rewind !== undefined && batch.nextOffset < batch.rewind.until;
    const outcome = await dispatchTable({ ...batch, records }, owned, this.#context, { signal, closing }).finally(
      release,
    );
    this.#metrics.batchSeconds.observe((clock.monotonicMs() - startMs) / 1_000);
    if (outcome.type !== 'hold') return outcome.type === 'commit' ? 'commit' : { commitTo: outcome.commitTo };
    this.#metrics.held(outcome.why);
    if (outcome.why !== 'ended') this.#hold(batch, owned.table, outcome);
    return 'hold';
  }

  /** What somebody wants so, or waits for a route, has been said of its table. */
  #hold(batch: SourceBatch, table: string, { why, reason }: { readonly why: string; readonly reason: string }): void {
    const { topic, partition } = batch;
    if (why !== 'unrouted') this.#again.warn({ table, partition, reason }, 'dispatcher: a batch is held');
    this.#subscription.hold(
      { topic, partition },
      table,
      reason,
      why === 'unpublished' ? this.#options.refreshIntervalMs : 0,
    );
  }

  #noteGap({ topic, partition, firstOffset }: SourceBatch): void {
    this.#metrics.gaps.value += 1;
    this.#options.logger.error(
      { topic, partition, firstOffset: String(firstOffset) },
      'dispatcher: records were lost, flushing the partition',
    );
  }

  #noteUncharted({ topic, partition, firstOffset }: SourceBatch): void {
    this.#options.logger.info(
      { topic, partition, firstOffset: String(firstOffset) },
      'dispatcher: the group has no offset of this partition yet, flushing it first',
    );
  }

  #collect(): void {
    const { unrouted } = this.#subscription;
    this.#metrics.assignedPartitions.value = this.#owned.size;
    this.#metrics.routedTables.value = this.#routes.tables().length;
    this.#metrics.unroutedTables.value = unrouted.length;
    this.#metrics.pausedTables.value = this.#routes.paused().length;
    this.#metrics.waiting([...unrouted, ...this.#routes.paused()].map((table) => this.#options.names.cdc(table)));
    this.#metrics.heldTables.value = Object.keys(this.#held()).length;
    this.#metrics.replayingPartitions.value = [...this.#owned.values()].filter(({ replaying }) => replaying).length;
    this.#metrics.watermarkAge.value = this.#watermarkAgeSeconds();
  }

  #watermarkAgeSeconds(): number {
    let oldest: number | undefined;
    for (const { passed, table } of this.#owned.values())
      if (passed !== undefined && this.#routes.live(table) !== undefined)
        oldest = Math.min(oldest ?? Infinity, passed.at);
    return oldest === undefined ? 0 : Math.max(0, this.#options.clock.now() - oldest) / 1_000;
  }
}

function placeOf(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

/** A signal aborted with the first of two; `release` lets go of them. */
function eitherSignal(a: AbortSignal, b: AbortSignal): { readonly signal: AbortSignal; readonly release: () => void } {
  const aborter = new AbortController();
  const abort = (): void => aborter.abort(a.aborted ? a.reason : b.reason);
  const releases = [a, b].map((each) => onAbort(each, abort));
  if (a.aborted || b.aborted) abort();
  const release = (): void => releases.forEach((end) => end());
  return { signal: aborter.signal, release };
}
