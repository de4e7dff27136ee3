import {
  type Attributes,
  type CdcEvent,
  encodeControl,
  encodeEvent,
  type ItemImage,
  partitionOf,
  type Route,
  type WireRecord,
} from '@tidemark/protocol';
import { type Clock, every, systemClock, TidemarkError } from '@tidemark/runtime';
import {
  type Backend,
  type BackendParts,
  type ChangeFeed,
  type ChangeFeedHandler,
  type EventPublisher,
  type PublishedAt,
} from './backend.js';
import { MemoryPodRegistry } from './memory-pod-registry.js';
import { type MemoryChange, MemoryStore } from './memory-store.js';
import { onlyFields, wholeNumber } from './options.js';

export interface MemoryOptions {
  /** Default `'local'`. */
  readonly region?: string;
  /** Time from a write to its event, ms; default 0: the next turn of the event loop. What pods publish themselves does not wait. */
  readonly eventDelayMs?: number;
  readonly clock?: Clock;
}

/** Partitions of every table's topic: more than one, so that tests meet what production has. */
const partitions = 4;

/**
 * A backend in this process alone, for tests: what is written there is gone with it. Several Tidemarks on one `memory()` are pods of one
 * region: each has its own L1 and follows the same events. Throws `INVALID_OPTIONS` naming the field.
 */
export function memory(options: MemoryOptions = {}): MemoryBackend {
  onlyFields('memory', options, ['region', 'eventDelayMs', 'clock']);
  return new MemoryBackend(options);
}

export class MemoryBackend implements Backend {
  readonly name = 'memory';
  readonly region: string;
  readonly #clock: Clock;
  readonly #eventDelayMs: number;
  readonly #store: MemoryStore;
  readonly #feeds = new Set<MemoryFeed>();
  readonly #pods: MemoryPodRegistry;
  /** By table: the next offset of each partition of its topic. */
  readonly #tables = new Map<string, number[]>();
  #lastStampUs = 0;
  #paused = false;

  constructor({ region = 'local', eventDelayMs = 0, clock = systemClock }: MemoryOptions) {
    wholeNumber('memory.eventDelayMs', eventDelayMs, 0, 86_400_000);
    this.region = region;
    this.#clock = clock;
    this.#eventDelayMs = eventDelayMs;
    this.#pods = new MemoryPodRegistry(clock);
    this.#store = new MemoryStore(
      (change) => this.#capture(change),
      (table) => void this.#offsetsOf(table),
      { clock },
    );
  }

  open(): BackendParts {
    const feed = new MemoryFeed(
      this.#clock,
      () => this.#clock.now() - this.#eventDelayMs,
      () => [...this.#tables.keys()].map(routeOf),
      (open) => (open ? this.#feeds.add(feed) : this.#feeds.delete(feed)),
    );
    feed.pause(this.#paused);
    const publisher: EventPublisher = {
      publish: async (table, records) =>
        records.flatMap((record) => {
          const places = this.#broadcast(table, record);
          return record.key === null ? [] : places;
        }),
    };
    return { store: this.#store, feed, publisher, pods: this.#pods, close: () => feed.close() };
  }

  /** Writes an item as a foreign writer would, without condition or write id unless the image has one; `undefined` removes it. */
  writeItem(table: string, itemKey: string, image: Partial<Omit<ItemImage, 'key'>> | undefined): void {
    this.#store.write(table, itemKey, image === undefined ? undefined : { ...foreignImage, ...image, key: itemKey });
  }

  /** The item as it is stored, in DynamoDB's JSON. */
  readItem(table: string, itemKey: string): Attributes | undefined {
    return this.#store.item(table, itemKey);
  }

  /** While `true`, no pod hears anything: events, watermarks and what pods publish wait, and come in order when it is `false` again. */
  pauseFeeds(paused: boolean): void {
    this.#paused = paused;
    for (const feed of this.#feeds) feed.pause(paused);
  }

  /** Tells every pod to drop what it holds of a table, as the pipeline does when changes may have been missed. */
  flushTable(table: string, reason: string): void {
    this.#broadcast(table, encodeControl({ control: 'flush-table', table, reason }));
  }

  /** A table comes into being when it is first named, be it by its store or by a publisher. */
  #offsetsOf(table: string): number[] {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const offsets = Array.from({ length: partitions }, () => 0);
    this.#tables.set(table, offsets);
    for (const feed of this.#feeds) feed.route(routeOf(table));
    return offsets;
  }

  #capture(change: MemoryChange): void {
    this.#lastStampUs = Math.max(this.#clock.now() * 1_000, this.#lastStampUs + 1);
    const record = encodeEvent(eventOf(change, this.#lastStampUs, this.region));
    if (this.#eventDelayMs === 0) this.#broadcast(change.table, record);
    else this.#clock.setTimer(() => this.#broadcast(change.table, record), this.#eventDelayMs);
  }

  /** Takes the record into the table's topic, and hands it to every pod together with its place there. */
  #broadcast(table: string, record: WireRecord): readonly PublishedAt[] {
    const offsets = this.#offsetsOf(table);
    return partitionsFor(record).map((partition) => {
      const offset = offsets[partition] ?? 0;
      offsets[partition] = offset + 1;
      for (const feed of this.#feeds) feed.enqueue(topicOf(table), partition, { ...record, src: offset });
      return { partition, offset };
    });
  }
}

/** A record without a key is not about one partition, so it goes into every one. */
function partitionsFor({ key }: WireRecord): readonly number[] {
  if (key === null) return Array.from({ length: partitions }, (_, partition) => partition);
  return [partitionOf(typeof key === 'string' ? key : Buffer.from(key).toString('utf8'), partitions)];
}

/** One pod's feed: what is appended is handed over in the next turn of the event loop, in order. */
class MemoryFeed implements ChangeFeed {
  readonly #clock: Clock;
  readonly #completeUpTo: () => number;
  readonly #routes: () => readonly Route[];
  readonly #setOpen: (open: boolean) => void;
  #handler: ChangeFeedHandler | undefined;
  #topics = new Set<string>();
  #stopWatermarks: () => void = () => undefined;
  /** What waits while the feed is paused. */
  #held: (() => void)[] | undefined;

  /** `completeUpTo`: every change before it has been appended, ms since the epoch. */
  constructor(
    clock: Clock,
    completeUpTo: () => number,
    routes: () => readonly Route[],
    setOpen: (open: boolean) => void,
  ) {
    this.#clock = clock;
    this.#completeUpTo = completeUpTo;
    this.#routes = routes;
    this.#setOpen = setOpen;
  }

  async open(handler: ChangeFeedHandler): Promise<void> {
    if (this.#handler !== undefined)
      throw new TidemarkError('INVALID_OPTIONS', 'this feed is open already', { retriable: false });
    this.#handler = handler;
    this.#setOpen(true);
    handler.onState('live');
    for (const route of this.#routes()) handler.onRoute(route);
    this.#stopWatermarks = every(this.#clock, 1_000, () => this.#watermark(this.#topics));
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const added = topics.filter((topic) => !this.#topics.has(topic));
    this.#topics = new Set(topics);
    this.#watermark(added);
    return new Map(topics.map((topic) => [topic, partitions]));
  }

  async close(): Promise<void> {
    this.#stopWatermarks();
    this.#setOpen(false);
    this.#topics = new Set();
  }

  route(route: Route): void {
    this.#handler?.onRoute(route);
  }

  enqueue(topic: string, partition: number, record: WireRecord): void {
    if (!this.#topics.has(topic)) return;
    const handOver = (): void => {
      if (this.#topics.has(topic)) this.#handler?.onBatch({ topic, partition, records: [record] });
    };
    this.#clock.setTimer(() => (this.#held === undefined ? handOver() : this.#held.push(handOver)), 0);
  }

  pause(paused: boolean): void {
    const held = this.#held ?? [];
    this.#held = paused ? held : undefined;
    if (!paused) for (const handOver of held) handOver();
  }

  #watermark(topics: Iterable<string>): void {
    for (const topic of topics) {
      const record = encodeControl({
        control: 'watermark',
        table: tableOf(topic),
        at: this.#completeUpTo(),
        streamId: 'memory',
        since: 1,
      });
      for (let partition = 0; partition < partitions; partition += 1) this.enqueue(topic, partition, record);
    }
  }
}

const foreignImage: Omit<ItemImage, 'key'> = {
  value: null,
  codec: null,
  writeId: null,
  expiresAt: null,
  writtenBy: null,
  tombstone: false,
  leaseId: null,
  leaseUntil: null,
  loaded: false,
};

const topicPrefix = 'memory.cache.';

function topicOf(table: string): string {
  return topicPrefix + table;
}

function tableOf(topic: string): string {
  return topic.slice(topicPrefix.length);
}

function routeOf(table: string): Route {
  return {
    table,
    version: 1,
    writerEpoch: 1,
    topics: { [topicOf(table)]: 1 },
    deleted: false,
    changedAt: 0,
    changedBy: 'memory',
  };
}

function eventOf(change: MemoryChange, stampUs: number, region: string): CdcEvent {
  const { table, old } = change;
  const image = change.new ?? foreignImage;
  const { value } = image;
  return {
    table,
    key: (change.new ?? old)?.key ?? '',
    kind: old === undefined ? 'insert' : change.new === undefined ? 'remove' : 'modify',
    from: old?.writeId ?? null,
    to: image.writeId,
    stampUs,
    expiresAt: image.expiresAt,
    codec: image.codec,
    lane: 'cdc',
    region,
    position: null,
    value: typeof value === 'string' ? Buffer.from(value, 'utf8') : value,
  };
}
