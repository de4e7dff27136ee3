import {
  Conditions,
  FollowedTopics,
  type KafkaClient,
  type LogTailHandler,
  type TailedTopic,
  TailDelivery,
  TailEnds,
  tailMetrics,
  TailPlaces,
  withAdmin,
} from '@tidemark/kafka/internals';
import { MetricRegistry, silentLogger, wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { type AskedPartition, type FetchedPartition, fetchPartitions } from './sim-fetch.js';
import { simClient } from './sim-client.js';
import { type SimKafka } from './sim-kafka.js';

export interface LogSessionOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  readonly handler: LogTailHandler;
}

const fetchTimeoutMs = 2_500;
const retryMs = 400;
const recordsMax = 50;
/** Nothing may be asked for: time until the next look, ms. */
const idleMs = 50;

/**
 * One process's reading of any number of topics, with the positions, the look-ups and the gaps of the shipped reader: a position moves only when its records
 * were handed over, or with a gap that was told.
 */
export class LogSession {
  readonly #options: LogSessionOptions;
  readonly #client: KafkaClient;
  readonly #topics: FollowedTopics;
  readonly #delivery: TailDelivery;
  readonly #places: TailPlaces;
  readonly #ends: TailEnds;
  readonly #conditions = new Conditions();
  #running = false;
  #looking = false;
  #closed = false;

  constructor(options: LogSessionOptions) {
    this.#options = options;
    const { kafka, link, handler } = options;
    const { clock, random: draws } = link.process;
    const random = (): number => draws.next();
    this.#client = simClient(kafka, link);
    this.#topics = new FollowedTopics({
      onGap: (topic, partition, reason) => this.#delivery.gap(topic, partition, reason),
      onReset: (topic) => this.#delivery.reset(topic),
      onGrowth: (topic, count) => this.#delivery.partitions(topic, count),
      onAbsent: () => undefined,
      // Each fetch asks where the positions are.
      onMove: () => undefined,
      onChange: () => this.#conditions.check(),
    });
    this.#delivery = new TailDelivery({
      ...{ topics: this.#topics, handler, metrics: tailMetrics(new MetricRegistry()), logger: silentLogger },
      onMove: () => undefined,
      onAdvance: () => this.#conditions.check(),
    });
    this.#places = new TailPlaces({
      ...{ clock, random, topics: this.#topics, survey: (topics) => this.#survey(topics) },
      onLooked: () => void this.#look(),
      onError: () => undefined,
    });
    this.#ends = new TailEnds({
      ...{ client: this.#client, clock, random, conditions: this.#conditions },
      isReached: (topic, ends, topicId) => this.#topics.isReached(topic, ends, topicId),
    });
  }

  /** Replaces the set; resolves to the number of partitions of each, once their positions are fixed. */
  async follow(topics: ReadonlyMap<string, TailedTopic>): Promise<ReadonlyMap<string, number>> {
    const { positions } = this.#topics;
    this.#topics.want(topics);
    this.#conditions.check();
    void this.#look();
    const isFixed = (topic: string): boolean => positions.has(topic) || this.#topics.specOf(topic) === undefined;
    await this.#conditions.until(() => [...topics.keys()].every(isFixed));
    if (!this.#running) void this.#read();
    return new Map([...topics.keys()].map((topic) => [topic, positions.count(topic)]));
  }

  /** Resolves once everything that is in the topic now was handed over. */
  barrier(topic: string, signal?: AbortSignal): Promise<void> {
    return this.#ends.pass(topic, signal);
  }

  /** Where the process stands, of a topic that it reads. */
  positions(topic: string): readonly bigint[] {
    return this.#topics.positions.of(topic);
  }

  close(): void {
    this.#closed = true;
    this.#delivery.close();
    this.#conditions.close();
    void this.#places.close();
  }

  /** Looks for topics that are not there, or were never looked up, until all are. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (!this.#closed && this.#topics.open().length > 0) {
      const isDone = await this.#survey(this.#topics.open()).then(
        () => this.#topics.open().length === 0,
        () => false,
      );
      if (!isDone) await wait(this.#options.link.process.clock, retryMs);
    }
    this.#looking = false;
  }

  async #survey(topics: readonly string[]): Promise<void> {
    const { clock } = this.#options.link.process;
    await withAdmin({ client: this.#client, clock }, (admin) => this.#topics.survey(admin, topics));
  }

  async #read(): Promise<void> {
    const { link, handler } = this.#options;
    this.#running = true;
    while (!this.#closed) {
      try {
        const asked = this.#asked();
        if (asked.length === 0) {
          await this.#places.idle(idleMs);
          continue;
        }
        const fetched = await this.#fetch(asked);
        if (this.#closed) return;
        handler.onState('live');
        for (const each of fetched) await this.#take(each);
      } catch {
        if (this.#closed) return;
        handler.onState('interrupted');
        await wait(link.process.clock, retryMs);
      }
    }
  }

  #asked(): readonly AskedPartition[] {
    const { positions } = this.#topics;
    return this.#topics.present().flatMap((topic) =>
      positions.of(topic).flatMap((position, partition) => {
        const place = this.#places.of(topic, partition);
        return place === undefined ? [] : [{ topic, partition, fetchOffset: Number(position), place }];
      }),
    );
  }

  #fetch(asked: readonly AskedPartition[]): Promise<readonly FetchedPartition[]> {
    const { kafka, link } = this.#options;
    const failed = (reason: string): Error => new Error(reason);
    return fetchPartitions(asked, { kafka, link, recordsMax, failed, what: 'fetch', timeoutMs: fetchTimeoutMs });
  }

  /** What was asked for while the process followed another set, or moved on, is not handed over. */
  async #take(fetched: FetchedPartition): Promise<void> {
    const { topic, partition, fetchOffset, place } = fetched.asked;
    const isStale = this.#places.of(topic, partition) !== place;
    if (this.#closed || isStale || this.#topics.positions.at(topic, partition) !== BigInt(fetchOffset)) return;
    switch (fetched.type) {
      case 'records':
        return this.#delivery.batch(fetched.batch);
      case 'refused':
        return this.#places.onRefused({ topic, partition, why: fetched.why });
      case 'out of range':
        // The shipped reader reads from the log's start then, and its watch looks: whichever tells of the gap first.
        return this.#survey([topic]);
    }
  }
}
