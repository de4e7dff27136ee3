import { randomUUID } from 'node:crypto';
import { type WireRecord } from '@tidemark/protocol';
import {
  backoffMs,
  type Clock,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  thinned,
  TidemarkError,
  wait,
} from '@tidemark/runtime';
import { type TopicNames } from '@tidemark/protocol';
import { withAdmin } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { LogTail } from './log-tail.js';
import { type TailState } from './log-tail-options.js';
import { KafkaProducer } from './producer.js';
import { createTopic } from './topic-admin.js';
import { fromKafka } from './wire.js';

export interface CompactedTopicOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  readonly topic: string;
  /** Makes the topic when it is missing: one partition, `cleanup.policy=compact`. Default: it is waited for. */
  readonly create?: { readonly replicationFactor: number; readonly configs?: Readonly<Record<string, string>> };
  /** Bound on one `put`, retries included, ms. Default 20,000. */
  readonly publishTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * A compacted, single-partition topic as a table: read to its end, then followed; written one record per request.
 *
 * One record per request and no idempotence, because the cleaner would keep an idempotent writer's last batch as an empty shell, and a reader
 * cannot pass a shell at a segment's end.
 */
export class CompactedTopic<T> {
  readonly #options: CompactedTopicOptions;
  readonly #decode: (record: WireRecord) => T;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #tail: LogTail | undefined;
  #producer: KafkaProducer | undefined;
  /** Why the topic cannot be made. */
  #trouble: string | undefined;
  #state: TailState | undefined;

  constructor(options: CompactedTopicOptions, decode: (record: WireRecord) => T) {
    this.#options = options;
    this.#decode = decode;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Resolves when the topic is read to its end; every record goes through `onRecord`, in order. `onReset`: the topic was made anew, or has lost its
   * end; what it holds now comes again from the first record on. Called once.
   */
  async open(onRecord: (value: T) => void, onReset: () => void = () => undefined): Promise<void> {
    if (this.#tail !== undefined || this.#closing.signal.aborted)
      throw new TidemarkError('CLOSED', `${this.#options.topic} was opened before`, { retriable: false });
    const { client, names, topic, logger = silentLogger, metrics = new MetricRegistry() } = this.#options;
    const { random = Math.random } = this.#options;
    const groupPrefix = `${names.prefix}.reader.${randomUUID()}`;
    this.#tail = new LogTail(
      { client, clock: this.#clock, logger, metrics, groupPrefix, random },
      {
        onRecords: (_topic, _partition, messages) => {
          for (const message of messages) this.#hand(onRecord, fromKafka(message));
        },
        onGap: () => undefined,
        onReset: () => {
          logger.error({ topic }, 'kafka: a compacted topic has begun anew');
          onReset();
        },
        onPartitions: () => undefined,
        onState: (state) => this.#noteState(state),
      },
    );
    await this.#create();
    await this.#tail.follow(new Map([[topic, { from: 'start', compacted: true }]]));
    await this.#tail.barrier(topic);
  }

  /** Why nothing comes at present; `undefined`: the brokers answer, or it is not open. */
  get problem(): string | undefined {
    return this.#trouble ?? this.#tail?.problem;
  }

  /** Resolves once everything written before the call has been handed over. Fails with `ABORTED`, `CLOSED`. */
  barrier(signal: AbortSignal): Promise<void> {
    return this.#opened().barrier(this.#options.topic, signal);
  }

  /** Appends one record; resolves when it is acknowledged. Fails with `PUBLISH_FAILED`, `ACCESS_DENIED`, `ABORTED`. */
  async put(record: WireRecord, signal: AbortSignal): Promise<void> {
    this.#opened();
    const { topic } = this.#options;
    this.#producer ??= new KafkaProducer({ ...this.#options, requestRecordsMax: 1 });
    await this.#producer.send(topic, [{ partition: 0, record }], signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#tail?.close(), this.#producer?.close()]);
  }

  #hand(onRecord: (value: T) => void, record: WireRecord): void {
    const { topic, logger = silentLogger } = this.#options;
    try {
      onRecord(this.#decode(record));
    } catch (error) {
      logger.error({ topic, error: messageOf(error) }, 'kafka: the handler of a compacted topic threw');
    }
  }

  /** The tail itself tells why nothing comes. */
  #noteState(state: TailState): void {
    const { topic, logger = silentLogger } = this.#options;
    if (this.#state === 'interrupted') logger.info({ topic }, 'kafka: the topic is followed again');
    this.#state = state;
  }

  /** Until it is there, or somebody else has made it, or this is closed. */
  async #create(): Promise<void> {
    const { client, topic, create, logger = silentLogger, random = Math.random } = this.#options;
    if (create === undefined) return;
    const again = thinned(logger, this.#clock);
    const spec = { ...create, configs: { ...create.configs, 'cleanup.policy': 'compact' } };
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      try {
        const { signal } = this.#closing;
        await withAdmin({ client, clock: this.#clock, signal }, (admin) => createTopic(admin, topic, 1, spec));
        this.#trouble = undefined;
        return;
      } catch (error) {
        this.#trouble = messageOf(error);
        again.warn({ topic, error: this.#trouble }, 'kafka: could not make a topic, trying again');
        const delayMs = backoffMs(attempt, { initialMs: 100, maxMs: 5_000, random });
        await wait(this.#clock, delayMs, this.#closing.signal);
      }
    }
  }

  #opened(): LogTail {
    if (this.#tail !== undefined && !this.#closing.signal.aborted) return this.#tail;
    throw new TidemarkError('CLOSED', `${this.#options.topic} is not open`, { retriable: false });
  }
}
