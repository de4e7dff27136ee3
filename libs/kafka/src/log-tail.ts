import { every, type Logger, messageOf, thinned, TidemarkError, withDeadline } from '@tidemark/runtime';
import { withAdmin } from './admin-call.js';
import { Conditions } from './conditions.js';
import { FollowedTopics, type TailedTopic } from './followed-topics.js';
import { isOfTopic } from './kafka-error.js';
import { type LogTailHandler, type LogTailOptions } from './log-tail-options.js';
import { Reconciler } from './reconciler.js';
import { settleWithin } from './settle-within.js';
import { type Stalled, StallWatch } from './stall-watch.js';
import { TailDelivery } from './tail-delivery.js';
import { TailEnds } from './tail-ends.js';
import { TailHealth } from './tail-health.js';
import { tailMetrics, type TailMetrics } from './tail-metrics.js';
import { TailPlaces } from './tail-places.js';
import { TailSession } from './tail-session.js';
import { TailSteps } from './tail-steps.js';

/** Time between two turns of the watch, ms. */
const turnMs = 1_000;
/** Bound on joining a group that nobody else is in, connecting included, ms. */
const joinMs = 60_000;
/** Bound on leaving at `close`, ms. */
const closeMs = 5_000;

/**
 * Follows every partition of a set of topics, from positions of its own, for ever.
 *
 * Invariants: a topic's positions are fixed before a consumer subscribes to it; a position moves only with a batch that was handed over, or
 * with a gap that was told; whatever a consumer delivers is compared with the position first. So consumers may come and go: the one that joined
 * last is the only one listened to, and a new one joins before the old one is let go.
 */
export class LogTail {
  readonly #options: LogTailOptions;
  readonly #metrics: TailMetrics;
  readonly #topics: FollowedTopics;
  readonly #delivery: TailDelivery;
  readonly #conditions = new Conditions();
  /** Looks for topics without positions. */
  readonly #looking: Reconciler;
  /** Sees to it that a consumer reads what is there. */
  readonly #reading: Reconciler;
  readonly #watch: StallWatch;
  readonly #places: TailPlaces;
  readonly #ends: TailEnds;
  readonly #steps: TailSteps;
  readonly #health = new TailHealth((state) => this.#delivery.state(state));
  readonly #stopTurns: () => void;
  #session: TailSession | undefined;
  #next: TailSession | undefined;
  /** The session does not answer any more, or does not deliver what is there. */
  #suspect = false;
  /** A consumer could not be begun: look at every topic again, one of them may be gone. */
  #lookAgain = false;
  readonly #again: Pick<Logger, 'warn' | 'error'>;
  /** Partitions that a new consumer did not move either. */
  readonly #stubborn = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  #turnedMs: number;
  #closed = false;

  constructor(options: LogTailOptions, handler: LogTailHandler) {
    const { clock, logger } = options;
    this.#options = options;
    this.#again = thinned(logger, clock);
    this.#metrics = tailMetrics(options.metrics);
    this.#topics = new FollowedTopics({
      onGap: (topic, partition, reason) => this.#delivery.gap(topic, partition, reason),
      onReset: (topic) => this.#delivery.reset(topic),
      onGrowth: (topic, count) => this.#delivery.partitions(topic, count),
      onAbsent: (topic) => this.#again.warn({ topic }, 'kafka tail: waiting for a topic that is not there'),
      onMove: (topic, partition, position) => this.#session?.seek(topic, partition, position),
      onChange: () => this.#conditions.check(),
    });
    this.#delivery = new TailDelivery({
      topics: this.#topics,
      handler,
      metrics: this.#metrics,
      logger,
      onMove: (topic, partition, position) => this.#session?.seek(topic, partition, position),
      onAdvance: (topic, partition) => {
        this.#stubborn.delete(`${topic}|${partition}`);
        this.#conditions.check();
      },
    });
    this.#looking = this.#reconciler(() => this.#look());
    this.#reading = this.#reconciler(() => this.#read());
    this.#watch = new StallWatch({
      clock,
      positions: () => this.#everyPosition(),
      end: (topic, partition) => this.#topics.endOf(topic, partition),
      survey: (topics) => this.#survey(topics),
    });
    const { random = Math.random } = options;
    const { positions } = this.#topics;
    this.#places = new TailPlaces({
      clock,
      random,
      topics: this.#topics,
      survey: (topics) => this.#survey(topics),
      onLooked: () => this.#reading.poke(),
      onError: (error) => this.#again.warn({ error: messageOf(error) }, 'kafka tail: trying again'),
    });
    this.#ends = new TailEnds({
      ...options,
      random,
      isReached: (topic, ends, topicId) => this.#topics.isReached(topic, ends, topicId),
      conditions: this.#conditions,
    });
    this.#steps = new TailSteps({
      clock,
      positions,
      // Elsewhere a gap is told of what is passed over.
      isNothing: (topic, partition, offset) =>
        !this.#topics.isCompacted(topic) || this.#places.isNothing(topic, partition, offset),
      isPresent: (session) => session === this.#session && !this.#closed,
      onStep: (topic, partition, next) => {
        this.#metrics.steps.value += 1;
        this.#delivery.advance(topic, partition, next);
      },
    });
    this.#turnedMs = clock.monotonicMs();
    this.#stopTurns = every(clock, turnMs, () => this.#turn());
  }

  /**
   * Replaces the set of topics; resolves with partition counts once the positions of every one of them are fixed, which includes that it exists.
   * A topic that did not exist when it was named is read from its first record.
   */
  async follow(topics: ReadonlyMap<string, TailedTopic>): Promise<ReadonlyMap<string, number>> {
    this.#assertOpen();
    for (const topic of this.#topics.want(topics)) this.#metrics.lags.forget(topic);
    this.#conditions.check();
    this.#looking.poke();
    this.#reading.poke();
    const { positions } = this.#topics;
    const fixed = (topic: string): boolean => positions.has(topic) || this.#topics.specOf(topic) === undefined;
    await this.#conditions.until(() => [...topics.keys()].every(fixed));
    return new Map([...topics.keys()].map((topic) => [topic, positions.count(topic)]));
  }

  /** Resolves once everything that was in `topic` when it was called has been handed over. Fails with `ABORTED`, `CLOSED`. */
  async barrier(topic: string, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    await this.#ends.pass(topic, signal);
  }

  /** Resolves once everything before `ends`, by partition, has been handed over. Fails with `ABORTED`, `CLOSED`. */
  reach(topic: string, ends: readonly bigint[], signal?: AbortSignal): Promise<void> {
    return this.#conditions.until(() => this.#topics.isReached(topic, ends), signal);
  }

  /** Why nothing comes at present; `undefined`: the brokers answer, or nothing is followed. */
  get problem(): string | undefined {
    if (this.#closed || this.#topics.wanted().length === 0) return undefined;
    const missing = this.#topics.open().find((topic) => this.#topics.isAbsent(topic));
    return this.#places.problem ?? this.#health.problem(missing);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTurns();
    this.#conditions.close();
    this.#leave(this.#session);
    this.#leave(this.#next);
    this.#delivery.close();
    this.#metrics.live.value = 0;
    await settleWithin(
      this.#options.clock,
      closeMs,
      Promise.all([this.#looking.close(), this.#reading.close(), this.#places.close(), ...this.#leaving]),
    );
  }

  async #look(): Promise<boolean> {
    const open = this.#topics.open();
    if (open.length > 0 && !this.#closed) await this.#survey(open);
    this.#reading.poke();
    return this.#topics.open().length === 0;
  }

  async #read(): Promise<boolean> {
    if (this.#lookAgain || this.#suspect) await this.#survey(this.#topics.wanted());
    // Every look begins this: it hastens none, or there would be no delay between two of them.
    if (this.#topics.open().length > 0) this.#looking.need();
    while (!this.#closed && !this.#isServed(this.#topics.present())) await this.#renew(this.#topics.present());
    return true;
  }

  #isServed(present: readonly string[]): boolean {
    const session = this.#session;
    if (present.length === 0 && session === undefined) return true;
    return session?.joined === true && !this.#suspect && session.topics.join() === present.join();
  }

  /** Begins a consumer for `topics`; it takes over from the present one the moment it joins. Given up when the topics change before. */
  async #renew(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) {
      this.#leave(this.#session);
      this.#session = undefined;
      this.#suspect = false;
      return;
    }
    const { client, clock, logger, groupPrefix, rackId, fetchWaitMs } = this.#options;
    const startedMs = clock.monotonicMs();
    const session = new TailSession(
      { client, clock, logger, groupPrefix, rackId, fetchWaitMs, topics, places: this.#places },
      {
        onJoin: (joined, assignment) => this.#onJoin(joined, assignment),
        onBatch: (from, batch) => {
          if (from === this.#session) this.#delivery.batch(batch);
        },
        onNothing: (from, topic, partition, last) => {
          if (from === this.#session) this.#delivery.nothing(topic, partition, last);
        },
        onDead: (dead, reason) => this.#onDead(dead, reason),
      },
    );
    const settled = new AbortController();
    const changed = (): boolean => this.#topics.present().join() !== topics.join();
    this.#next = session;
    this.#metrics.sessions.value += 1;
    try {
      // kafkajs awaits some things that may never come; a late join is not listened to.
      await withDeadline({ clock, timeoutMs: joinMs, what: 'kafka tail: join' }, () =>
        Promise.race([session.start(), this.#conditions.until(changed, settled.signal)]),
      );
      this.#lookAgain = false;
      if (!session.joined) return this.#giveUp(session);
      this.#metrics.joinSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
    } catch (error) {
      if (this.#closed) return;
      this.#lookAgain = true;
      this.#giveUp(session);
      if (this.#session?.joined !== true) this.#health.set('interrupted');
      throw error;
    } finally {
      settled.abort();
    }
  }

  #giveUp(session: TailSession): void {
    if (this.#next === session) this.#next = undefined;
    this.#leave(session);
  }

  #onJoin(session: TailSession, assignment: Readonly<Record<string, readonly number[]>>): void {
    if (session === this.#next) {
      this.#leave(this.#session);
      this.#session = session;
      this.#next = undefined;
      this.#suspect = false;
      this.#watch.reset();
    }
    if (session !== this.#session) return;
    this.#metrics.joins.value += 1;
    for (const [topic, partitions] of Object.entries(assignment)) {
      this.#topics.widen(topic, Math.max(-1, ...partitions) + 1);
      for (const partition of partitions) {
        const position = this.#topics.positions.at(topic, partition);
        if (position !== undefined) session.seek(topic, partition, position);
      }
    }
    this.#answered();
  }

  #onDead(session: TailSession, reason: string): void {
    if (session !== this.#session) return;
    this.#again.warn({ reason }, 'kafka tail: the consumer gave up, beginning a new one');
    this.#suspect = true;
    this.#health.set('interrupted');
    this.#leave(session);
    this.#reading.fail();
  }

  async #turn(): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const lateMs = now - this.#turnedMs - turnMs;
    this.#turnedMs = now;
    const session = this.#session;
    // After a pause of the whole process, answers may be waiting in the sockets: look again next time.
    if (session === undefined || lateMs > turnMs || this.#closed) return;
    if (!this.#isHeard(session, now)) return this.#health.set('interrupted');
    this.#answered();
    try {
      for (const stalled of await this.#watch.turn(session.emptyAnswers)) this.#unstall(session, stalled);
    } catch (error) {
      this.#options.logger.debug({ error: messageOf(error) }, 'kafka tail: could not compare positions with ends');
    }
  }

  /** The brokers answer the session, which is all where they refuse nothing. */
  #answered(): void {
    const refused = this.#places.problem;
    if (refused !== undefined) this.#again.warn({ refused }, 'kafka tail: the brokers do not hand over what is there');
    this.#health.set(refused === undefined ? 'live' : 'interrupted');
  }

  /** Whether the brokers answer the session; a silent one is replaced. */
  #isHeard(session: TailSession, now: number): boolean {
    const { interruptedAfterMs = 3_000, rebuildAfterMs = 5_000 } = this.#options;
    const quietMs = now - session.answeredMs;
    if (quietMs > rebuildAfterMs && !this.#suspect) this.#distrust(`no answer for ${Math.round(quietMs)} ms`);
    return quietMs <= interruptedAfterMs && session.joined;
  }

  #distrust(reason: string): void {
    this.#again.warn({ reason }, 'kafka tail: beginning a new consumer');
    this.#suspect = true;
    this.#reading.poke();
  }

  /** A compacted topic may hold batches without records, which kafkajs cannot pass; for anything else a new consumer comes first. */
  #unstall(session: TailSession, { topic, partition, end }: Stalled): void {
    // What is refused is there, and no other consumer would be given it.
    if (session !== this.#session || this.#suspect || this.#places.isRefused(topic, partition)) return;
    const id = `${topic}|${partition}`;
    const compacted = this.#topics.isCompacted(topic);
    const position = this.#topics.positions.at(topic, partition) ?? 0n;
    const isEmptied = compacted && this.#places.isNothing(topic, partition, position);
    if (!isEmptied && !this.#stubborn.has(id)) {
      this.#stubborn.add(id);
      return this.#distrust(`${topic}/${partition} has records up to ${end} that do not arrive`);
    }
    if (!compacted) this.#delivery.gap(topic, partition, 'stepped over an offset that does not arrive');
    else if (!isEmptied) this.#again.warn({ topic, partition, end: String(end) }, 'kafka tail: records do not arrive');
    this.#steps.on(session, topic, partition, end);
  }

  /** Partitions that the present session reads; not what is refused, which stands still in any case and has looks of its own. */
  *#everyPosition(): Iterable<readonly [string, number, bigint]> {
    for (const topic of this.#session?.topics ?? [])
      for (const [partition, position] of this.#topics.positions.of(topic).entries())
        if (!this.#places.isRefused(topic, partition)) yield [topic, partition, position];
  }

  async #survey(topics: readonly string[]): Promise<void> {
    const { client, clock } = this.#options;
    let failure: unknown;
    await withAdmin({ client, clock }, (admin) =>
      this.#topics.survey(admin, topics).catch((error: unknown) => {
        if (!isOfTopic(error)) throw error;
        failure = error;
      }),
    );
    if (failure === undefined) return this.#health.answered();
    // The others are read meanwhile; whoever waits for this one asks again.
    this.#health.failed(failure);
    this.#again.warn({ error: messageOf(failure) }, 'kafka tail: a topic cannot be looked up');
  }

  #reconciler(step: () => Promise<boolean>): Reconciler {
    const { clock, random = Math.random } = this.#options;
    const onError = (error: unknown): void => {
      this.#health.failed(error);
      this.#again.warn({ error: messageOf(error) }, 'kafka tail: trying again');
    };
    return new Reconciler({ clock, random, step, onError });
  }

  #leave(session: TailSession | undefined): void {
    if (session === undefined) return;
    const left = session.retire().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  #assertOpen(): void {
    if (this.#closed) throw new TidemarkError('CLOSED', 'the kafka tail is closed', { retriable: false });
  }
}
