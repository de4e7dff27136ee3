import { type ChangeFeed, type ChangeFeedHandler } from '@tidemark/cache';
import { decodeRoute, type TopicNames } from '@tidemark/protocol';
import {
  type Clock,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
} from '@tidemark/runtime';
import { type KafkaMessage } from 'kafkajs';
import { type TailedTopic } from './followed-topics.js';
import { type KafkaClient } from './kafka-client.js';
import { LogTail } from './log-tail.js';
import { type LogTailOptions } from './log-tail-options.js';
import { fromKafka } from './wire.js';

export interface PodFeedOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  /** Name of the service and random id of this start of the pod: its consumer groups are `<prefix>.pod.<service>.<podId>.<random>`. */
  readonly service: string;
  readonly podId: string;
  /** Lets the pod read from replicas of its own zone. Default none. */
  readonly rackId?: string;
  /** The brokers have not answered for this long: `interrupted`, ms. Default 3,000. */
  readonly interruptedAfterMs?: number;
  /** The brokers have not answered for this long: join anew beside the old consumer, ms. Default 5,000. */
  readonly rebuildAfterMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

const routesTopic: TailedTopic = { from: 'start', compacted: true };
const cacheTopic: TailedTopic = { from: 'end', compacted: false };

/** Longer than a watermark takes to come, which then answers each fetch: an idle pod makes one a second. */
const fetchWaitMs = 1_500;
/**
 * Where records come from replicas of a rack: kafkajs asks the leader anew every few seconds, and on both ways of that hand-over sleeps
 * for as long as a fetch may wait, while nobody reads the partition.
 */
const rackFetchWaitMs = 500;

/**
 * A pod's view of its region's cache topics and routing table: one consumer, in a group that no other process knows, which reads every
 * partition from positions kept here and never commits.
 */
export class PodFeed implements ChangeFeed {
  readonly #options: PodFeedOptions;
  readonly #logger: Logger;
  #tail: LogTail | undefined;
  #closed = false;

  constructor(options: PodFeedOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  async open(handler: ChangeFeedHandler): Promise<void> {
    if (this.#closed || this.#tail !== undefined)
      throw new TidemarkError('CLOSED', 'the change feed was opened before', { retriable: false });
    const { routes } = this.#options.names;
    this.#tail = new LogTail(this.#tailOptions(), {
      onRecords: (topic, partition, messages) => this.#onRecords(handler, topic, partition, messages),
      onGap: (topic, partition, reason) => handler.onGap(topic, partition, reason),
      onReset: (topic) => {
        if (topic === routes) handler.onRoutesReset?.();
      },
      onPartitions: (topic, count) => handler.onPartitions(topic, count),
      onState: (state) => handler.onState(state),
    });
    await this.#tail.follow(new Map([[routes, routesTopic]]));
    await this.#tail.barrier(routes);
  }

  /** Resolves as soon as the positions are fixed; the join that follows may be overlapped with warm-up, `onState` tells its end. */
  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (this.#tail === undefined)
      throw new TidemarkError('CLOSED', 'the change feed is not open', { retriable: false });
    const wanted = new Map(topics.map((topic) => [topic, cacheTopic]));
    const counts = await this.#tail.follow(new Map([...wanted, [this.#options.names.routes, routesTopic]]));
    return new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]));
  }

  /** Leaves, and deletes the pod's group; takes at most 5 s. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail?.close();
  }

  #onRecords(handler: ChangeFeedHandler, topic: string, partition: number, messages: readonly KafkaMessage[]): void {
    if (topic !== this.#options.names.routes)
      return handler.onBatch({ topic, partition, records: messages.map(fromKafka) });
    for (const { value, offset } of messages) this.#onRoute(handler, value, offset);
  }

  /** One unreadable or unwelcome route keeps none of the others from being handed over. */
  #onRoute(handler: ChangeFeedHandler, value: Buffer | null, offset: string): void {
    const result = decodeRoute(value);
    if (!result.ok) return this.#logger.error({ offset, reason: result.reason }, 'kafka: skipped an unreadable route');
    try {
      handler.onRoute(result.route);
    } catch (error) {
      this.#logger.error({ offset, error: messageOf(error) }, 'kafka: the handler of a route threw');
    }
  }

  #tailOptions(): LogTailOptions {
    const { client, names, service, podId, clock = systemClock, metrics = new MetricRegistry() } = this.#options;
    const { rackId, interruptedAfterMs = 3_000, rebuildAfterMs = 5_000, random = Math.random } = this.#options;
    return {
      client,
      clock,
      metrics,
      random,
      rackId,
      fetchWaitMs: rackId === undefined ? fetchWaitMs : rackFetchWaitMs,
      interruptedAfterMs,
      rebuildAfterMs,
      logger: this.#logger,
      groupPrefix: names.podGroup(service, podId),
    };
  }
}
