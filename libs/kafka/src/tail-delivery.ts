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
  /** A partition is to be read on from elsewhere. */
  readonly onMove: (topic: string, partition: number, position: bigint) => void;
  /** A position has moved. */
  readonly onAdvance: (topic: string, partition: number) => void;
}

/** What was handed over of a partition since it was last read on from an earlier offset. */
interface Handed {
  readonly since: bigint;
  /** Behind it. */
  readonly next: bigint;
  /** Before it, what is left out need be no hole: a late answer may stand in front of what is read anew. */
  readonly anewTo: bigint;
}

/** Hands over what a consumer delivers, in step with the positions, and tells of gaps; nothing that the handler throws gets any further. */
export class TailDelivery {
  readonly #options: TailDeliveryOptions;
  /** By topic and partition. */
  readonly #handed = new Map<string, Handed>();
  #closed = false;

  constructor(options: TailDeliveryOptions) {
    this.#options = options;
  }

  /** Nothing but records is told from now on. */
  close(): void {
    this.#closed = true;
  }

  batch(batch: Batch): void {
    const { topic, partition } = batch;
    const [begins, expected] = [batch.firstOffset(), this.#options.topics.positions.at(topic, partition)];
    if (expected === undefined || begins === null) return;
    const first = BigInt(begins);
    const handed = this.#handed.get(`${topic}|${partition}`);
    const arrival = judgeArrival(expected, first);
    if (arrival.type === 'gap') {
      if (handed !== undefined && this.#isRepeated(batch, first, expected, handed))
        return this.#again(batch, expected, handed);
      const told = this.#tell(batch, arrival.direction, `expected offset ${expected}, got ${first}`);
      if (told === 'reset' && first > 0n) return this.#fromStart(batch, handed);
    }
    this.#onward(batch, batch.messages, onwardFrom(handed, expected, first));
  }

  /** Holes are a compacted topic's nature. */
  #tell({ topic, partition }: Batch, direction: 'ahead' | 'behind', reason: string): 'gap' | 'reset' | 'nothing' {
    if (!this.#options.topics.isCompacted(topic)) {
      this.gap(topic, partition, reason);
      return 'gap';
    }
    if (direction === 'ahead') return 'nothing';
    this.reset(topic);
    return 'reset';
  }

  /** What is before the batch may have been taken for repeated, or not have been fetched. Where the log begins later, it is read from there. */
  #fromStart(batch: Batch, handed: Handed | undefined): void {
    const { topics, onMove } = this.#options;
    const { topic, partition } = batch;
    const [next, anewTo] = [BigInt(batch.lastOffset()) + 1n, handed?.next ?? 0n];
    this.#handed.set(`${topic}|${partition}`, { since: 0n, next: 0n, anewTo: next > anewTo ? next : anewTo });
    topics.positions.move(topic, partition, 0n);
    onMove(topic, partition, 0n);
  }

  /**
   * Nothing is that lies before what was handed over: a late answer may come between a seek back and what is read there. Without its topic's id, a log that was
   * made anew has the epochs of the last one.
   */
  #isRepeated(batch: Batch, first: bigint, expected: bigint, { since }: Handed): boolean {
    const place = this.#options.topics.placeOf(batch.topic, batch.partition);
    return first >= since && place?.topicId !== undefined && isRepeated(batch, expected, place.leaderEpoch);
  }

  /** Part of it was handed over before. */
  #again(batch: Batch, expected: bigint, handed: Handed): void {
    const fresh = batch.messages.filter(({ offset }) => BigInt(offset) >= expected);
    if (fresh.length > 0) this.#onward(batch, fresh, handed);
  }

  #onward(batch: Batch, messages: readonly KafkaMessage[], from: Omit<Handed, 'next'>): void {
    const { topic, partition } = batch;
    const next = BigInt(batch.lastOffset()) + 1n;
    this.#records(topic, partition, messages);
    this.#options.metrics.lags.set(topic, partition, BigInt(batch.highWatermark) - next);
    this.#handed.set(`${topic}|${partition}`, { ...from, next });
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

/** From where on what is handed over now follows what was before. */
function onwardFrom(handed: Handed | undefined, expected: bigint, first: bigint): Omit<Handed, 'next'> {
  const { next, since, anewTo } = handed ?? { next: 0n, since: first, anewTo: 0n };
  const isOnward = expected >= next && (first === expected || (first > expected && expected >= anewTo));
  return { since: isOnward ? since : first, anewTo };
}
