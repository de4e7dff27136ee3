import { type Clock, type Logger, messageOf, wait } from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { identityOf, type LogIdentity, withAdmin } from './admin-call.js';
import { type FetchPlace, type FetchPlaces, type RefusedPlace } from './fetch-places.js';
import { type Generation, type Lane } from './generation.js';
import { type KafkaClient } from './kafka-client.js';
import { isOfTopic } from './kafka-error.js';
import { Reconciler } from './reconciler.js';
import { Refusals } from './refusals.js';

export interface GroupPlacesOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** Takes what may be said again and again. */
  readonly again: Pick<Logger, 'warn'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What the member has at present. */
  readonly generation: () => Generation | undefined;
  /** The log of a lane is not the one that was read. */
  readonly onOtherLog: (lane: Lane) => void;
  /** There is no topic of that name. */
  readonly onGone: (topic: string) => void;
}

/** Bound on one question for topics, ms. */
const timeoutMs = 5_000;
/** Looks in vain, after growing delays, after which a topic is gone: a broker may not have heard of it yet. */
const looksMax = 5;

/**
 * Where a member of a group reads, for its fetches: in the log that is noted beside what is committed. Where nothing is noted, and where a broker refuses a partition,
 * the topic is looked up before that is fetched; its other partitions go on meanwhile, for a log that is asked for by id is no other.
 */
export class GroupPlaces implements FetchPlaces {
  readonly #options: GroupPlacesOptions;
  readonly #looking: Reconciler;
  /** Partitions whose topic is to be looked up before they are fetched, by topic. */
  readonly #open = new Map<string, ReadonlySet<number>>();
  /** Looks in vain, by topic. */
  readonly #vain = new Map<string, number>();
  readonly #refusals: Refusals;
  /** The last one of which what is committed was read, or could not be. */
  #settled: Generation | undefined;

  constructor(options: GroupPlacesOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options.clock);
    this.#looking = new Reconciler({
      ...options,
      step: () => this.#look(),
      onError: (error) => {
        options.again.warn({ error: messageOf(error) }, 'kafka group: could not look topics up, trying again');
      },
    });
  }

  of(topic: string, partition: number): FetchPlace | undefined {
    return this.#open.get(topic)?.has(partition) === true
      ? undefined
      : this.#options.generation()?.lane(topic, partition)?.log;
  }

  onRefused({ topic, partition, why }: RefusedPlace): void {
    const lane = this.#options.generation()?.lane(topic, partition);
    if (lane === undefined) return;
    if (why === 'cut') return this.#options.onOtherLog(lane);
    this.#refusals.note(topic, partition);
    if (this.#refusals.topics.has(topic))
      this.#options.again.warn({ topic, partition }, 'kafka group: the brokers do not hand over what is there');
    this.#ask(topic, partition);
    this.#looking.fail();
  }

  onRecords(topic: string, partition: number): void {
    this.#refusals.came(topic, partition);
  }

  /** Topics of which brokers refuse to hand over what is there, for some time now. */
  get refused(): ReadonlySet<string> {
    return this.#refusals.topics;
  }

  idle(delayMs: number): Promise<void> {
    return wait(this.#options.clock, delayMs);
  }

  /**
   * What is committed was read, or could not be: lanes of which no log is known get the one that there is, and so do, beside their reading, those of whose log no
   * id is: brokers that told none may do so by now.
   */
  settle(generation: Generation): void {
    this.#settled = generation;
    for (const { topic, partition, log } of generation.lanes())
      if (log === undefined) this.#ask(topic, partition);
      else if (log.topicId === undefined) this.#ask(topic);
    if (this.#open.size > 0) this.#looking.poke();
  }

  close(): Promise<void> {
    return this.#looking.close();
  }

  /** Has the topic looked up, and a partition fetched no more before. */
  #ask(topic: string, ...partitions: readonly number[]): void {
    this.#open.set(topic, new Set([...(this.#open.get(topic) ?? []), ...partitions]));
  }

  async #look(): Promise<boolean> {
    const { client, clock } = this.#options;
    const topics = [...this.#open.keys()];
    if (topics.length === 0) return true;
    try {
      await withAdmin({ client, clock, timeoutMs }, async (admin) => {
        for (const topic of topics) {
          const identity = await this.#identityOf(admin, topic);
          if (identity === 'unknown' || (identity === undefined && !this.#isGone(topic))) continue;
          this.#vain.delete(topic);
          if (identity !== undefined) this.#found(topic, identity);
          this.#open.delete(topic);
        }
      });
    } finally {
      for (const topic of topics) this.#noteOpen(topic);
    }
    return this.#open.size === 0;
  }

  /** A look in vain: what is not fetched before there is one is not handed over, refused or not. */
  #noteOpen(topic: string): void {
    const partitions = this.#open.get(topic);
    if (partitions === undefined) return;
    this.#refusals.still(topic);
    for (const partition of partitions) {
      const lane = this.#options.generation()?.lane(topic, partition);
      if (lane !== undefined && lane.log === undefined) this.#refusals.note(topic, partition);
    }
  }

  /** One topic that the brokers do not answer for keeps no other from its look. */
  async #identityOf(admin: Admin, topic: string): Promise<LogIdentity | undefined | 'unknown'> {
    try {
      return await identityOf(admin, topic);
    } catch (error) {
      if (!isOfTopic(error)) throw error;
      this.#options.again.warn({ topic, error: messageOf(error) }, 'kafka group: a topic cannot be looked up');
      return 'unknown';
    }
  }

  #isGone(topic: string): boolean {
    const looks = (this.#vain.get(topic) ?? 0) + 1;
    this.#vain.set(topic, looks);
    if (looks < looksMax) return false;
    this.#options.onGone(topic);
    return true;
  }

  #found(topic: string, { topicId, leaderEpochs }: LogIdentity): void {
    const generation = this.#options.generation();
    for (const lane of generation?.lanes() ?? []) {
      // What is committed may be of another log, and say so.
      const isKnown = lane.log !== undefined || lane.isRead || generation === this.#settled;
      if (lane.topic === topic && isKnown) this.#place(lane, { topicId, leaderEpoch: leaderEpochs[lane.partition] });
    }
  }

  #place(lane: Lane, present: FetchPlace): void {
    const { topic, partition, log } = lane;
    if (log === undefined) {
      lane.log = present;
      this.#refusals.came(topic, partition);
    } else if (log.topicId === undefined) {
      lane.log = { ...present, leaderEpoch: log.leaderEpoch ?? present.leaderEpoch };
    } else if (present.topicId !== undefined && log.topicId !== present.topicId) {
      lane.log = present;
      this.#options.onOtherLog(lane);
    }
  }
}
