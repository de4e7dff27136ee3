import { randomUUID } from 'node:crypto';
import { type RouteHistoryLog } from '@tidemark/control';
import { decodeRouteHistory, encodeRouteHistory, type RouteHistoryEntry, type TopicNames } from '@tidemark/protocol';
import { type Clock, type Logger, MetricRegistry, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import { type KafkaMessage } from 'kafkajs';
import { partitionCountOf, withAdmin } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { LogTail } from './log-tail.js';
import { KafkaProducer } from './producer.js';
import { adminFailed } from './topic-admin.js';

export interface RouteHistoryTopicOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  /** Makes the topic, of one partition, with the first entry, where it is missing. Default: then entries fail. */
  readonly create?: { readonly replicationFactor: number; readonly configs?: Readonly<Record<string, string>> };
  /** Entries in memory while somebody reads, of all tables: the last ones. Default 10,000. */
  readonly entriesMax?: number;
  /** Nobody has read for this long: the reader leaves, ms. Default 60,000. */
  readonly idleMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** The history of routes as a topic of one partition, which is not compacted. There is a reader only while somebody reads. */
export class RouteHistoryTopic implements RouteHistoryLog {
  readonly #options: RouteHistoryTopicOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #leaving = new Set<Promise<void>>();
  #producer: KafkaProducer | undefined;
  #reader: Reader | undefined;
  #cancelIdle: () => void = () => undefined;
  #closed = false;

  constructor(options: RouteHistoryTopicOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  async append(entry: RouteHistoryEntry, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    const { client, names, create, random = Math.random } = this.#options;
    const made = create === undefined ? {} : { createTopics: { ...create, partitions: 1 } };
    const common = { client, names, clock: this.#clock, logger: this.#logger, random };
    this.#producer ??= new KafkaProducer({ ...common, ...made, requestRecordsMax: 1 });
    const value = Buffer.from(encodeRouteHistory(entry), 'utf8');
    await this.#producer.send(
      this.#topic,
      [{ partition: 0, record: { key: entry.after.table, value, header: null } }],
      signal,
    );
  }

  async read(table: string, max: number, signal: AbortSignal): Promise<readonly RouteHistoryEntry[]> {
    this.#assertOpen();
    this.#cancelIdle();
    try {
      if (this.#reader === undefined && !(await this.#exists(signal))) return [];
      const reader = this.#open();
      await reader.readToEnd(signal);
      return reader.entriesOf(table, max);
    } finally {
      this.#leaveWhenIdle();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#leave();
    await Promise.all([this.#producer?.close(), ...this.#leaving]);
  }

  get #topic(): string {
    return this.#options.names.routeHistory;
  }

  async #exists(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#options;
    try {
      return await withAdmin(
        { client, clock: this.#clock, signal },
        async (admin) => (await partitionCountOf(admin, this.#topic)) !== undefined,
      );
    } catch (error) {
      throw adminFailed(error);
    }
  }

  #open(): Reader {
    this.#assertOpen();
    const { client, names, entriesMax = 10_000, random = Math.random } = this.#options;
    this.#reader ??= new Reader({ client, names, entriesMax, random, clock: this.#clock, logger: this.#logger });
    return this.#reader;
  }

  #leaveWhenIdle(): void {
    const { idleMs = 60_000 } = this.#options;
    this.#cancelIdle();
    if (this.#reader !== undefined)
      this.#cancelIdle = this.#clock.setTimer(() => this.#leave(), idleMs, { unref: true });
  }

  #leave(): void {
    this.#cancelIdle();
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    const left = reader.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  #assertOpen(): void {
    if (this.#closed) throw new TidemarkError('CLOSED', `${this.#topic} is closed`, { retriable: false });
  }
}

type ReaderOptions = Required<Omit<RouteHistoryTopicOptions, 'create' | 'idleMs'>>;

/** Reads the topic from its start, and follows it. */
class Reader {
  readonly #options: ReaderOptions;
  readonly #tail: LogTail;
  readonly #opened: Promise<unknown>;
  readonly #entries: RouteHistoryEntry[] = [];

  constructor(options: ReaderOptions) {
    const { client, names, clock, logger, random } = options;
    this.#options = options;
    const groupPrefix = `${names.prefix}.reader.${randomUUID()}`;
    // Metrics of its own: what it has not read is no delay of anything.
    const metrics = new MetricRegistry();
    this.#tail = new LogTail(
      { client, clock, logger, metrics, groupPrefix, random },
      {
        onRecords: (_topic, _partition, messages) => messages.forEach((message) => this.#take(message)),
        onGap: () => undefined,
        onPartitions: () => undefined,
        onState: () => undefined,
      },
    );
    this.#opened = this.#tail.follow(new Map([[names.routeHistory, { from: 'start', compacted: false }]]));
    this.#opened.catch(() => undefined);
  }

  async readToEnd(signal: AbortSignal): Promise<void> {
    await this.#opened;
    await this.#tail.barrier(this.#options.names.routeHistory, signal);
  }

  entriesOf(table: string, max: number): readonly RouteHistoryEntry[] {
    return this.#entries
      .filter(({ after }) => after.table === table)
      .slice(-max)
      .reverse();
  }

  close(): Promise<void> {
    return this.#tail.close();
  }

  #take({ value, offset }: KafkaMessage): void {
    const { entriesMax, logger } = this.#options;
    const result = decodeRouteHistory(value);
    if (!result.ok)
      return logger.warn({ offset, reason: result.reason }, 'kafka: an entry of the history cannot be read');
    this.#entries.push(result.entry);
    if (this.#entries.length > 2 * entriesMax) this.#entries.splice(0, this.#entries.length - entriesMax);
  }
}
