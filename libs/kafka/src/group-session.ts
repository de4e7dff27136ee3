import { type EventSourceHandler, type Rewind, type RewindOutcome, type TopicPartition } from '@tidemark/pipeline';
import { backoffMs, type Clock, every, type Logger, messageOf, wait } from '@tidemark/runtime';
import { AssignerProtocol, type Consumer, type EachBatchPayload, type GroupDescription } from 'kafkajs';
import { withAdmin } from './admin-call.js';
import { Conditions } from './conditions.js';
import { Generation, type Lane } from './generation.js';
import { fetchingAt } from './fetch-patch.js';
import { type GroupMetrics } from './group-metrics.js';
import { GroupPlaces } from './group-places.js';
import { JoinGate } from './join-gate.js';
import { type KafkaClient } from './kafka-client.js';
import { isRejoinNeeded, kafkaErrorType, topicMissing } from './kafka-error.js';
import { LaneRunner } from './lane-runner.js';
import { LaneWork } from './lane-work.js';
import { leaderEpochOf } from './leader-epoch.js';
import { resumeLanes } from './resume-lanes.js';
import { rewindLane } from './rewind-lane.js';
import { settleWithin } from './settle-within.js';
import { type WorkBudget } from './work-budget.js';

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
  readonly patienceMs: number;
  readonly budget: WorkBudget;
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
/** Batches that kafkajs hands over at once; none of them stays there for long. */
const handedOverMax = 256;

/**
 * One kafkajs consumer in the shared group, from its birth to its end.
 *
 * Batches leave kafkajs for their lanes at once or soon; kafkajs fetches on behind them, and sends heartbeats between its fetches. Before it joins
 * anew, what is at work ends and is committed. It commits and resolves nothing by itself.
 */
export class GroupSession {
  readonly #gate = new JoinGate(
    () => this.#letGo(),
    (place) => this.#restart(place),
  );
  readonly #options: GroupSessionOptions;
  readonly #places: GroupPlaces;
  readonly #conditions = new Conditions();
  readonly #consumer: Consumer;
  readonly #lanes: LaneRunner;
  #topics: readonly string[];
  #generation: Generation | undefined;
  #started: Promise<void> = Promise.resolve();
  #joined = false;
  #over = false;
  #crash = 'ended before it joined';
  #ended: Promise<void> | undefined;
  #answeredMs: number;
  #beatMs: number;
  #rebalancingSinceMs: number | undefined;
  /** Resolves when nothing is at work any more after `stop`. */
  #drained: Promise<void> | undefined;
  /** Sends one, as kafkajs does between its fetches; known from the first batch on. */
  #heartbeat: (() => Promise<void>) | undefined;

  constructor(options: GroupSessionOptions) {
    this.#options = options;
    this.#topics = options.topics;
    this.#answeredMs = this.#beatMs = options.clock.monotonicMs();
    this.#places = new GroupPlaces({
      ...options,
      generation: () => (this.#over ? undefined : this.#generation),
      onOtherLog: (lane) => this.#beginAnew(lane),
      onGone: (topic) => this.#die(topicMissing(topic)),
    });
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
      partitionAssigners: [fetchingAt(this.#places, this.#gate.assigner)],
      retry,
      ...(options.rackId === undefined ? {} : { rackId: options.rackId }),
    });
    const work = new LaneWork(options);
    this.#lanes = new LaneRunner({
      ...options,
      work: (taken, generation, lane) => work.handle(taken, generation, lane),
    });
    this.#listen();
  }

  get topics(): readonly string[] {
    return this.#topics;
  }

  get joined(): boolean {
    return this.#joined && !this.#over;
  }

  /** Whether the member still has what it was given at its last join, as far as it has heard. */
  get settled(): boolean {
    return this.joined && this.#generation?.closing.aborted === false;
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
    if (generation === undefined || generation.closing.aborted || !this.joined) return false;
    const { groups } = await withAdmin({ client, clock, timeoutMs: 5_000, signal }, (admin) =>
      admin.describeGroups([groupId]),
    );
    return generation === this.#generation && !generation.closing.aborted && isGiven(groups[0], generation);
  }

  /** Joins again with more topics, and stays a member meanwhile; `false`: it cannot, or could not in time, and must be begun anew. */
  async extend(topics: readonly string[]): Promise<boolean> {
    const { clock, rebalanceTimeoutMs } = this.#options;
    if (!this.joined || !(await this.#gate.rejoin(topics))) return false;
    this.#topics = topics;
    const generation = this.#generation;
    const isOver = (): boolean => !this.joined || this.#generation !== generation;
    await settleWithin(clock, 3 * rebalanceTimeoutMs, this.#conditions.until(isOver));
    return this.joined && this.#generation !== generation;
  }

  /** What is held of `places` goes on where it stands. */
  release(places: readonly TopicPartition[]): void {
    if (!this.joined) return;
    for (const { topic, partition } of places) {
      const lane = this.#generation?.lane(topic, partition);
      if (lane?.heldAt === undefined) continue;
      this.#consumer.seek({ topic, partition, offset: String(lane.heldAt) });
      lane.heldAt = undefined;
      this.#options.metrics.held.value -= 1;
      this.#lanes.resume(lane);
    }
  }

  /** Goes back in one partition, once what is at work there has ended; see `EventSource.rewind`. */
  async rewind({ topic, partition }: TopicPartition, rewind: Rewind, signal: AbortSignal): Promise<RewindOutcome> {
    const generation = this.#generation;
    const lane = generation?.lane(topic, partition);
    if (!this.joined || generation === undefined || lane === undefined) return 'gone';
    const commit: JoinGate['commit'] = (offsets, isDue) => this.#gate.commit(offsets, isDue);
    const tools = { ...this.#options, consumer: this.#consumer, commit, signal };
    const outcome = await rewindLane(lane, generation, rewind, tools);
    this.#lanes.resume(lane);
    return outcome;
  }

  /** Topics with a partition that is held. */
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

  get refused(): ReadonlySet<string> {
    return this.#places.refused;
  }

  /** Time without an answer from the brokers, who are asked all the time, ms. */
  get quietMs(): number {
    return this.#options.clock.monotonicMs() - this.#answeredMs;
  }

  /** Time without an answer to a heartbeat, which the group's coordinator is sent all the time, ms. */
  get unheardMs(): number {
    return this.#options.clock.monotonicMs() - this.#beatMs;
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
    await this.#consumer.subscribe({ topics: [...this.#topics], fromBeginning: true });
    if (this.#over) return;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: handedOverMax,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    if (!this.#joined) throw new Error(`could not join ${this.#options.groupId}: ${this.#crash}`);
  }

  /** A consumer is only stopped once its start has ended: before that, kafkajs would go on joining without a way to stop it. */
  async #stop(): Promise<void> {
    const { clock, drainMs, metrics } = this.#options;
    this.#over = true;
    // Now: by its end, another session may have been given some.
    metrics.assigned.value = 0;
    this.#conditions.check();
    const generation = this.#generation;
    generation?.close(new Error('the member stops'));
    this.#drained = generation === undefined ? Promise.resolve() : settleWithin(clock, drainMs, generation.idle());
    await this.#started.catch(() => undefined);
    await this.#drained;
    this.#generation?.abort(new Error('the member stops'));
    await this.#consumer.disconnect().catch(() => undefined);
    await this.#places.close();
  }

  #listen(): void {
    const { GROUP_JOIN, CRASH, REQUEST, REBALANCING } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#onJoin(payload.memberAssignment, payload.memberId));
    this.#consumer.on(REBALANCING, () => {
      this.#rebalancingSinceMs ??= this.#options.clock.monotonicMs();
      this.#generation?.close(new Error('the group rebalances'));
    });
    this.#consumer.on(REQUEST, ({ payload }) => {
      this.#answeredMs = this.#options.clock.monotonicMs();
      // Other answers say nothing of the coordinator, without which nothing can be committed.
      if (payload.apiName === 'Heartbeat') this.#beatMs = this.#answeredMs;
    });
    this.#consumer.on(CRASH, ({ payload }) => this.#die(payload.error));
  }

  #die(error: unknown): void {
    this.#crash = messageOf(error);
    this.#generation?.abort(error);
    if (this.#joined && !this.#over) this.#options.onDead(this, this.#crash);
    this.#over = true;
    this.#conditions.check();
  }

  /** Synchronous up to the new generation standing: kafkajs fetches as soon as this returns. What joins too late takes nothing over. */
  #onJoin(assignment: Readonly<Record<string, readonly number[]>>, memberId: string): void {
    if (this.#over) return;
    const { clock, metrics } = this.#options;
    const previous = this.#generation;
    previous?.abort(new Error('the group was joined anew'));
    for (const lane of previous?.lanes() ?? []) lane.resumeFetch = undefined;
    const generation = new Generation(assignment, memberId);
    this.#generation = generation;
    this.#joined = true;
    this.#rebalancingSinceMs = undefined;
    this.#answeredMs = this.#beatMs = clock.monotonicMs();
    metrics.assignments.value += 1;
    metrics.assigned.value = generation.partitions().length;
    metrics.held.value = 0;
    metrics.lags.keep(generation.partitions());
    for (const { topic, partition } of generation.lanes()) this.#consumer.resume([{ topic, partitions: [partition] }]);
    generation.ready = this.#prepare(previous, generation);
    this.#conditions.check();
  }

  async #prepare(previous: Generation | undefined, generation: Generation): Promise<void> {
    await previous?.idle();
    const resumed = this.#readCommitted(previous, generation).then(() => this.#places.settle(generation));
    await Promise.all([resumed, this.#tellAssigned(generation)]);
  }

  /**
   * Where each partition goes on: after what is committed, or after what this member itself has handled and could not commit. Where it cannot be
   * read, nobody knows whether anything is missing, and the partition counts as uncharted.
   */
  async #readCommitted(previous: Generation | undefined, generation: Generation): Promise<void> {
    const { clock, again, random } = this.#options;
    for (let attempt = 1; attempt <= committedAttempts && !generation.over; attempt += 1) {
      try {
        return await resumeLanes({ ...this.#options, topics: this.#topics }, previous, generation);
      } catch (error) {
        if (generation.over) return;
        again.warn({ error: messageOf(error) }, 'kafka group: could not read the committed offsets, trying again');
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: 1_000, random }), generation.signal);
      }
    }
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

  /** Rejects only so that kafkajs rejoins. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { clock, patienceMs } = this.#options;
    const generation = this.#generation;
    const lane = generation?.lane(payload.batch.topic, payload.batch.partition);
    this.#heartbeat = () => payload.heartbeat();
    if (generation === undefined || lane === undefined || lane.held || payload.isStale()) return;
    if (this.#over) return this.#drained;
    if (generation.over && isRejoinNeeded(generation.signal.reason)) throw generation.signal.reason as Error;
    if (generation.closing.aborted) return wait(clock, patienceMs, generation.signal);
    lane.noteLeader(leaderEpochOf(payload.batch));
    await this.#lanes.take(payload, generation, lane);
  }

  /** Told at once, for what is fetched next may look as if it had been handled, where the log has grown since it was cut. */
  #restart({ topic, partition }: TopicPartition): void {
    const lane = this.#generation?.lane(topic, partition);
    const next = lane?.next?.toString();
    this.#options.again.warn({ topic, partition, next }, 'kafka group: not in the log, which is read from its start');
    lane?.restart();
  }

  /** The topic was made anew, or the log cut: kafkajs is sent to its start, from where it finds the first record that there is. */
  #beginAnew(lane: Lane): void {
    const { topic, partition } = lane;
    this.#restart(lane);
    this.#consumer.seek({ topic, partition, offset: '0' });
  }

  /** Before each join but the first: what is at work ends and is committed, while the group can still wait for it. */
  async #letGo(): Promise<void> {
    const { clock, rebalanceTimeoutMs, heartbeatMs } = this.#options;
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#rebalancingSinceMs ??= clock.monotonicMs();
    if (generation.over) return;
    const reason = new Error('the group rebalances');
    generation.close(reason);
    const beat = async (): Promise<void> => this.#beat(generation);
    const stopHeartbeats = every(clock, heartbeatMs / 2, beat);
    void beat();
    await settleWithin(clock, rebalanceTimeoutMs / 2, generation.idle());
    stopHeartbeats();
    generation.abort(reason);
  }

  /** Says that the member lives; who is none any more has nothing to wait for. */
  async #beat(generation: Generation): Promise<void> {
    try {
      await this.#heartbeat?.();
    } catch (error) {
      if (/^(UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION)$/.test(kafkaErrorType(error) ?? '')) generation.abort(error);
    }
  }
}

function isGiven(group: GroupDescription | undefined, generation: Generation): boolean {
  const member = group?.members.find(({ memberId }) => memberId === generation.memberId);
  if (group?.state !== 'Stable' || member === undefined) return false;
  const given = AssignerProtocol.MemberAssignment.decode(member.memberAssignment)?.assignment ?? {};
  return generation.partitions().every(({ topic, partition }) => given[topic]?.includes(partition) === true);
}
