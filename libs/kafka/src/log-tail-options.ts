import { type Clock, type Logger, type MetricRegistry } from '@tidemark/runtime';
import { type KafkaMessage } from 'kafkajs';
import { type KafkaClient } from './kafka-client.js';

export interface LogTailOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Group ids are this, a dot and a random suffix. */
  readonly groupPrefix: string;
  readonly rackId?: string | undefined;
  /** How long the broker may keep a fetch that finds nothing, ms: well below `interruptedAfterMs`. Default 500. */
  readonly fetchWaitMs?: number;
  /** No fetch answered for this long: interrupted, ms. Default 3,000. */
  readonly interruptedAfterMs?: number;
  /** No fetch answered for this long: begin a new consumer beside the old, ms. Default 5,000. */
  readonly rebuildAfterMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** All synchronous; none is called after `close`. */
export interface LogTailHandler {
  /** Records of one partition in order. An exception is logged and told as a gap. */
  onRecords(topic: string, partition: number, messages: readonly KafkaMessage[]): void;
  onGap(topic: string, partition: number, reason: string): void;
  /** A compacted topic has begun anew, or lost its end: it is handed over from its first record on. */
  onReset?(topic: string): void;
  /** Partitions were added to a topic, so keys have moved between them; the gaps of all of its partitions follow. */
  onPartitions(topic: string, count: number): void;
  onState(state: TailState): void;
}

/** `live`: the brokers answer; `interrupted`: trying again. */
export type TailState = 'live' | 'interrupted';
