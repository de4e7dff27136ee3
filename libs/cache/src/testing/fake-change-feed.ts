import { partitionOf, type Route, type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import {
  type ChangeFeed,
  type ChangeFeedHandler,
  type EventPublisher,
  type FeedState,
  type PublishedAt,
} from '../backend.js';

/** A change feed that hands over what a test tells it to, at once and in its order; it fails nothing by itself. */
export class FakeChangeFeed implements ChangeFeed {
  #partitions: number;
  readonly #routes = new Map<string, Route>();
  #handler: ChangeFeedHandler | undefined;
  #topics = new Set<string>();
  #closed = false;

  /** `partitions` of every topic, default 4. */
  constructor(partitions = 4) {
    this.#partitions = partitions;
  }

  async open(handler: ChangeFeedHandler): Promise<void> {
    if (this.#handler !== undefined || this.#closed)
      throw new TidemarkError('CLOSED', 'the change feed was opened before', { retriable: false });
    this.#handler = handler;
    handler.onState('live');
    for (const route of this.#routes.values()) handler.onRoute(route);
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.#topics = new Set(topics);
    return new Map(topics.map((topic) => [topic, this.#partitions]));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#topics = new Set();
  }

  /** Adds a record to the routing table. */
  route(route: Route): void {
    this.#routes.set(route.table, route);
    if (!this.#closed) this.#handler?.onRoute(route);
  }

  /** Appends to a topic, as it is: a record with a key to the key's partition, one without to every partition. */
  append(topic: string, record: WireRecord): void {
    for (const partition of this.partitionsFor(record)) this.appendAt(topic, partition, record);
  }

  /** Appends to one partition of a topic. */
  appendAt(topic: string, partition: number, record: WireRecord): void {
    if (this.#topics.has(topic)) this.#handler?.onBatch({ topic, partition, records: [record] });
  }

  /** Where a record goes. */
  partitionsFor({ key }: WireRecord): readonly number[] {
    if (key === null) return Array.from({ length: this.#partitions }, (_, partition) => partition);
    return [partitionOf(Buffer.from(key).toString('utf8'), this.#partitions)];
  }

  gap(topic: string, partition: number, reason = 'told by the test'): void {
    if (this.#topics.has(topic)) this.#handler?.onGap(topic, partition, reason);
  }

  /** Partitions were added to a topic: the count is told, then a gap of every partition. */
  grow(topic: string, count: number): void {
    this.#partitions = count;
    if (!this.#topics.has(topic)) return;
    this.#handler?.onPartitions(topic, count);
    for (let partition = 0; partition < count; partition += 1) this.gap(topic, partition, 'partitions were added');
  }

  state(state: FeedState): void {
    if (!this.#closed) this.#handler?.onState(state);
  }
}

/** Publishes into a fake feed: each table's records to the topic that `topicOf` names, each with its place in the table topic. */
export class FakeEventPublisher implements EventPublisher {
  readonly published: { readonly table: string; readonly record: WireRecord }[] = [];
  readonly #feed: FakeChangeFeed;
  readonly #topicOf: (table: string) => string;
  /** Records taken, by table and partition. */
  readonly #counts = new Map<string, number>();
  #failure: TidemarkError | undefined;

  constructor(feed: FakeChangeFeed, topicOf: (table: string) => string = (table) => table) {
    this.#feed = feed;
    this.#topicOf = topicOf;
  }

  async publish(table: string, records: readonly WireRecord[]): Promise<readonly PublishedAt[]> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    return records.flatMap((record) => {
      this.published.push({ table, record });
      const places = this.#feed.partitionsFor(record).map((partition) => this.#append(table, partition, record));
      return record.key === null ? [] : places;
    });
  }

  #append(table: string, partition: number, record: WireRecord): PublishedAt {
    const place = `${table}/${partition}`;
    const offset = this.#counts.get(place) ?? 0;
    this.#counts.set(place, offset + 1);
    this.#feed.appendAt(this.#topicOf(table), partition, { ...record, src: offset });
    return { partition, offset };
  }

  /** Fails the next call, of which nothing is published. */
  failNext(error: TidemarkError): void {
    this.#failure = error;
  }
}
