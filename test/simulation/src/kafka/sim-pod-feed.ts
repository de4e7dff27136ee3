import { type ChangeFeed, type ChangeFeedHandler } from '@tidemark/cache';
import { decodeRoute, type Route, type TopicNames } from '@tidemark/protocol';
import { type Link } from '../network/link.js';
import { type FetchedBatch, LogSession } from './log-session.js';
import { type SimKafka } from './sim-kafka.js';
import { ReadUpTo } from './read-up-to.js';

export interface SimPodFeedOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  readonly names: TopicNames;
  /** Told of every batch of a cache topic, after the pod has processed it. */
  readonly onProcessed: (batch: FetchedBatch) => void;
  /** Records were skipped. */
  readonly onGap: (topic: string, partition: number) => void;
}

/** A pod's view of the cache topics and the routing table: positions of its own, fixed when a topic is first named. */
export class SimPodFeed implements ChangeFeed {
  readonly #options: SimPodFeedOptions;
  readonly #session: LogSession;
  readonly #routesRead = new ReadUpTo();
  #handler: ChangeFeedHandler | undefined;
  #wanted: ReadonlySet<string> = new Set();
  /** Partitions of the followed topics. */
  readonly #counts = new Map<string, number>();

  constructor(options: SimPodFeedOptions) {
    this.#options = options;
    const { kafka, link } = options;
    this.#session = new LogSession({
      kafka,
      link,
      onBatch: (batch) => this.#onBatch(batch),
      onState: (state) => this.#handler?.onState(state),
    });
  }

  async open(handler: ChangeFeedHandler): Promise<void> {
    this.#handler = handler;
    const { routes } = this.#options.names;
    const [start = 0] = await this.#session.bounds(routes, 'start');
    const [end = 0] = await this.#session.bounds(routes, 'end');
    this.#routesRead.reached(start);
    this.#session.follow(routes, 0, start);
    await this.#routesRead.until(end);
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(topics);
    this.#wanted = wanted;
    for (const topic of this.#counts.keys()) if (!wanted.has(topic)) this.#forget(topic);
    for (const topic of topics) if (!this.#counts.has(topic)) await this.#begin(topic);
    return new Map(topics.map((topic) => [topic, this.#counts.get(topic) ?? 0]));
  }

  async close(): Promise<void> {
    this.#session.close();
  }

  /** The route that a record holds. */
  routeFrom(value: Uint8Array | null): Route | undefined {
    const decoded = decodeRoute(value);
    return decoded.ok ? decoded.route : undefined;
  }

  async #begin(topic: string): Promise<void> {
    const ends = await this.#session.bounds(topic, 'end');
    if (!this.#wanted.has(topic) || this.#counts.has(topic)) return;
    this.#counts.set(topic, ends.length);
    for (const [partition, end] of ends.entries()) this.#session.follow(topic, partition, end);
  }

  #forget(topic: string): void {
    this.#counts.delete(topic);
    this.#session.unfollow(topic);
  }

  #onBatch(batch: FetchedBatch): void {
    const { topic, partition, expected, offset, records } = batch;
    if (topic === this.#options.names.routes) return this.#onRoutes(batch);
    if (offset > expected) {
      this.#options.onGap(topic, partition);
      this.#handler?.onGap(topic, partition, `expected offset ${expected}, got ${offset}`);
    }
    if (records.length > 0) this.#handler?.onBatch({ topic, partition, records });
    this.#options.onProcessed(batch);
  }

  #onRoutes({ offset, records }: FetchedBatch): void {
    for (const { value } of records) {
      const route = this.routeFrom(value);
      if (route !== undefined) this.#handler?.onRoute(route);
    }
    this.#routesRead.reached(offset + records.length);
  }
}
