import { type PodRegistry, type PodSnapshot, type StoreCall } from '@tidemark/cache';
import { encodePodReport, type PodReport, type TopicNames } from '@tidemark/protocol';
import {
  type Clock,
  isTidemarkError,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
  withDeadline,
} from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { partitionCountOf, withAdmin } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { PodLog } from './pod-log.js';
import { reportRetentionMs } from './pod-reports.js';
import { type KafkaProducer } from './producer.js';
import { settleWithin } from './settle-within.js';
import { adminFailed, createTopic } from './topic-admin.js';

export interface PodTopicOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  /** Name of the service and random id of this start of the pod: readers join groups below the pod's. */
  readonly service: string;
  readonly podId: string;
  /** Stays its owner's to close. */
  readonly producer: Pick<KafkaProducer, 'append'>;
  /** Replicas of the topic where it has to be made. Default: as many as the routing topic has, or the brokers' default. */
  readonly replicationFactor?: number;
  /** Nobody has read for this long: the reader leaves, ms. Default 60,000. */
  readonly idleMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** Dated by the brokers; kept for ten minutes, in segments of five, because only whole segments are removed. */
const configs = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'LogAppendTime',
  'retention.ms': String(reportRetentionMs),
  'segment.ms': '300000',
};
/** Bound on leaving at `close`, ms. */
const closeMs = 5_000;

/**
 * The registry of live pods as a topic of one partition: each pod appends its reports, and who wants to know reads the log to its end.
 *
 * It is made at its first use where it is missing and this client may. A reader costs a consumer and a connection, so there is one only while
 * somebody reads; it begins ten minutes back by the broker's clock, as this pod's last report tells it, or at the log's start.
 */
export class PodTopic implements PodRegistry {
  readonly #options: PodTopicOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: MetricRegistry;
  readonly #closing = new AbortController();
  readonly #leaving = new Set<Promise<void>>();
  #existing: Promise<void> | undefined;
  /** The broker's time of this pod's last report, ms since the epoch. */
  #reportedAt: number | undefined;
  #log: PodLog | undefined;
  /** Reads under way. */
  #readers = 0;
  #cancelIdle: () => void = () => undefined;

  constructor(options: PodTopicOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = options.metrics ?? new MetricRegistry();
  }

  async report(report: PodReport, call: StoreCall): Promise<void> {
    const topic = this.#topic;
    const startMs = this.#clock.monotonicMs();
    await this.#bounded(`report to ${topic}`, call, () => this.#exists());
    const record = { key: report.pod, value: Buffer.from(encodePodReport(report), 'utf8'), header: null };
    const leftMs = call.timeoutMs - (this.#clock.monotonicMs() - startMs);
    try {
      const [place] = await this.#options.producer.append(topic, [{ partition: 0, record }], {
        timeoutMs: leftMs,
        signal: call.signal,
      });
      this.#noteTime(place?.appendTimeMs ?? -1);
    } catch (error) {
      if (isTidemarkError(error, 'TOPIC_MISSING')) this.#existing = undefined;
      throw error;
    }
  }

  async read(call: StoreCall): Promise<PodSnapshot> {
    let log: PodLog | undefined;
    this.#readers += 1;
    try {
      return await this.#bounded(`read of ${this.#topic}`, call, async (signal) => {
        await this.#exists();
        log = this.#open();
        return log.readToEnd(signal);
      });
    } catch (error) {
      if (isTidemarkError(error, 'ABORTED') || isTidemarkError(error, 'CLOSED')) throw error;
      if (!isTidemarkError(error, 'TIMEOUT')) throw unavailable(this.#topic, error);
      throw log?.failure === undefined ? error : unavailable(this.#topic, log.failure);
    } finally {
      this.#readers -= 1;
      this.#leaveWhenIdle();
    }
  }

  /** Takes at most 5 s. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#leave();
    await settleWithin(this.#clock, closeMs, Promise.all([...this.#leaving]));
  }

  get #topic(): string {
    return this.#options.names.pods;
  }

  async #bounded<T>(what: string, call: StoreCall, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted)
      throw new TidemarkError('CLOSED', 'the pods topic is closed', { retriable: false });
    return withDeadline({ clock: this.#clock, what, timeoutMs: call.timeoutMs, signal: call.signal }, work);
  }

  /** Producers' clocks would make pods look silent that are not, and the other way round. */
  #noteTime(appendTimeMs: number): void {
    if (appendTimeMs >= 0) this.#reportedAt = appendTimeMs;
    else
      throw new TidemarkError('PUBLISH_FAILED', `${this.#topic} must have message.timestamp.type=LogAppendTime`, {
        retriable: false,
        context: { topic: this.#topic },
      });
  }

  #exists(): Promise<void> {
    if (this.#existing === undefined) {
      const looked = this.#make();
      looked.catch(() => {
        if (this.#existing === looked) this.#existing = undefined;
      });
      this.#existing = looked;
    }
    return this.#existing;
  }

  async #make(): Promise<void> {
    const { client, replicationFactor } = this.#options;
    const topic = this.#topic;
    try {
      await withAdmin({ client, clock: this.#clock, signal: this.#closing.signal }, async (admin) => {
        if ((await partitionCountOf(admin, topic)) !== undefined) return;
        const replicas = replicationFactor ?? (await this.#usualReplicas(admin));
        await createTopic(admin, topic, 1, { replicationFactor: replicas, configs });
        this.#logger.info({ topic, replicas }, 'kafka: made the pods topic');
      });
    } catch (error) {
      if (!isTidemarkError(error, 'PARTITION_MISMATCH')) throw adminFailed(error);
    }
  }

  async #usualReplicas(admin: Admin): Promise<number> {
    const { routes } = this.#options.names;
    if ((await partitionCountOf(admin, routes)) === undefined) return brokersDefault;
    const { topics } = await admin.fetchTopicMetadata({ topics: [routes] });
    return topics[0]?.partitions[0]?.replicas.length ?? brokersDefault;
  }

  #open(): PodLog {
    const { client, names, service, podId, random = Math.random } = this.#options;
    this.#log ??= new PodLog({
      client,
      topic: this.#topic,
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#metrics,
      random,
      groupPrefix: `${names.podGroup(service, podId)}.pods`,
      sinceMs: this.#reportedAt === undefined ? undefined : this.#reportedAt - reportRetentionMs,
    });
    return this.#log;
  }

  #leaveWhenIdle(): void {
    const { idleMs = 60_000 } = this.#options;
    this.#cancelIdle();
    const leave = (): void => {
      if (this.#readers === 0) this.#leave();
    };
    if (this.#log !== undefined) this.#cancelIdle = this.#clock.setTimer(leave, idleMs, { unref: true });
  }

  #leave(): void {
    this.#cancelIdle();
    const log = this.#log;
    this.#log = undefined;
    if (log === undefined) return;
    const left = log.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}

/** Kafka's own word for it. */
const brokersDefault = -1;

function unavailable(topic: string, cause: unknown): TidemarkError {
  if (isTidemarkError(cause, 'FEED_UNAVAILABLE')) return cause;
  return new TidemarkError('FEED_UNAVAILABLE', `${topic} cannot be read: ${messageOf(cause)}`, {
    retriable: isTidemarkError(cause) ? cause.retriable : true,
    cause,
    context: { topic },
  });
}
