import { randomUUID } from 'node:crypto';
import { type Clock, type Logger, messageOf } from '@tidemark/runtime';
import { type Batch, type Consumer, type EachBatchPayload, PartitionAssigners } from 'kafkajs';
import { withAdmin } from './admin-call.js';
import { fetchingAt } from './fetch-patch.js';
import { type FetchPlaces } from './fetch-places.js';
import { type KafkaClient } from './kafka-client.js';

export interface TailSessionOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The group id is this and a suffix of the session's own. */
  readonly groupPrefix: string;
  readonly topics: readonly string[];
  readonly places: FetchPlaces;
  readonly rackId?: string | undefined;
  /** How long the broker may keep a fetch that finds nothing, ms; leaving takes as long. Default 500. */
  readonly fetchWaitMs?: number | undefined;
}

/** All synchronous; none is called once the session is retired. */
export interface TailSessionHooks {
  /** Joined, or joined again: seek every assigned partition now. */
  onJoin(session: TailSession, assignment: Readonly<Record<string, readonly number[]>>): void;
  /** Must not throw. */
  onBatch(session: TailSession, batch: Batch): void;
  /** There was nothing to hand over up to `lastOffset`: a compacted topic, whose batch lost its records. */
  onNothing(session: TailSession, topic: string, partition: number, lastOffset: bigint): void;
  onDead(session: TailSession, reason: string): void;
}

/**
 * The time-outs only work as a pair: a sole member gains nothing from expiring, but one that crashed leaves a ghost behind, and whoever
 * joins its group then waits for the shorter of the ghost's session and the rebalance time-out. A stop waits out the fetch in hand.
 */
const consumerConfig = {
  minBytes: 1,
  maxBytes: 33_554_432,
  // Partitions that are added to a topic are found by then.
  metadataMaxAge: 10_000,
  sessionTimeout: 300_000,
  rebalanceTimeout: 3_000,
  allowAutoTopicCreation: false,
};
const retry = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
  retries: 1_000_000,
  restartOnFailure: () => Promise.resolve(false),
};

/**
 * One kafkajs consumer from its birth to its end, sole member of a group that nobody else knows.
 *
 * It never commits, never owns a position and never restarts itself: a rejoin asks its owner where to read on, and a crash is the owner's to
 * answer with a new session. Retired, it calls no hook, leaves, and deletes its group.
 */
export class TailSession {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly #options: TailSessionOptions;
  readonly #hooks: TailSessionHooks;
  readonly #consumer: Consumer;
  #started: Promise<void> = Promise.resolve();
  #joined = false;
  #crash = 'ended before it joined';
  #over = false;
  #retired: Promise<void> | undefined;
  #answeredMs: number;
  #answers = 0;
  #emptyAnswers = 0;
  #sawData = true;

  constructor(options: TailSessionOptions, hooks: TailSessionHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.groupId = `${options.groupPrefix}.${randomUUID().slice(0, 8)}`;
    this.topics = options.topics;
    this.#answeredMs = options.clock.monotonicMs();
    const { rackId, fetchWaitMs: maxWaitTimeInMs = 500, places } = options;
    const rack = rackId === undefined ? {} : { rackId };
    // A session that is over may stand elsewhere: what is refused to it says nothing.
    const own: FetchPlaces = {
      of: (topic, partition) => (this.#over ? undefined : places.of(topic, partition)),
      onRefused: (refused) => this.#guard('refusal', () => places.onRefused(refused)),
      onNothing: (nothing) => this.#guard('nothing', () => places.onNothing?.(nothing)),
      onRecords: (topic, partition) => this.#guard('records', () => places.onRecords(topic, partition)),
      idle: (delayMs) => places.idle(delayMs),
    };
    const partitionAssigners = [fetchingAt(own, PartitionAssigners.roundRobin)];
    const config = { ...consumerConfig, ...rack, maxWaitTimeInMs, groupId: this.groupId, partitionAssigners, retry };
    this.#consumer = options.client.consumer(config);
    this.#listen();
  }

  get joined(): boolean {
    return this.#joined && !this.#over;
  }

  /** When the broker last answered a fetch, on the monotonic clock, ms. */
  get answeredMs(): number {
    return this.#answeredMs;
  }

  /** Fetches answered so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Fetches answered so far that brought no batch. */
  get emptyAnswers(): number {
    return this.#emptyAnswers;
  }

  /** Resolves when the group is joined; rejects when it could not be. */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  /** The next fetch starts at `offset`; what is in flight is dropped. */
  seek(topic: string, partition: number, offset: bigint): void {
    if (!this.#over) this.#consumer.seek({ topic, partition, offset: String(offset) });
  }

  /** Ends the session; resolves when its connection is closed and its group deleted, as far as the brokers could be reached. */
  retire(): Promise<void> {
    this.#over = true;
    this.#retired ??= this.#end();
    return this.#retired;
  }

  async #start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.topics], fromBeginning: true });
    if (this.#over) return;
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#eachBatch(payload) });
    if (!this.#joined) throw new Error(`could not join ${this.groupId}: ${this.#crash}`);
  }

  #listen(): void {
    const { GROUP_JOIN, END_BATCH_PROCESS, CRASH, REQUEST } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#joined = true;
      this.#answeredMs = this.#options.clock.monotonicMs();
      this.#guard('join', () => this.#hooks.onJoin(this, payload.memberAssignment));
    });
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) =>
      this.#guard('batch end', () => {
        if (payload.batchSize > 0) return;
        this.#sawData = true;
        this.#hooks.onNothing(this, payload.topic, payload.partition, BigInt(payload.lastOffset));
      }),
    );
    this.#consumer.on(REQUEST, ({ payload }) => {
      if (payload.apiName === 'Fetch') this.#answered();
    });
    this.#consumer.on(CRASH, ({ payload }) => {
      this.#crash = messageOf(payload.error);
      this.#guard('crash', () => {
        if (this.#joined) this.#hooks.onDead(this, this.#crash);
        this.#over = true;
      });
    });
  }

  #answered(): void {
    this.#answeredMs = this.#options.clock.monotonicMs();
    this.#answers += 1;
    if (!this.#sawData) this.#emptyAnswers += 1;
    this.#sawData = false;
  }

  /** kafkajs gives up a consumer for good on some exceptions, so none of ours may reach it. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    if (payload.isStale()) return;
    this.#sawData = true;
    this.#guard('batch', () => this.#hooks.onBatch(this, payload.batch));
  }

  #guard(what: string, fn: () => void): void {
    if (this.#over) return;
    try {
      fn();
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error), groupId: this.groupId }, `kafka tail: ${what} failed`);
    }
  }

  /** A consumer is only stopped once its start has ended: before that, kafkajs would go on joining without a way to stop it. */
  async #end(): Promise<void> {
    await this.#started.catch(() => undefined);
    await this.#consumer.disconnect().catch(() => undefined);
    if (!this.#joined) return;
    const { client, clock } = this.#options;
    await withAdmin({ client, clock, timeoutMs: 3_000 }, (admin) => admin.deleteGroups([this.groupId])).catch(
      () => undefined,
    );
  }
}
