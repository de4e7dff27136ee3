import { type EventSourceHandler } from '@tidemark/pipeline';
import { backoffMs, type Clock, every, type Logger, messageOf, wait } from '@tidemark/runtime';
import { AssignerProtocol, type Batch, type Consumer, type EachBatchPayload, type GroupDescription } from 'kafkajs';
import { withAdmin } from './admin-call.js';
import { Generation, type Lane } from './generation.js';
import { groupBatch } from './group-batch.js';
import { type GroupMetrics } from './group-metrics.js';
import { type KafkaClient } from './kafka-client.js';
import { isRejoinNeeded } from './kafka-error.js';
import { settleWithin } from './settle-within.js';

export interface GroupSessionOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes what may be said again and again. */
  readonly again: Pick<Logger, 'warn' | 'error'>;
  readonly metrics: GroupMetrics;
  readonly handler: EventSourceHandler;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly concurrency: number;
  readonly drainMs: number;
  readonly rackId?: string | undefined;
  readonly random: () => number;
  /** The consumer has given up. */
  readonly onDead: (session: GroupSession, reason: string) => void;
}

const retry = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
  retries: 1_000_000,
  restartOnFailure: () => Promise.resolve(false),
};
/** Times that the committed offsets are asked for at a join. */
const committedAttempts = 5;

/**
 * One kafkajs consumer in the shared group, from its birth to its end.
 *
 * kafkajs sends heartbeats only between fetches, so while a handler is at work they are sent from here; the first one that says that the group
 * is in motion aborts the generation's handlers, and kafkajs rejoins once they have ended. It does not resolve offsets by itself: what is not
 * committed is fetched again.
 */
export class GroupSession {
  readonly topics: readonly string[];
  readonly #options: GroupSessionOptions;
  readonly #consumer: Consumer;
  #generation: Generation | undefined;
  #started: Promise<void> = Promise.resolve();
  #joined = false;
  #over = false;
  #crash = 'ended before it joined';
  #ended: Promise<void> | undefined;
  #answeredMs: number;
  #memberId = '';
  #rebalancingSinceMs: number | undefined;
  /** Resolves when nothing is at work any more after `stop`. */
  #drained: Promise<void> | undefined;

  constructor(options: GroupSessionOptions) {
    this.#options = options;
    this.topics = options.topics;
    this.#answeredMs = options.clock.monotonicMs();
    this.#consumer = options.client.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatMs,
      maxWaitTimeInMs: 500,
      // Partitions that are added to a topic are found by then.
      metadataMaxAge: 10_000,
      minBytes: 1,
      allowAutoTopicCreation: false,
      retry,
      ...(options.rackId === undefined ? {} : { rackId: options.rackId }),
    });
    this.#listen();
  }

  get joined(): boolean {
    return this.#joined && !this.#over;
  }

  /** The group is in motion since then, on the monotonic clock, ms. */
  get rebalancingSinceMs(): number | undefined {
    return this.#rebalancingSinceMs;
  }

  /**
   * Whether the group, asked now, still gives this member what it was given at its last join; `false` also when the group is in motion, or the
   * member joins anew meanwhile. Rejects when the group could not be asked.
   */
  async confirm(signal: AbortSignal): Promise<boolean> {
    const { client, clock, groupId } = this.#options;
    const generation = this.#generation;
    if (generation === undefined || generation.over || !this.joined) return false;
    const { groups } = await withAdmin({ client, clock, timeoutMs: 5_000, signal }, (admin) =>
      admin.describeGroups([groupId]),
    );
    return generation === this.#generation && !generation.over && isGiven(groups[0], this.#memberId, generation);
  }

  /** Topics with a partition that is held until the next assignment. */
  heldTopics(): string[] {
    const held = [...(this.#generation?.lanes() ?? [])].filter((lane) => lane.held);
    return [...new Set(held.map(({ topic }) => topic))];
  }

  /** The end of a partition as the broker tells it: what is held is behind it. */
  noteEnd(topic: string, partition: number, end: bigint): void {
    const lane = this.#generation?.lane(topic, partition);
    if (lane?.held === true && lane.next !== undefined)
      this.#options.metrics.lags.set(topic, partition, end - lane.next);
  }

  /** Time without an answer from the brokers although nothing is at work that would keep one from being asked for, ms. */
  get quietMs(): number {
    return (this.#generation?.busy ?? 0) > 0 ? 0 : this.#options.clock.monotonicMs() - this.#answeredMs;
  }

  /** Resolves when the group is joined; rejects when it could not be. */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  /** Hands over nothing more, lets what is at work end and commit within the drain time, aborts it then, and leaves the group. */
  stop(): Promise<void> {
    this.#ended ??= this.#stop();
    return this.#ended;
  }

  async #start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.topics], fromBeginning: true });
    if (this.#over) return;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#options.concurrency,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    if (!this.#joined) throw new Error(`could not join ${this.#options.groupId}: ${this.#crash}`);
  }

  /** A consumer is only stopped once its start has ended: before that, kafkajs would go on joining without a way to stop it. */
  async #stop(): Promise<void> {
    const { clock, drainMs } = this.#options;
    this.#over = true;
    const generation = this.#generation;
    this.#drained = generation === undefined ? Promise.resolve() : settleWithin(clock, drainMs, generation.idle());
    await this.#started.catch(() => undefined);
    await this.#drained;
    this.#generation?.abort(new Error('the member stops'));
    await this.#consumer.disconnect().catch(() => undefined);
    this.#options.metrics.assigned.value = 0;
  }

  #listen(): void {
    const { GROUP_JOIN, CRASH, REQUEST, REBALANCING } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#memberId = payload.memberId;
      this.#onJoin(payload.memberAssignment);
    });
    this.#consumer.on(REBALANCING, () => {
      this.#rebalancingSinceMs ??= this.#options.clock.monotonicMs();
      this.#generation?.abort(new Error('the group rebalances'));
    });
    this.#consumer.on(REQUEST, ({ payload }) => {
      // A member without partitions, or with none that is not held, sends nothing but heartbeats.
      if (payload.apiName === 'Fetch' || payload.apiName === 'Heartbeat')
        this.#answeredMs = this.#options.clock.monotonicMs();
    });
    this.#consumer.on(CRASH, ({ payload }) => {
      this.#crash = messageOf(payload.error);
      this.#generation?.abort(payload.error);
      if (this.#joined && !this.#over) this.#options.onDead(this, this.#crash);
      this.#over = true;
    });
  }

  /** Synchronous up to the new generation standing: kafkajs fetches as soon as this returns. */
  #onJoin(assignment: Readonly<Record<string, readonly number[]>>): void {
    const { clock, metrics } = this.#options;
    const previous = this.#generation;
    previous?.abort(new Error('the group was joined anew'));
    const generation = new Generation(assignment);
    this.#generation = generation;
    this.#joined = true;
    this.#rebalancingSinceMs = undefined;
    this.#answeredMs = clock.monotonicMs();
    metrics.assignments.value += 1;
    metrics.assigned.value = generation.partitions().length;
    metrics.held.value = 0;
    metrics.lags.keep(generation.partitions());
    for (const { topic, partition } of generation.lanes()) this.#consumer.resume([{ topic, partitions: [partition] }]);
    generation.ready = this.#prepare(previous, generation);
  }

  async #prepare(previous: Generation | undefined, generation: Generation): Promise<void> {
    await previous?.idle();
    await Promise.all([this.#readCommitted(previous, generation), this.#tellAssigned(generation)]);
  }

  /**
   * Where each partition goes on: after what is committed, or after what this member itself has handled and could not commit. Where it cannot be
   * read, nobody knows whether anything is missing, and the partition counts as uncharted.
   */
  async #readCommitted(previous: Generation | undefined, generation: Generation): Promise<void> {
    const { clock, again, random } = this.#options;
    for (let attempt = 1; attempt <= committedAttempts && !generation.over; attempt += 1) {
      try {
        return await this.#resumeCommitted(previous, generation);
      } catch (error) {
        if (generation.over) return;
        again.warn({ error: messageOf(error) }, 'kafka group: could not read the committed offsets, trying again');
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: 1_000, random }), generation.signal);
      }
    }
  }

  async #resumeCommitted(previous: Generation | undefined, generation: Generation): Promise<void> {
    const { client, clock, groupId, topics } = this.#options;
    const committed = await withAdmin({ client, clock, timeoutMs: 3_000, signal: generation.signal }, (admin) =>
      admin.fetchOffsets({ groupId, topics: [...topics] }),
    );
    for (const { topic, partitions } of committed)
      for (const { partition, offset } of partitions)
        generation.lane(topic, partition)?.resume(BigInt(offset), previous?.lane(topic, partition)?.next);
  }

  async #tellAssigned(generation: Generation): Promise<void> {
    const { clock, handler, again, metrics, random } = this.#options;
    for (let attempt = 1; !generation.over; attempt += 1) {
      try {
        return await handler.onAssigned(generation.partitions());
      } catch (error) {
        metrics.handlerErrors.value += 1;
        again.error(
          { error: messageOf(error) },
          'kafka group: the handler could not take the assignment, trying again',
        );
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: 5_000, random }), generation.signal);
      }
    }
  }

  /** Rejects only so that kafkajs rejoins or reads again; what is neither resolved nor committed is fetched again. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const generation = this.#generation;
    const lane = generation?.lane(payload.batch.topic, payload.batch.partition);
    if (generation === undefined || lane === undefined || lane.held) return;
    if (this.#over) return this.#drained;
    let rejoin: unknown;
    const stopHeartbeats = every(this.#options.clock, this.#options.heartbeatMs / 2, async () => {
      try {
        await payload.heartbeat();
      } catch (error) {
        if (!isRejoinNeeded(error)) return;
        rejoin = error;
        generation.abort(error);
      }
    });
    try {
      await generation.run(lane, async () => {
        await generation.ready;
        if (!generation.over && !this.#over) await this.#handle(payload, generation, lane);
      });
    } finally {
      stopHeartbeats();
    }
    if (rejoin !== undefined) throw rejoin instanceof Error ? rejoin : new Error('the group rebalances');
  }

  async #handle(payload: EachBatchPayload, generation: Generation, lane: Lane): Promise<void> {
    const { metrics, clock, handler, again } = this.#options;
    const { batch, nextOffset, duplicates, gap } = groupBatch(payload.batch, lane.next);
    metrics.duplicates.value += duplicates;
    const lost = gap || lane.reset;
    if (lost) this.#tellGap(lane, payload.batch);
    if (batch !== undefined) {
      const startedMs = clock.monotonicMs();
      try {
        const whole = { ...batch, afterGap: lost, uncharted: lane.uncharted };
        if ((await handler.onBatch(whole, generation.signal)) === 'hold') return this.#hold(payload, lane);
      } catch (error) {
        if (generation.over) return;
        metrics.handlerErrors.value += 1;
        again.error(
          { ...place(lane), error: messageOf(error) },
          'kafka group: the handler failed, the batch is repeated',
        );
        return this.#pauseAfterFailure(generation, lane);
      }
      metrics.handlerSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
    }
    lane.failures = 0;
    lane.reset = false;
    lane.uncharted = false;
    if (this.#generation === generation) await this.#commit(payload, lane, nextOffset, batch?.records.length ?? 0);
  }

  async #commit(payload: EachBatchPayload, lane: Lane, nextOffset: bigint, records: number): Promise<void> {
    const { topic, partition } = lane;
    lane.next = nextOffset;
    payload.resolveOffset(String(nextOffset - 1n));
    await payload.commitOffsetsIfNecessary({
      topics: [{ topic, partitions: [{ partition, offset: String(nextOffset) }] }],
    });
    this.#options.metrics.records.value += records;
    this.#options.metrics.lags.set(topic, partition, BigInt(payload.batch.highWatermark) - nextOffset);
  }

  #hold(payload: EachBatchPayload, lane: Lane): void {
    lane.held = true;
    payload.pause();
    this.#options.metrics.held.value += 1;
    this.#options.logger.info(place(lane), 'kafka group: held until the next assignment');
  }

  #tellGap(lane: Lane, batch: Batch): void {
    this.#options.metrics.gaps.value += 1;
    this.#options.logger.error(
      { ...place(lane), expected: lane.next?.toString(), got: batch.firstOffset() },
      'kafka group: records between the committed offset and the first one there were lost',
    );
  }

  async #pauseAfterFailure(generation: Generation, lane: Lane): Promise<void> {
    const { clock, random } = this.#options;
    lane.failures += 1;
    await wait(clock, backoffMs(lane.failures, { initialMs: 100, maxMs: 5_000, random }), generation.signal);
  }
}

function isGiven(group: GroupDescription | undefined, memberId: string, generation: Generation): boolean {
  const member = group?.members.find((one) => one.memberId === memberId);
  if (group?.state !== 'Stable' || member === undefined) return false;
  const given = AssignerProtocol.MemberAssignment.decode(member.memberAssignment)?.assignment ?? {};
  return generation.partitions().every(({ topic, partition }) => given[topic]?.includes(partition) === true);
}

function place({ topic, partition }: Lane): { topic: string; partition: number } {
  return { topic, partition };
}
