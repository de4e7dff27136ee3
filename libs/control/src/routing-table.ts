import { encodeRoute, type Route, targetsOf } from '@tidemark/protocol';
import { isTidemarkError, messageOf, MetricRegistry, withDeadline } from '@tidemark/runtime';

import { BrokenRoutes } from './broken-routes.js';
import { failureOf } from './failure-of.js';
import {
  checkPrecondition,
  repairedRoute,
  type RouteChange,
  routeDiff,
  routeNotFound,
  type RouteStamp,
} from './route-change.js';
import { type LedgerVerdict, RouteLedger } from './route-ledger.js';
import { namedTopics, operated, operationProblem, type RouteOperation } from './route-operation.js';
import { dumpedProblem, type ImportOptions, isMissing, restoredRoute, type RouteDump } from './route-dump.js';
import { Later } from './later.js';
import { OwnRecords } from './own-records.js';
import { createTopics, missingTopics } from './route-topics.js';
import { actorProblem, invalidRoute, type RouteLimits } from './route-validation.js';
import { notOpen, notSeen } from './routing-errors.js';
import { RoutingMetrics } from './routing-metrics.js';
import {
  type ChangeOptions,
  type PutLimits,
  type ResolvedRoutingTableOptions,
  resolveRoutingTableOptions,
  type RoutingTableOptions,
  type WriterState,
} from './routing-table-options.js';
import { SerialQueue } from './serial-queue.js';
import { WriterCandidacy } from './writer-candidacy.js';
import { WriterSeat } from './writer-seat.js';

/**
 * Where each table's events go, with compare-and-set. Kafka has none, so one writer decides: its changes run one after the other, each
 * reads the log to its end, checks the caller's version, appends, and waits to see its own record before it answers. A second writer is told apart
 * by its epoch. Readers ignore a lower one, this writer steps down before a higher one, and what two wrote at once is written anew
 * with a fresh `since`: a pod flushes once too often rather than once too seldom.
 */
export class RoutingTable {
  readonly #options: ResolvedRoutingTableOptions;
  readonly #limits: RouteLimits;
  readonly #ledger: RouteLedger;
  readonly #queue: SerialQueue;
  readonly #metrics: RoutingMetrics;
  readonly #seat: WriterSeat;
  readonly #candidacy: WriterCandidacy;
  readonly #own = new OwnRecords();
  readonly #broken = new BrokenRoutes();
  /** Tables whose records the log has lost, as far as they have not come again. */
  readonly #lost = new Set<string>();
  readonly #repairLater: Later;
  readonly #closing = new AbortController();
  #resets = 0;

  constructor(options: RoutingTableOptions) {
    this.#options = resolveRoutingTableOptions(options);
    const { names, allowedTopics, topicsMax, historyMax, pendingMax, clock, repairRetryMs } = this.#options;
    this.#limits = { names, allowedTopics, topicsMax };
    this.#ledger = new RouteLedger(historyMax);
    this.#seat = new WriterSeat(options.election);
    this.#queue = new SerialQueue(pendingMax);
    this.#repairLater = new Later(clock, repairRetryMs);
    this.#candidacy = this.#newCandidacy();
    const registry = options.metrics ?? new MetricRegistry();
    this.#metrics = new RoutingMetrics(registry);
    registry.onCollect(() => {
      this.#metrics.routes.value = this.#ledger.count;
      this.#metrics.writer.value = this.state.type === 'writer' ? 1 : 0;
    });
  }

  get state(): WriterState {
    return this.#seat.state;
  }

  /** Why routes can be neither read anew nor changed at present; `undefined`: the brokers answer. */
  get problem(): string | undefined {
    return this.#options.log.problem;
  }

  /** Reads the log to its end and becomes its writer, under the highest epoch seen + 1: at once, or as soon and as long as it is elected. */
  async open(): Promise<void> {
    await this.#options.log.open({
      onRoute: (route) => this.#onRoute(route),
      onUnreadable: (reason, unsupported) => this.#onUnreadable(reason, unsupported),
      onReset: () => this.#onReset(),
    });
    this.#candidacy.start();
  }

  /** Becomes the writer again after another one had taken over, unless another one is elected; nothing to do otherwise. */
  async takeOver(signal?: AbortSignal): Promise<void> {
    await this.#candidacy.takeOver(signal);
  }

  /** Leaves the election first, so that another one can take over meanwhile. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#repairLater.cancel();
    await this.#candidacy.close();
    await this.#options.log.close();
  }

  /** Live routes, sorted by table. */
  list(): readonly Route[] {
    this.#assertOpen();
    return this.#ledger.live();
  }

  /** Throws `ROUTE_NOT_FOUND`, also for a route that was deleted. */
  get(table: string): Route {
    this.#assertOpen();
    const route = this.#ledger.last(table);
    if (route === undefined || route.deleted) throw routeNotFound(table);
    return route;
  }

  /**
   * Changes of a table, newest first, deletions included: at most `historyMax`. From before this process began there is only what the
   * compacted topic still held, which is at least the last one. Throws `ROUTE_NOT_FOUND` for a table that never had a route.
   */
  history(table: string): readonly Route[] {
    const history = this.seen(table);
    if (history.length === 0) throw routeNotFound(table);
    return history;
  }

  /** As `history`; empty for a table that never had a route. */
  seen(table: string): readonly Route[] {
    this.#assertOpen();
    return this.#ledger.history(table);
  }

  /**
   * Sends a table's events to `topics` from now on. Fails with `ROUTE_INVALID` (context: `field`, `rule`), `ROUTE_CONFLICT` (context: `reason`,
   * `currentVersion`), `ROUTE_NOT_FOUND`, or retriably with what the brokers said; after `PUBLISH_FAILED` or `TIMEOUT` the change may still take place.
   */
  async put(table: string, topics: readonly string[], options: ChangeOptions & PutLimits): Promise<RouteChange> {
    const { limited } = options;
    return this.operate(table, { type: 'put', topics, ...(limited === undefined ? {} : { limited }) }, options);
  }

  /** Stops a table's events; they wait in its table topic. Fails as `put` does. */
  async delete(table: string, options: ChangeOptions & { readonly ifMatch: number }): Promise<RouteChange> {
    return this.operate(table, { type: 'delete' }, options);
  }

  /** Does one thing to a table's route. Fails as `put` does. */
  async operate(table: string, operation: RouteOperation, options: ChangeOptions): Promise<RouteChange> {
    return this.#counted(async () => {
      const problem = operationProblem(table, operation, this.#limits) ?? actorProblem(options.actor);
      if (problem !== undefined) throw invalidRoute(problem);
      this.#assertNotStandby();
      return this.#serially(operation.type, options.signal, (signal) =>
        this.#change(table, operation, options, signal),
      );
    });
  }

  /** Every route as it stands here, deletions included: what `importRoutes` needs to write the table anew. */
  export(): RouteDump {
    this.#assertOpen();
    return { writerEpoch: this.#ledger.epoch, exportedAt: this.#options.clock.now(), routes: this.#ledger.all() };
  }

  /**
   * Writes one exported route anew, where it is missing here; `false`: there is one above it already. `writerEpoch`: that of the export, which this
   * writer goes above. Fails as `put` does.
   */
  async restore(dumped: Route, writerEpoch: number, options: ImportOptions): Promise<boolean> {
    return this.#counted(async () => {
      const problem = dumpedProblem(dumped, this.#limits) ?? actorProblem(options.actor);
      if (problem !== undefined) throw invalidRoute(problem);
      this.#assertNotStandby();
      return this.#serially('import', options.signal, async (signal) => {
        await this.#options.log.barrier(signal);
        if (this.#seat.epoch <= writerEpoch) this.#seat.raise(writerEpoch + 1);
        const { table } = dumped;
        const current = this.#ledger.last(table);
        if (!isMissing(dumped, current, this.#lost.has(table))) return false;
        if (!dumped.deleted) this.#checkRoom(current);
        await this.#append(restoredRoute(dumped, current, this.#stamp(options.actor)), 'import', signal);
        this.#metrics.changed('import');
        return true;
      });
    });
  }

  async #change(
    table: string,
    operation: RouteOperation,
    { ifMatch, actor, dryRun = false }: ChangeOptions,
    signal: AbortSignal,
  ): Promise<RouteChange> {
    const { log, topics: admin, names, createTopics: create, tablePartitions } = this.#options;
    await log.barrier(signal);
    const stamp = this.#stamp(actor);
    const current = this.#ledger.last(table);
    checkPrecondition(table, current, ifMatch);
    this.#checkRoom(current);
    const route = operated(current, table, operation, stamp);
    const diff = routeDiff(current, route);
    const named = namedTopics(operation);
    const missing =
      named.length === 0 ? [] : await missingTopics(table, named, { admin, names, create, tablePartitions }, signal);
    const previous = current ?? null;
    if (!dryRun) await createTopics(missing, admin, signal);
    if (dryRun || route === current) return { previous, route, diff, written: false };
    await this.#append(route, operation.type, signal);
    this.#metrics.changed(operation.type);
    const { version, changedBy } = route;
    const changed = { table, version, operation: operation.type, topics: targetsOf(route).map(({ topic }) => topic) };
    this.#options.logger.info({ ...changed, changedBy }, 'route changed');
    return { previous, route, diff, written: true };
  }

  #checkRoom(current: Route | undefined): void {
    const { tablesMax } = this.#options;
    if ((current !== undefined && !current.deleted) || this.#ledger.count < tablesMax) return;
    throw invalidRoute({ field: 'table', rule: 'tables-max', message: `expected at most ${tablesMax} routes` });
  }

  /** Writes a record and waits until it comes back. A failed append may have been written all the same, so the log has the last word. */
  async #append(route: Route, operation: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    signal.throwIfAborted();
    if (this.#seat.epoch !== route.writerEpoch) throw notSeen(route);
    const pending = this.#own.begin(route, operation);
    try {
      const failure = await failureOf(log.append(route, AbortSignal.any([signal, this.#seat.term])));
      const unread = await failureOf(log.barrier(signal));
      if (pending.seen) return;
      if (unread !== undefined) throw unread;
      void this.#seat.epoch;
      throw failure ?? notSeen(route);
    } finally {
      this.#own.end();
    }
  }

  #onRoute(route: Route): void {
    const live = this.state.type !== 'closed';
    const own = this.#own.claim(route);
    const before = this.#ledger.last(route.table) ?? null;
    const verdict = this.#ledger.apply(route);
    this.#noteVerdict(route, before, verdict);
    if (verdict === 'repeated') return;
    if (own !== undefined && verdict !== 'stale') this.#noteDone(own, before, route);
    if (!live) return;
    if (own === undefined) this.#candidacy.stepDownBefore(route);
    if (verdict === 'accepted') return this.#broken.noteAccepted(route);
    // Two of the same epoch have both stepped down: the one whose record came second takes over, and nobody else does.
    if (own !== undefined && verdict === 'out-of-step' && this.state.type === 'superseded') this.#candidacy.become();
    this.#onBroken(route, verdict);
  }

  #noteVerdict(route: Route, before: Route | null, verdict: LedgerVerdict): void {
    if (isThere(route, before, verdict)) this.#lost.delete(route.table);
    else if (verdict === 'repeated') this.#lost.add(route.table);
    if (verdict === 'stale') this.#metrics.staleRecords.value += 1;
  }

  #noteDone({ pending, operation }: { pending: boolean; operation: string }, before: Route | null, after: Route): void {
    if (pending) this.#own.confirm();
    this.#options.onChanged({ operation, before, after });
  }

  /** Whoever writes puts it right; the others remember it, in case that they have to. */
  #onBroken(route: Route, verdict: 'out-of-step' | 'stale'): void {
    const { table, version, writerEpoch } = route;
    this.#broken.note(route);
    if (this.state.type !== 'writer') return;
    this.#options.logger.warn(
      { table, version, writerEpoch, verdict },
      'two writers at once; the route is written anew',
    );
    void this.#repair();
  }

  async #repair(): Promise<void> {
    this.#repairLater.cancel();
    try {
      await this.#serially('repair', undefined, (signal) => this.#repairAll(signal));
    } catch (error) {
      if (this.state.type !== 'writer') return;
      const { logger } = this.#options;
      logger.error({ error: messageOf(error), tables: this.#broken.tables }, 'a route could not be written anew');
      this.#repairLater.set(() => void this.#repair());
    }
  }

  async #repairAll(signal: AbortSignal): Promise<void> {
    for (const [table, foreignVersion] of this.#broken.all) {
      const route = repairedRoute(table, this.#ledger.last(table), foreignVersion, this.#stamp('routing-table'));
      await this.#append(route, 'repair', signal);
      this.#broken.delete(table);
      this.#metrics.changed('repair');
    }
  }

  /** What stands here stays; what the new log does not hold is missing to every process that starts, until it is written anew. */
  #onReset(): void {
    this.#metrics.resets.value += 1;
    this.#ledger.restart();
    for (const { table } of this.#ledger.all()) this.#lost.add(table);
    this.#options.logger.error(
      { routes: this.#ledger.count },
      'the routing topic has begun anew; export what stands here and import it, or import what was exported before',
    );
    void this.#readAnew();
  }

  /** Until the end of the new log, what was seen before is what it still holds; behind it, somebody has written it again. */
  async #readAnew(): Promise<void> {
    this.#resets += 1;
    const resets = this.#resets;
    try {
      await this.#options.log.barrier(this.#closing.signal);
      if (resets === this.#resets) this.#ledger.catchUp();
    } catch (error) {
      this.#options.logger.debug({ error: messageOf(error) }, 'the routing topic was not read to its new end');
    }
  }

  #onUnreadable(reason: string, unsupported: boolean): void {
    this.#metrics.unreadableRecords.value += 1;
    this.#options.logger.error({ reason, unsupported }, 'a record of the routing topic cannot be read');
    if (unsupported) this.#seat.refuse(reason);
  }

  #assertOpen(): void {
    if (this.state.type === 'closed') throw notOpen();
  }

  /** Whoever is not elected refuses at once: Kafka need not be asked for that. */
  #assertNotStandby(): void {
    const { type } = this.state;
    if (type === 'standby' || type === 'closed') void this.#seat.epoch;
  }

  #stamp(changedBy: string): RouteStamp {
    return { writerEpoch: this.#seat.epoch, changedAt: this.#options.clock.now(), changedBy };
  }

  #serially<T>(what: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    return withDeadline({ clock, timeoutMs, what: `routes.${what}`, signal }, (inner) =>
      this.#queue.run(async () => {
        inner.throwIfAborted();
        return work(inner);
      }),
    );
  }

  #newCandidacy(): WriterCandidacy {
    const { log, election, clock, logger } = this.#options;
    return new WriterCandidacy({
      ...{ seat: this.#seat, ledger: this.#ledger, election, clock, logger },
      atEnd: (what, signal, work) =>
        this.#serially(what, signal, async (inner) => {
          await log.barrier(inner);
          work();
        }),
      onWriter: () => {
        if (this.#broken.size > 0) void this.#repair();
      },
    });
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isTidemarkError(error)) this.#metrics.refused(error.code);
      throw error;
    }
  }
}

/** Whether the log holds what stands here. Of one that has begun anew, what comes again may be older: what stood here `before` is lost, then. */
function isThere(route: Route, before: Route | null, verdict: LedgerVerdict): boolean {
  if (verdict === 'accepted' || verdict === 'out-of-step') return true;
  return before !== null && encodeRoute(before) === encodeRoute(route);
}
