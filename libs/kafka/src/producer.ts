import { type EventPublisher, type PublishedAt, type StoreCall } from '@tidemark/cache';
import { type EventSink, type OutgoingRecord } from '@tidemark/pipeline';
import { partitionOf, type TopicNames, type WireRecord } from '@tidemark/protocol';
import {
  backoffMs,
  type Clock,
  isTidemarkError,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
  wait,
  withDeadline,
} from '@tidemark/runtime';
import { withAdmin } from './admin-call.js';
import { type AppendedAt, type AppendedRun, placesOf } from './appended.js';
import { type KafkaClient, positive } from './kafka-client.js';
import { isAccessDenied, isTooLarge, isTopicMissing, publishFailed } from './kafka-error.js';
import { type CreateTopics, PartitionCounts } from './partition-counts.js';
import { type Acknowledgement } from './producer-connection.js';
import { ProducerConnections } from './producer-connections.js';
import { type ProducerMetrics, producerMetrics } from './producer-metrics.js';
import { grouping } from './grouping.js';
import { cut, type Piece, type SendBatch, SendQueue, type SendQueueLimits, type Slice } from './send-queue.js';
import { settleWithin } from './settle-within.js';
import { adminFailed, listTopics } from './topic-admin.js';
import { keyText } from './wire.js';

export interface KafkaProducerOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  /** Bound on one `send`, retries included, ms. Default 20,000: a broker that dies takes up to 17 s to be replaced. */
  readonly publishTimeoutMs?: number;
  /** Makes missing topics like this. Default: they are missing. */
  readonly createTopics?: CreateTopics;
  /** Records in one request. Default 1,000. */
  readonly requestRecordsMax?: number;
  /** Bytes in one request, 1,048,500 at most. Default 900,000, below the broker's default limit of 1 MiB for a batch. */
  readonly requestBytesMax?: number;
  /** Requests of one topic in flight, always of different partitions. Default 4. */
  readonly requestsMax?: number;
  /** Connections to each broker: topics that share none do not wait for one another's replicas. Default 1. */
  readonly connectionsMax?: number;
  /** Bytes waiting or in flight; beyond, `QUEUE_FULL`. Default 64 MiB. */
  readonly queuedBytesMax?: number;
  /** A topic's partition count is asked for again after this, ms. Default 300,000. */
  readonly partitionsMaxAgeMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** Bound on the sends in flight at `close`, ms. */
const closeMs = 5_000;
/** A record of this size or more is refused by every broker with default limits. */
const recordBytesMax = 1_048_500;
const topicsMax = 10_000;
/** Whoever asks for a count wants to notice that it has changed, ms. */
const askedMaxAgeMs = 5_000;

/**
 * Writes to Kafka for the pipeline and for pods.
 *
 * Order per partition is the order of the calls, because one request per partition is in flight and a failed one is repeated before anything
 * else of its partition. A repetition may duplicate records. Non-idempotent on purpose: an idempotent producer leaves batches in compacted topics
 * that stall their readers, and loses records on concurrent sends.
 */
export class KafkaProducer implements EventSink, EventPublisher {
  readonly #options: KafkaProducerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: ProducerMetrics;
  readonly #limits: SendQueueLimits;
  readonly #counts: PartitionCounts;
  readonly #connections: ProducerConnections;
  readonly #topics = new Map<string, { readonly queue: SendQueue; requests: number }>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #queuedBytes = 0;

  constructor(options: KafkaProducerOptions) {
    const { client, clock = systemClock, logger = silentLogger, metrics = new MetricRegistry() } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#metrics = producerMetrics(metrics, () => this.#queuedBytes);
    this.#limits = {
      records: positive('requestRecordsMax', options.requestRecordsMax ?? 1_000),
      bytes: Math.min(positive('requestBytesMax', options.requestBytesMax ?? 900_000), recordBytesMax),
    };
    const maxAgeMs = positive('partitionsMaxAgeMs', options.partitionsMaxAgeMs ?? 300_000);
    const { createTopics, random = Math.random } = options;
    this.#counts = new PartitionCounts({ client, clock, maxAgeMs, topicsMax, createTopics, random });
    const connectionsMax = positive('connectionsMax', options.connectionsMax ?? 1);
    this.#connections = new ProducerConnections(client, connectionsMax, () => {
      this.#metrics.replacements.value += 1;
    });
  }

  async partitionsOf(topic: string, signal: AbortSignal): Promise<number> {
    return this.#bounded(signal, `partitions of ${topic}`, () => this.#counts.of(topic, askedMaxAgeMs));
  }

  async listTopics(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const { client } = this.#options;
    return withAdmin({ client, clock: this.#clock, signal }, (admin) => listTopics(admin, prefix)).catch(
      (error: unknown) => {
        throw adminFailed(error);
      },
    );
  }

  async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    const timeoutMs = this.#options.publishTimeoutMs ?? 20_000;
    try {
      await this.#enqueue(topic, records, { timeoutMs, signal });
    } catch (error) {
      if (isTidemarkError(error, 'TIMEOUT')) throw publishFailed(topic, error);
      throw error;
    }
  }

  /** As `send`, by the call's time-out, which fails with `TIMEOUT`; resolves to where each record stands. */
  async append(topic: string, records: readonly OutgoingRecord[], call: StoreCall): Promise<readonly AppendedAt[]> {
    return placesOf(records, await this.#enqueue(topic, records, call));
  }

  /** A record without a key is not about one partition, so it goes to every one. */
  async publish(table: string, records: readonly WireRecord[], call: StoreCall): Promise<readonly PublishedAt[]> {
    const topic = this.#options.names.cdc(table);
    const deadlineMs = this.#clock.monotonicMs() + call.timeoutMs;
    const count = await withDeadline({ clock: this.#clock, ...call, what: `publish to ${topic}` }, () =>
      this.#counts.untilKnown(topic, deadlineMs),
    ).catch((error: unknown) => {
      throw isTidemarkError(error, 'FEED_UNAVAILABLE') ? publishFailed(topic, error) : error;
    });
    const outgoing = records.flatMap((record) => spread(record, count));
    const leftMs = deadlineMs - this.#clock.monotonicMs();
    const places = await this.append(topic, outgoing, { signal: call.signal, timeoutMs: leftMs });
    return places
      .filter((_, index) => outgoing[index]?.record.key !== null)
      .map(({ partition, offset }) => ({ partition, offset }));
  }

  /** Takes no more, waits for what is in flight (at most 5 s), and fails what waits with `CLOSED`. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#counts.close();
    for (const { queue } of this.#topics.values())
      for (const { call } of queue.drain())
        call.failed(new TidemarkError('CLOSED', 'the producer is closed', { retriable: false }));
    await settleWithin(this.#clock, closeMs, Promise.all([...this.#inFlight]));
    await settleWithin(this.#clock, closeMs, this.#connections.close());
  }

  #bounded<T>(signal: AbortSignal | undefined, what: string, work: () => Promise<T>): Promise<T> {
    const timeoutMs = this.#options.publishTimeoutMs ?? 20_000;
    return withDeadline({ clock: this.#clock, timeoutMs, what, signal }, work);
  }

  async #enqueue(topic: string, records: readonly OutgoingRecord[], call: StoreCall): Promise<readonly AppendedRun[]> {
    if (this.#closing.signal.aborted) throw new TidemarkError('CLOSED', 'the producer is closed', { retriable: false });
    if (records.length === 0) return [];
    const startMs = this.#clock.monotonicMs();
    const pieces = cut(records, this.#limits);
    const bytes = this.#admit(topic, pieces);
    let over = false;
    try {
      const runs = await withDeadline({ clock: this.#clock, ...call, what: `publish to ${topic}` }, () =>
        this.#acknowledgements(topic, pieces, startMs + call.timeoutMs, () => over),
      );
      this.#metrics.records.value += records.length;
      this.#metrics.seconds.observe((this.#clock.monotonicMs() - startMs) / 1_000);
      return runs;
    } catch (error) {
      this.#metrics.failures(isTidemarkError(error) ? error.code : 'PUBLISH_FAILED').value += 1;
      throw error;
    } finally {
      over = true;
      this.#queuedBytes -= bytes;
    }
  }

  /** Counts the records in, or refuses them. */
  #admit(topic: string, pieces: readonly Piece[]): number {
    let bytes = 0;
    for (const piece of pieces) {
      // A record of that size is in no piece with others.
      if (piece.messages.length === 1 && piece.bytes > recordBytesMax) throw publishTooLarge(topic, piece.bytes);
      bytes += piece.bytes;
    }
    const { queuedBytesMax = 67_108_864 } = this.#options;
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > queuedBytesMax)
      throw new TidemarkError('QUEUE_FULL', `more than ${queuedBytesMax} bytes wait to be published`, {
        retriable: true,
        context: { topic, queuedBytesMax },
      });
    this.#queuedBytes += bytes;
    return bytes;
  }

  #acknowledgements(
    topic: string,
    pieces: readonly Piece[],
    deadlineMs: number,
    isOver: () => boolean,
  ): Promise<readonly AppendedRun[]> {
    return new Promise((resolve, reject) => {
      // In the order of each partition, because one request per partition is in flight.
      const runs: AppendedRun[] = [];
      let open = 0;
      let failure: Error | undefined;
      const call = {
        deadlineMs,
        get over(): boolean {
          return failure !== undefined || isOver();
        },
        acknowledged: (run: AppendedRun): void => {
          runs.push(run);
          open -= 1;
          if (open === 0) resolve(runs);
        },
        failed: (error: Error): void => {
          failure = error;
          reject(error);
        },
      };
      const { queue } = this.#topic(topic);
      for (const { partition, messages, bytes } of pieces) {
        open += 1;
        queue.add({ call, partition, messages, bytes });
      }
      queueMicrotask(() => this.#flush(topic));
    });
  }

  #topic(topic: string): { readonly queue: SendQueue; requests: number } {
    let state = this.#topics.get(topic);
    if (state === undefined) {
      state = { queue: new SendQueue(this.#limits), requests: 0 };
      this.#topics.set(topic, state);
    }
    return state;
  }

  /** Callers of one turn of the event loop share requests. */
  #flush(topic: string): void {
    const state = this.#topics.get(topic);
    if (state === undefined) return;
    while (state.requests < (this.#options.requestsMax ?? 4)) {
      const batch = state.queue.take();
      if (batch === undefined) break;
      state.requests += 1;
      const sent = this.#deliver(topic, batch).finally(() => {
        this.#inFlight.delete(sent);
        state.requests -= 1;
        state.queue.release(batch);
        this.#flush(topic);
      });
      this.#inFlight.add(sent);
    }
    if (state.requests === 0 && state.queue.empty) this.#topics.delete(topic);
  }

  /** Never rejects: what fails is told to the calls. */
  async #deliver(topic: string, batch: SendBatch): Promise<void> {
    const { slices } = batch;
    try {
      const acknowledgement = await this.#sendUntilDeadline(topic, slices);
      for (const { call, run } of runsOf(slices, acknowledgement)) call.acknowledged(run);
    } catch (error) {
      if (isTooLarge(error) && slices.length > 1) {
        for (const slice of slices) await this.#deliver(topic, { slices: [slice] });
        return;
      }
      const failure = isTidemarkError(error) ? error : publishFailed(topic, error);
      for (const { call } of slices) call.failed(failure);
    }
  }

  async #sendUntilDeadline(topic: string, slices: readonly Slice[]): Promise<Acknowledgement> {
    const { random = Math.random } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#connections.send(topic, grouping(slices.flatMap((slice) => slice.messages)));
      } catch (error) {
        await this.#judge(topic, error);
        const delayMs = backoffMs(attempt, { initialMs: 50, maxMs: 1_000, random });
        const deadlineMs = Math.max(...slices.map(({ call }) => (call.over ? 0 : call.deadlineMs)));
        if (this.#clock.monotonicMs() + delayMs >= deadlineMs || this.#closing.signal.aborted) throw error;
        this.#metrics.retries.value += 1;
        this.#logger.debug({ topic, attempt, error: messageOf(error) }, 'kafka producer: trying again');
        await wait(this.#clock, delayMs, this.#closing.signal);
      }
    }
  }

  /** Throws when another attempt cannot help. */
  async #judge(topic: string, error: unknown): Promise<void> {
    if (isTooLarge(error) || isAccessDenied(error)) throw error;
    if (!isTopicMissing(error)) return;
    this.#counts.forget(topic);
    try {
      await this.#counts.of(topic);
    } catch (lookup) {
      if (isTidemarkError(lookup, 'TOPIC_MISSING')) throw lookup;
    }
  }
}

function spread(record: WireRecord, count: number): OutgoingRecord[] {
  const key = keyText(record);
  if (key !== undefined) return [{ partition: partitionOf(key, count), record }];
  return Array.from({ length: count }, (_, partition) => ({ partition, record }));
}

/** Where each slice of a request stands: behind those of its partition before it. */
function* runsOf(
  slices: readonly Slice[],
  acknowledgement: Acknowledgement,
): Generator<{ readonly call: Slice['call']; readonly run: AppendedRun }> {
  const passed = new Map<number, number>();
  for (const { call, partition, messages } of slices) {
    const { baseOffset, appendTimeMs } = acknowledgement.get(partition) ?? unanswered;
    const before = passed.get(partition) ?? 0;
    passed.set(partition, before + messages.length);
    yield { call, run: { partition, count: messages.length, baseOffset: baseOffset + before, appendTimeMs } };
  }
}

/** The connection has seen to it that every partition has answered. */
const unanswered = { baseOffset: Number.NaN, appendTimeMs: -1 };

function publishTooLarge(topic: string, bytes: number): TidemarkError {
  return new TidemarkError('PUBLISH_FAILED', `a record of ${bytes} bytes is too large for ${topic}`, {
    retriable: false,
    context: { topic, bytes, bytesMax: recordBytesMax },
  });
}
