import { type Logger, messageOf } from '@tidemark/runtime';
import { type Batch, type KafkaMessage } from 'kafkajs';
import { type FollowedTopics } from './followed-topics.js';
import { leaderEpochOf } from './leader-epoch.js';
import { type LogTailHandler, type TailState } from './log-tail-options.js';
import { judgeArrival, type LeaderEpoch } from './positions.js';
import { isRepeated } from './repeated.js';
import { type TailMetrics } from './tail-metrics.js';

export interface TailDeliveryOptions {
  readonly topics: FollowedTopics;
  readonly handler: LogTailHandler;
  readonly metrics: TailMetrics;
  readonly logger: Logger;
  /** A position has moved. */
  readonly onAdvance: (topic: string, partition: number) => void;
}

/** Hands over what a consumer delivers, in step with the positions, and tells of gaps; nothing that the handler throws gets any further. */
export class TailDelivery {
  readonly #options: TailDeliveryOptions;
  #closed = false;

  constructor(options: TailDeliveryOptions) {
    this.#options = options;
  }

  /** Nothing but records is told from now on. */
  close(): void {
    this.#closed = true;
  }

  batch(batch: Batch): void {
    const { topics } = this.#options;
    const { topic, partition } = batch;
    const first = batch.firstOffset();
    const expected = topics.positions.at(topic, partition);
    if (expected === undefined || first === null) return;
    const arrival = judgeArrival(expected, BigInt(first));
    if (arrival.type === 'gap' && this.#isRepeated(batch, expected)) return this.#again(batch, expected);
    if (arrival.type === 'gap' && !topics.isCompacted(topic))
      this.gap(topic, partition, `expected offset ${expected}, got ${first}`);
    else if (arrival.type === 'gap' && arrival.direction === 'behind') this.reset(topic);
    this.#onward(batch, batch.messages);
  }

  /** Without its topic's id, a log that was made anew has the epochs of the last one. */
  #isRepeated(batch: Batch, expected: bigint): boolean {
    const place = this.#options.topics.placeOf(batch.topic, batch.partition);
    return place?.topicId !== undefined && isRepeated(batch, expected, place.leaderEpoch);
  }

  /** Part of it was handed over before. */
  #again(batch: Batch, expected: bigint): void {
    const fresh = batch.messages.filter(({ offset }) => BigInt(offset) >= expected);
    if (fresh.length > 0) this.#onward(batch, fresh);
  }

  #onward(batch: Batch, messages: readonly KafkaMessage[]): void {
    const { topic, partition } = batch;
    const next = BigInt(batch.lastOffset()) + 1n;
    this.#records(topic, partition, messages);
    this.#options.metrics.lags.set(topic, partition, BigInt(batch.highWatermark) - next);
    this.advance(topic, partition, next, leaderEpochOf(batch));
  }

  /** There was nothing to hand over up to `lastOffset`. */
  nothing(topic: string, partition: number, lastOffset: bigint): void {
    const { topics } = this.#options;
    const position = topics.positions.at(topic, partition);
    if (position === undefined || lastOffset < position) return;
    // The cleaner leaves such batches in compacted topics; anywhere else something was there that nobody has seen.
    if (!topics.isCompacted(topic)) this.gap(topic, partition, `nothing readable up to offset ${lastOffset}`);
    this.advance(topic, partition, lastOffset + 1n);
  }

  advance(topic: string, partition: number, next: bigint, epoch?: LeaderEpoch): void {
    const { topics, onAdvance } = this.#options;
    topics.positions.move(topic, partition, next, epoch);
    onAdvance(topic, partition);
  }

  gap(topic: string, partition: number, reason: string): void {
    const { handler, metrics, logger } = this.#options;
    if (this.#closed) return;
    metrics.gaps.value += 1;
    logger.warn({ topic, partition, reason }, 'kafka tail: records may have been missed');
    this.#safely(() => handler.onGap(topic, partition, reason));
  }

  reset(topic: string): void {
    const { handler } = this.#options;
    if (!this.#closed) this.#safely(() => handler.onReset?.(topic));
  }

  partitions(topic: string, count: number): void {
    this.#safely(() => this.#options.handler.onPartitions(topic, count));
  }

  state(state: TailState): void {
    const { handler, metrics } = this.#options;
    if (this.#closed) return;
    metrics.live.value = state === 'live' ? 1 : 0;
    metrics.lags.know(state === 'live');
    this.#safely(() => handler.onState(state));
  }

  #records(topic: string, partition: number, messages: readonly KafkaMessage[]): void {
    const { handler, metrics, logger } = this.#options;
    metrics.records.value += messages.length;
    try {
      handler.onRecords(topic, partition, messages);
    } catch (error) {
      metrics.handlerErrors.value += 1;
      logger.error({ topic, partition, error: messageOf(error) }, 'kafka tail: the handler threw');
      this.gap(topic, partition, 'the handler threw');
    }
  }

  #safely(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error) }, 'kafka tail: a handler threw');
    }
  }
}
