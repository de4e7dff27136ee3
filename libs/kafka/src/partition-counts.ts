import { backoffMs, type Clock, isTidemarkError, TidemarkError, wait } from '@tidemark/runtime';
import { partitionCountOf } from './admin-call.js';
import { BurstAdmin } from './burst-admin.js';
import { type KafkaClient } from './kafka-client.js';
import { topicMissing } from './kafka-error.js';
import { adminFailed, createTopic, type TopicSpec } from './topic-admin.js';

export interface CreateTopics extends TopicSpec {
  readonly partitions: number;
}

export interface PartitionCountsOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** How missing topics are made; without it they are missing. */
  readonly createTopics?: CreateTopics | undefined;
  /** A count is asked for again after this, ms. */
  readonly maxAgeMs: number;
  /** Counts kept. */
  readonly topicsMax: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

interface Patience {
  readonly count: Promise<number>;
  /** Of the most patient caller, on the monotonic clock, ms. */
  deadlineMs: number;
}

interface Count {
  readonly count: Promise<number>;
  readonly atMs: number;
}

/** Partition counts by topic, asked for once however many callers wait, and kept for a bounded time. */
export class PartitionCounts {
  readonly #options: PartitionCountsOptions;
  readonly #counts = new Map<string, Count>();
  /** How many a topic had when it was last there: made anew, it gets as many again. */
  readonly #last = new Map<string, number>();
  readonly #patience = new Map<string, Patience>();
  readonly #closing = new AbortController();
  readonly #admin: BurstAdmin;

  constructor(options: PartitionCountsOptions) {
    const { client, clock } = options;
    this.#options = options;
    this.#admin = new BurstAdmin({ client, clock, signal: this.#closing.signal });
  }

  /** No older than `maxAgeMs`, where that is given. Fails with `TOPIC_MISSING`, `ACCESS_DENIED`, `FEED_UNAVAILABLE`, `TIMEOUT`, `CLOSED`. */
  async of(topic: string, maxAgeMs = this.#options.maxAgeMs): Promise<number> {
    this.#assertOpen();
    const { clock, topicsMax } = this.#options;
    const known = this.#counts.get(topic);
    if (known !== undefined && clock.monotonicMs() - known.atMs < maxAgeMs) return known.count;
    const asked: Count = { count: this.#ask(topic), atMs: clock.monotonicMs() };
    if (this.#counts.size >= topicsMax) this.#counts.clear();
    this.#counts.set(topic, asked);
    try {
      return await asked.count;
    } catch (error) {
      if (this.#counts.get(topic) === asked) this.#counts.delete(topic);
      throw error;
    }
  }

  /**
   * Goes on asking until `deadlineMs` on the monotonic clock while the brokers do not answer. All callers wait for the same answers, so that they
   * go on in the order in which they came.
   */
  untilKnown(topic: string, deadlineMs: number): Promise<number> {
    const waiting = this.#patience.get(topic);
    if (waiting !== undefined) {
      waiting.deadlineMs = Math.max(waiting.deadlineMs, deadlineMs);
      return waiting.count;
    }
    const count = this.#askOn(topic, () => this.#patience.get(topic)?.deadlineMs ?? deadlineMs);
    this.#patience.set(topic, { count, deadlineMs });
    const forget = (): void => void this.#patience.delete(topic);
    count.then(forget, forget);
    return count;
  }

  forget(topic: string): void {
    this.#counts.delete(topic);
  }

  /** Asks nothing more; whoever waits is told `CLOSED`. */
  close(): void {
    this.#closing.abort();
  }

  async #askOn(topic: string, deadlineMs: () => number): Promise<number> {
    const { clock, random } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.of(topic);
      } catch (error) {
        const delayMs = backoffMs(attempt, { initialMs: 50, maxMs: 1_000, random });
        if (!isTidemarkError(error, 'FEED_UNAVAILABLE') || clock.monotonicMs() + delayMs >= deadlineMs()) throw error;
        await wait(clock, delayMs, this.#closing.signal);
      }
    }
  }

  async #ask(topic: string): Promise<number> {
    const { createTopics } = this.#options;
    try {
      return await this.#admin.call(async (admin) => {
        const count = await partitionCountOf(admin, topic);
        if (count !== undefined) return this.#remember(topic, count);
        if (createTopics === undefined) throw topicMissing(topic);
        const made = this.#last.get(topic) ?? createTopics.partitions;
        await createTopic(admin, topic, made, createTopics);
        return made;
      });
    } catch (error) {
      this.#assertOpen();
      if (error instanceof TidemarkError && error.code === 'PARTITION_MISMATCH') return Number(error.context['got']);
      throw adminFailed(error);
    }
  }

  #remember(topic: string, count: number): number {
    if (this.#last.size >= this.#options.topicsMax) this.#last.clear();
    this.#last.set(topic, count);
    return count;
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new TidemarkError('CLOSED', 'the producer is closed', { retriable: false });
  }
}
