import { type ChangeFeed, type ChangeFeedHandler } from '@tidemark/cache';
import { fromKafka, type KafkaMessage, type TailedTopic } from '@tidemark/kafka/internals';
import { decodeRoute, type Route, type TopicNames, type WireRecord } from '@tidemark/protocol';
import { type Link } from '../network/link.js';
import { LogSession } from './log-session.js';
import { type SimKafka } from './sim-kafka.js';

/** Records of one partition that a pod was handed. */
export interface ProcessedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly WireRecord[];
}

export interface SimPodFeedOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  readonly names: TopicNames;
  /** Told of every batch of a cache topic, after the pod has processed it. */
  readonly onProcessed: (batch: ProcessedBatch) => void;
  /** Records may have been missed. */
  readonly onGap: (topic: string, partition: number, reason: string) => void;
  /** The routing topic has begun anew. */
  readonly onRoutesReset: () => void;
}

const routesTopic: TailedTopic = { from: 'start', compacted: true };
const cacheTopic: TailedTopic = { from: 'end', compacted: false };

/** A pod's view of the cache topics and the routing table: positions of its own, fixed when a topic is first named. */
export class SimPodFeed implements ChangeFeed {
  readonly #options: SimPodFeedOptions;
  readonly #session: LogSession;
  #handler: ChangeFeedHandler | undefined;

  constructor(options: SimPodFeedOptions) {
    this.#options = options;
    const { kafka, link, names } = options;
    this.#session = new LogSession({
      ...{ kafka, link },
      handler: {
        onRecords: (topic, partition, messages) => this.#onRecords(topic, partition, messages),
        onGap: (topic, partition, reason) => {
          options.onGap(topic, partition, reason);
          this.#handler?.onGap(topic, partition, reason);
        },
        onReset: (topic) => {
          if (topic !== names.routes) return;
          options.onRoutesReset();
          this.#handler?.onRoutesReset?.();
        },
        onPartitions: (topic, count) => this.#handler?.onPartitions(topic, count),
        onState: (state) => this.#handler?.onState(state),
      },
    });
  }

  async open(handler: ChangeFeedHandler): Promise<void> {
    this.#handler = handler;
    const { routes } = this.#options.names;
    await this.#session.follow(new Map([[routes, routesTopic]]));
    await this.#session.barrier(routes);
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Map(topics.map((topic) => [topic, cacheTopic]));
    const counts = await this.#session.follow(new Map([...wanted, [this.#options.names.routes, routesTopic]]));
    return new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]));
  }

  async close(): Promise<void> {
    this.#session.close();
  }

  /** Where the pod stands, of a topic that it reads. */
  positions(topic: string): readonly bigint[] {
    return this.#session.positions(topic);
  }

  /** The route that a record holds. */
  routeFrom(value: Uint8Array | null): Route | undefined {
    const decoded = decodeRoute(value);
    return decoded.ok ? decoded.route : undefined;
  }

  #onRecords(topic: string, partition: number, messages: readonly KafkaMessage[]): void {
    if (topic === this.#options.names.routes) return this.#onRoutes(messages);
    const batch = { topic, partition, records: messages.map(fromKafka) };
    this.#handler?.onBatch(batch);
    this.#options.onProcessed(batch);
  }

  #onRoutes(messages: readonly KafkaMessage[]): void {
    for (const { value } of messages) {
      const route = this.routeFrom(value);
      if (route !== undefined) this.#handler?.onRoute(route);
    }
  }
}
