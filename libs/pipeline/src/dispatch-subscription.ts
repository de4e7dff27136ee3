import { tableOfCdcTopic, targetsOf } from '@tidemark/protocol';
import { type Logger, messageOf, thinned, withDeadline } from '@tidemark/runtime';

import { type ResolvedDispatcherOptions } from './dispatch-options.js';
import { planTable, type TablePlan } from './dispatch-plan.js';
import { type DispatchRoutes } from './dispatch-routes.js';
import { DispatchTopics } from './dispatch-topics.js';
import { type TopicPartition } from './ports.js';

/** A partition of a table topic that was held. */
interface HeldPartition extends TopicPartition {
  readonly table: string;
  readonly reason: string;
  /** When to release it at the earliest, on the monotonic clock, ms. */
  readonly dueMs: number;
}

/**
 * Which tables are consumed: those with a live route whose topics are all there and fit. Subscribed to is every table topic that there is, for
 * another subscription is an assignment for every member of the group; what may not be dispatched is held, and released once it may. Looks at
 * everything now and then, and at once when a route changes; says once what is wrong, and once that it is right again. One round runs at a time;
 * what happens meanwhile starts one more.
 */
export class DispatchSubscription {
  readonly topics: DispatchTopics;
  readonly #options: ResolvedDispatcherOptions;
  readonly #routes: DispatchRoutes;
  readonly #signal: AbortSignal;
  readonly #thinned: Pick<Logger, 'warn'>;
  /** Tables whose topics are subscribed to, sorted; `undefined` while that changes, and after it failed. */
  #subscribed: readonly string[] | undefined = [];
  #blocked: ReadonlyMap<string, string> = new Map();
  /** Tables that have a table topic, as last seen. */
  #discovered: readonly string[] = [];
  #unrouted: readonly string[] = [];
  /** By topic and partition number. */
  readonly #held = new Map<string, HeldPartition>();
  #round: Promise<void> | undefined;
  #again: 'no' | 'changed' | 'everything' = 'no';

  constructor(options: ResolvedDispatcherOptions, routes: DispatchRoutes, signal: AbortSignal) {
    this.#options = options;
    this.#routes = routes;
    this.#signal = signal;
    this.#thinned = thinned(options.logger, options.clock);
    this.topics = new DispatchTopics(options.sink);
  }

  /** Whether the source consumes what it should. */
  get settled(): boolean {
    return this.#subscribed !== undefined;
  }

  /** Tables consumed, sorted. */
  get tables(): readonly string[] {
    const subscribed = this.#subscribed ?? [];
    return subscribed.filter((table) => this.#routes.live(table) !== undefined && !this.#blocked.has(table));
  }

  /** Tables that have a table topic and no route, sorted. */
  get unrouted(): readonly string[] {
    return this.#unrouted;
  }

  /** Tables with a route whose events wait, all or some of them → why. */
  get held(): Readonly<Record<string, string>> {
    const routed = [...this.#held.values()].filter(({ table }) => this.#routes.live(table) !== undefined);
    const held = routed.map(({ table, reason }) => [table, reason] as const);
    return Object.fromEntries([...held, ...this.#blocked]);
  }

  /** What to do with a table's events under the route in force, from what is known now. */
  planNow(table: string): TablePlan {
    return planTable(this.#routes.inForce(table), this.#options.names.cdc(table), this.topics.countOf);
  }

  /** The same, after asking for what is not known. */
  async plan(table: string, signal: AbortSignal): Promise<TablePlan> {
    const known = this.planNow(table);
    if (known.type !== 'blocked') return known;
    const topics = this.#topicsOf(table);
    await this.#ask('topics', signal, (inner) => this.topics.learn(topics, inner)).catch(() => undefined);
    return this.planNow(table);
  }

  /** A partition of the table was held: it is released `delayMs` from now, or soon after, once the table can be served. */
  hold({ topic, partition }: TopicPartition, table: string, reason: string, delayMs: number): void {
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    this.#held.set(`${topic}:${partition}`, { topic, partition, table, reason, dueMs });
    void this.refresh('changed');
  }

  /** Everything was assigned anew, so nothing is held any more. */
  assigned(): void {
    this.#held.clear();
  }

  /** Brings the subscription up to date; `everything` asks for all partition counts and all table topics, too. Never rejects. */
  async refresh(scope: 'changed' | 'everything'): Promise<void> {
    if (this.#again !== 'everything') this.#again = scope;
    this.#round ??= this.#rounds().finally(() => (this.#round = undefined));
    await this.#round;
  }

  async #rounds(): Promise<void> {
    while (this.#again !== 'no' && !this.#signal.aborted) {
      const scope = this.#again;
      this.#again = 'no';
      if (scope === 'everything') await this.#attempt('discovery', () => this.#discover());
      await this.#attempt('subscription', () => this.#update(scope));
      this.#release();
      this.#noteUnrouted();
    }
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#thinned.warn({ what, error: messageOf(error) }, 'dispatcher: failed for now, trying again later');
    }
  }

  async #update(scope: 'changed' | 'everything'): Promise<void> {
    const tables = this.#routes.tables();
    const topics = [...new Set(tables.flatMap((table) => this.#topicsOf(table)))];
    await this.#ask('topics', this.#signal, (signal) => {
      return scope === 'changed' ? this.topics.learn(topics, signal) : this.topics.refresh(topics, signal);
    });
    this.#noteBlocked(tables);
    await this.#subscribe();
  }

  async #discover(): Promise<void> {
    const { names, sink } = this.#options;
    const topics = await this.#ask('table topics', this.#signal, (signal) => sink.listTopics(names.cdc(''), signal));
    this.#discovered = topics.map((topic) => tableOfCdcTopic(names, topic)).filter((table) => table !== undefined);
  }

  #ask<T>(what: string, signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, requestTimeoutMs } = this.#options;
    return withDeadline({ clock, timeoutMs: requestTimeoutMs, what: `dispatcher: ${what}`, signal }, question);
  }

  #noteUnrouted(): void {
    const { logger } = this.#options;
    const paused = this.#routes.paused();
    const waits = (table: string): boolean => this.#routes.live(table) === undefined && !paused.includes(table);
    const unrouted = this.#discovered.filter(waits).sort();
    if (unrouted.join() === this.#unrouted.join()) return;
    this.#unrouted = unrouted;
    if (unrouted.length === 0) logger.info({}, 'dispatcher: every table has a route');
    else logger.warn({ tables: unrouted }, 'dispatcher: tables without a route, their events wait');
  }

  #noteBlocked(tables: readonly string[]): void {
    const { logger } = this.#options;
    const blocked = new Map<string, string>();
    for (const table of tables) {
      const plan = planTable(this.#routes.live(table), this.#options.names.cdc(table), this.topics.countOf);
      if (plan.type === 'blocked') blocked.set(table, plan.reason);
    }
    for (const [table, reason] of blocked)
      if (this.#blocked.get(table) !== reason) logger.error({ table, reason }, 'dispatcher: a table is held');
    for (const table of this.#blocked.keys())
      if (!blocked.has(table)) logger.info({ table }, 'dispatcher: a table is held no more');
    this.#blocked = blocked;
  }

  /** Table topics that are there: as discovered, and as the routes name them where nobody may list topics. */
  async #subscribe(): Promise<void> {
    const { names } = this.#options;
    const routed = this.#routes
      .tables()
      .filter((table) => 'partitions' in (this.topics.countOf(names.cdc(table)) ?? {}));
    const wanted = [...new Set([...this.#discovered, ...routed])].sort();
    if (this.#subscribed?.join() !== wanted.join()) await this.#subscribeTo(wanted);
  }

  async #subscribeTo(tables: readonly string[]): Promise<void> {
    const { source, names, logger } = this.#options;
    this.#subscribed = undefined;
    await source.subscribe(tables.map((table) => names.cdc(table)));
    this.#subscribed = tables;
    logger.info({ tables }, 'dispatcher: subscribed to the topics of all tables');
  }

  /** Has what is held handed over again where it is time and its table can be served. */
  #release(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [name, held] of this.#held) {
      if (held.dueMs > nowMs || this.planNow(held.table).type !== 'dispatch') continue;
      this.#held.delete(name);
      this.#options.source.release([held]);
    }
  }

  #topicsOf(table: string): readonly string[] {
    const { names } = this.#options;
    const routes = [this.#routes.live(table), this.#routes.inForce(table)];
    return [...new Set([names.cdc(table), ...routes.flatMap((route) => targetsOf(route).map(({ topic }) => topic))])];
  }
}
