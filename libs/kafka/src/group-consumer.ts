import {
  type EventSource,
  type EventSourceHandler,
  type Rewind,
  type RewindOutcome,
  type TopicPartition,
} from '@tidemark/pipeline';
import {
  backoffMs,
  type Clock,
  every,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  thinned,
  TidemarkError,
  wait,
  withDeadline,
} from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { boundsOf, partitionCountOf, withAdmin } from './admin-call.js';
import { Conditions } from './conditions.js';
import { groupMetrics, type GroupMetrics } from './group-metrics.js';
import { GroupSession, type GroupSessionOptions } from './group-session.js';
import { type KafkaClient, positive } from './kafka-client.js';
import { isOfTopic } from './kafka-error.js';
import { Reconciler } from './reconciler.js';
import { settleWithin } from './settle-within.js';
import { WorkBudget } from './work-budget.js';

export interface GroupConsumerOptions {
  readonly client: KafkaClient;
  /** Shared by all members: `<prefix>.dispatcher`. */
  readonly groupId: string;
  /** A member that sends no heartbeat for this long has died, ms. Default 6,000, the least that brokers allow by default. */
  readonly sessionTimeoutMs?: number;
  /** Members have this long to end what is at work and join again, ms. Default 10,000. */
  readonly rebalanceTimeoutMs?: number;
  /** Time between heartbeats, ms. Default 1,000. */
  readonly heartbeatMs?: number;
  /** A fetch waits for the batches of the last one for this long, ms; what takes longer goes on beside it. Default 250. */
  readonly patienceMs?: number;
  /** Batches at work, of all partitions, bytes; at most an eighth of it of one topic, or one batch. Default 64 MiB. */
  readonly workBytesMax?: number;
  /** `stop` lets handlers end for this long before it aborts them, ms. Default 5,000. */
  readonly drainMs?: number;
  /**
   * The brokers have not answered for this long: begin a new consumer, ms. Default `sessionTimeoutMs`, by when the group has given the member up.
   * `rebalanceTimeoutMs` more where only the group's coordinator does not answer, which is looked for meanwhile, and while the group is in motion,
   * when nothing is answered either.
   */
  readonly rebuildAfterMs?: number;
  readonly rackId?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

const turnMs = 1_000;
/** Bound on joining the group, connecting included, ms. */
const joinMs = 60_000;
/** No heartbeat was answered for this long, or the group has been in motion for this long: nothing is committed, ms. */
const quietMs = 4_000;
/** Time between two looks at how far what is held is behind, ms. */
const heldLookMs = 10_000;
/** Bound on leaving the group, beyond the drain time, ms. */
const leaveMs = 5_000;

/**
 * A member of the dispatcher's group: at least once, in order per partition, committed after the handler.
 *
 * A failing handler gets the same batch again after a bounded delay; nothing is skipped. Topics that are not there yet are waited for beside
 * the work on the others.
 */
export class GroupConsumer implements EventSource {
  readonly #options: GroupConsumerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #again: Pick<Logger, 'warn' | 'error'>;
  readonly #metrics: GroupMetrics;
  readonly #conditions = new Conditions();
  readonly #budget: WorkBudget;
  readonly #reconciler: Reconciler;
  #handler: EventSourceHandler | undefined;
  #topics: readonly string[] = [];
  #session: GroupSession | undefined;
  /** Counts `subscribe` calls, and which of them the session has caught up with. */
  #asked = 0;
  #served = 0;
  #distrusted = false;
  /** Why the group could not be joined, since it last was. */
  #trouble: string | undefined;
  #heldLookedMs = -Infinity;
  #stopped: Promise<void> | undefined;
  #stopTurns: () => void = () => undefined;

  constructor(options: GroupConsumerOptions) {
    const {
      clock = systemClock,
      logger = silentLogger,
      metrics = new MetricRegistry(),
      random = Math.random,
    } = options;
    positive('sessionTimeoutMs', options.sessionTimeoutMs ?? 6_000);
    this.#budget = new WorkBudget(positive('workBytesMax', options.workBytesMax ?? 67_108_864));
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#again = thinned(logger, clock);
    this.#metrics = groupMetrics(metrics);
    metrics.onCollect(() => {
      this.#metrics.lags.know(this.problem === undefined);
      this.#metrics.work.value = this.#budget.bytes;
    });
    this.#reconciler = new Reconciler({
      clock,
      random,
      step: () => this.#step(),
      onError: (error) => {
        this.#trouble = messageOf(error);
        this.#again.warn({ error: this.#trouble }, 'kafka group: trying again');
      },
    });
  }

  /** Joins as soon as there are topics; resolves with the join, or at once while there are none. */
  async start(handler: EventSourceHandler): Promise<void> {
    if (this.#handler !== undefined || this.#stopped !== undefined)
      throw new TidemarkError('CLOSED', 'the group consumer was started before', { retriable: false });
    this.#handler = handler;
    this.#stopTurns = every(this.#clock, turnMs, () => this.#turn());
    await this.#serve();
  }

  /** Resolves when the group is joined with those of the topics that exist, or at once before `start`. */
  async subscribe(topics: readonly string[]): Promise<void> {
    this.#topics = [...new Set(topics)].sort();
    if (this.#handler !== undefined) await this.#serve();
  }

  async confirm(signal: AbortSignal): Promise<boolean> {
    const session = this.#session;
    const { random = Math.random } = this.#options;
    for (let attempt = 1; !signal.aborted && session?.joined === true && session === this.#session; attempt += 1) {
      try {
        return await session.confirm(signal);
      } catch (error) {
        this.#again.warn(
          { error: messageOf(error) },
          'kafka group: could not ask the group for its members, trying again',
        );
        await wait(this.#clock, backoffMs(attempt, { initialMs: 50, maxMs: 1_000, random }), signal);
      }
    }
    return false;
  }

  get problem(): string | undefined {
    const session = this.#session;
    if (this.#handler === undefined || this.#stopped !== undefined || this.#topics.length === 0) return undefined;
    if (session?.joined !== true) return this.#trouble ?? 'joining the group';
    const movingMs = this.#clock.monotonicMs() - (session.rebalancingSinceMs ?? Infinity);
    if (movingMs > quietMs) return `the group has been in motion for ${Math.round(movingMs)} ms`;
    return session.unheardMs > quietMs
      ? `the group's coordinator has not answered for ${Math.round(session.unheardMs)} ms`
      : undefined;
  }

  get refused(): ReadonlySet<string> {
    return this.#session?.refused ?? new Set();
  }

  /** Whether this member has what it was last given, as far as it can know: it is joined, the group stands still, and the brokers answer. */
  get settled(): boolean {
    return this.problem === undefined && this.#session?.settled === true;
  }

  release(places: readonly TopicPartition[]): void {
    this.#session?.release(places);
  }

  async rewind(place: TopicPartition, rewind: Rewind, signal: AbortSignal): Promise<RewindOutcome> {
    return (await this.#session?.rewind(place, rewind, signal)) ?? 'gone';
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #serve(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    this.#reconciler.poke();
    await this.#conditions.until(() => this.#served >= asked);
  }

  async #stop(): Promise<void> {
    const { drainMs = 5_000 } = this.#options;
    this.#stopTurns();
    this.#conditions.close();
    const left = this.#session?.stop();
    await settleWithin(this.#clock, drainMs + leaveMs, Promise.all([left, this.#reconciler.close()]));
  }

  async #step(): Promise<boolean> {
    const asked = this.#asked;
    const topics = this.#topics;
    const present = await this.#present(topics);
    if (!this.#isServed(present)) await this.#renew(present);
    this.#served = Math.max(this.#served, asked);
    this.#conditions.check();
    return present.length === topics.length;
  }

  async #present(topics: readonly string[]): Promise<string[]> {
    if (topics.length === 0) return [];
    if (this.#isServed(topics)) return [...topics];
    const present: string[] = [];
    await withAdmin({ client: this.#options.client, clock: this.#clock }, async (admin) => {
      for (const topic of topics) if (await this.#isThere(admin, topic)) present.push(topic);
    });
    const missing = topics.filter((topic) => !present.includes(topic));
    if (missing.length > 0) this.#again.warn({ missing }, 'kafka group: waiting for topics that are not there');
    return present;
  }

  /** A topic that the brokers do not answer for keeps no other waiting; one that the member has is left to it. */
  async #isThere(admin: Admin, topic: string): Promise<boolean> {
    try {
      return (await partitionCountOf(admin, topic)) !== undefined;
    } catch (error) {
      if (!isOfTopic(error)) throw error;
      this.#again.warn({ topic, error: messageOf(error) }, 'kafka group: a topic cannot be asked for');
      return !this.#distrusted && this.#session?.topics.includes(topic) === true;
    }
  }

  #isServed(topics: readonly string[]): boolean {
    if (topics.length === 0) return this.#session === undefined;
    return this.#session?.joined === true && !this.#distrusted && this.#session.topics.join() === topics.join();
  }

  /**
   * A member that only gets more topics stays one. Otherwise the old one leaves before the new one joins: two members of one process would share
   * its partitions between them.
   */
  async #renew(topics: readonly string[]): Promise<void> {
    const old = this.#session;
    if (!this.#distrusted && (await old?.extend(topics)) === true) return;
    this.#session = undefined;
    if (old !== undefined) await settleWithin(this.#clock, (this.#options.drainMs ?? 5_000) + leaveMs, old.stop());
    this.#distrusted = false;
    if (topics.length === 0 || this.#handler === undefined || this.#stopped !== undefined) return;
    const session = new GroupSession(this.#sessionOptions(topics, this.#handler));
    this.#session = session;
    this.#metrics.sessions.value += 1;
    try {
      // kafkajs awaits some things that may never come.
      await withDeadline({ clock: this.#clock, timeoutMs: joinMs, what: 'kafka group: join' }, () => session.start());
      if (this.#trouble !== undefined) this.#logger.info({ topics }, 'kafka group: joined again');
      this.#trouble = undefined;
    } catch (error) {
      if (this.#session === session) this.#session = undefined;
      void session.stop();
      throw error;
    }
  }

  #turn(): void {
    const session = this.#session;
    if (session === undefined || !session.joined) return;
    void this.#measureHeld(session);
    const doubt = this.#distrusted ? undefined : this.#doubtOf(session);
    if (doubt === undefined) return;
    this.#again.warn({ reason: doubt }, 'kafka group: beginning a new consumer');
    this.#distrusted = true;
    this.#reconciler.poke();
  }

  /** Why the session is better begun anew; `undefined`: it is not. */
  #doubtOf({ quietMs, unheardMs, rebalancingSinceMs }: GroupSession): string | undefined {
    const { sessionTimeoutMs = 6_000, rebalanceTimeoutMs = 10_000 } = this.#options;
    const movingMs = rebalancingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - rebalancingSinceMs;
    const { rebuildAfterMs = sessionTimeoutMs + (movingMs > 0 ? rebalanceTimeoutMs : 0) } = this.#options;
    if (quietMs >= rebuildAfterMs) return `no answer for ${Math.round(quietMs)} ms`;
    if (unheardMs >= rebuildAfterMs + rebalanceTimeoutMs)
      return `no heartbeat was answered for ${Math.round(unheardMs)} ms`;
    // Twice what a rebalance may take at most: the brokers answer, but it does not come to a join.
    if (movingMs >= 2 * (sessionTimeoutMs + rebalanceTimeoutMs)) return `no join for ${Math.round(movingMs)} ms`;
    return undefined;
  }

  /** No batch tells how far behind a held partition is. */
  async #measureHeld(session: GroupSession): Promise<void> {
    const topics = session.heldTopics();
    const now = this.#clock.monotonicMs();
    if (topics.length === 0 || now - this.#heldLookedMs < heldLookMs) return;
    this.#heldLookedMs = now;
    const { client } = this.#options;
    try {
      await withAdmin({ client, clock: this.#clock, timeoutMs: heldLookMs }, async (admin) => {
        for (const topic of topics)
          for (const [partition, end] of ((await boundsOf(admin, topic))?.high ?? []).entries())
            session.noteEnd(topic, partition, end);
      });
    } catch (error) {
      this.#logger.debug({ error: messageOf(error) }, 'kafka group: could not look how far what is held is behind');
    }
  }

  #onDead(session: GroupSession, reason: string): void {
    if (session !== this.#session) return;
    this.#trouble = reason;
    this.#again.warn({ reason }, 'kafka group: the consumer gave up, beginning a new one');
    this.#distrusted = true;
    this.#reconciler.fail();
  }

  #sessionOptions(topics: readonly string[], handler: EventSourceHandler): GroupSessionOptions {
    const { client, groupId, rackId, random = Math.random } = this.#options;
    const { sessionTimeoutMs = 6_000, rebalanceTimeoutMs = 10_000, heartbeatMs = 1_000 } = this.#options;
    const { patienceMs = 250, drainMs = 5_000 } = this.#options;
    return {
      client,
      clock: this.#clock,
      logger: this.#logger,
      again: this.#again,
      metrics: this.#metrics,
      handler,
      groupId,
      topics,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      heartbeatMs,
      patienceMs,
      budget: this.#budget,
      drainMs,
      rackId,
      random,
      onDead: (session, reason) => this.#onDead(session, reason),
    };
  }
}
