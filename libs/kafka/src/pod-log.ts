import { type PodSnapshot } from '@tidemark/cache';
import {
  backoffMs,
  type Clock,
  type Logger,
  type Metric,
  MetricRegistry,
  TidemarkError,
  wait,
} from '@tidemark/runtime';
import { type KafkaMessage } from 'kafkajs';
import { boundsOf } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { topicMissing } from './kafka-error.js';
import { KeptAdmin } from './kept-admin.js';
import { LogTail } from './log-tail.js';
import { PodReports } from './pod-reports.js';
import { SharedQuestion } from './shared-question.js';

export interface PodLogOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly groupPrefix: string;
  /** Broker time from which on the log is read, ms since the epoch; `undefined`: from its start. */
  readonly sinceMs: number | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A reader of the pods topic: tails it, and reads it to its end on demand. */
export class PodLog {
  readonly #options: PodLogOptions;
  readonly #tail: LogTail;
  readonly #admin: KeptAdmin;
  readonly #ends: SharedQuestion<readonly bigint[]>;
  readonly #reports = new PodReports();
  readonly #unreadable: Metric;
  readonly #opened: Promise<unknown>;
  #failure: unknown;

  constructor(options: PodLogOptions) {
    const { client, topic, clock, logger, metrics, groupPrefix, sinceMs, random } = options;
    this.#options = options;
    this.#admin = new KeptAdmin(client);
    this.#ends = new SharedQuestion(() => this.#askEnds());
    this.#unreadable = metrics.counter(
      'tidemark_kafka_pod_reports_unreadable_total',
      'Records of the pods topic that are no report of a pod.',
    );
    // Metrics of its own: the registry's are those of the pod's feed.
    const own = new MetricRegistry();
    this.#tail = new LogTail(
      { client, clock, logger, metrics: own, groupPrefix, random },
      {
        onRecords: (_topic, _partition, messages) => messages.forEach((message) => this.#apply(message)),
        onGap: (_topic, _partition, reason) => this.#reports.gap(reason),
        onPartitions: () => undefined,
        onState: () => undefined,
      },
    );
    const from = sinceMs === undefined ? 'start' : { sinceMs };
    this.#opened = this.#tail.follow(new Map([[topic, { from, compacted: false }]]));
    this.#opened.catch(() => undefined);
  }

  /** Why the brokers could not be asked for the log's end, since they last could. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Everything that was acknowledged before the call is in the answer. Goes on trying until `signal` is aborted. */
  async readToEnd(signal: AbortSignal): Promise<PodSnapshot> {
    const ends = await this.#untilAnswered(signal);
    await this.#opened;
    await this.#tail.reach(this.#options.topic, ends, signal);
    return this.#reports.snapshot();
  }

  async close(): Promise<void> {
    await Promise.all([this.#tail.close(), this.#admin.close()]);
  }

  async #untilAnswered(signal: AbortSignal): Promise<readonly bigint[]> {
    const { clock, random } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const ends = await this.#ends.answer();
        this.#failure = undefined;
        return ends;
      } catch (error) {
        this.#failure = error;
        await wait(clock, backoffMs(attempt, { initialMs: 50, maxMs: 1_000, random }), signal);
      }
    }
    throw new TidemarkError('ABORTED', 'the read was given up', { retriable: false, cause: signal.reason });
  }

  async #askEnds(): Promise<readonly bigint[]> {
    const { topic } = this.#options;
    const bounds = await this.#admin.call((admin) => boundsOf(admin, topic));
    if (bounds === undefined) throw topicMissing(topic);
    return bounds.high;
  }

  #apply({ value, timestamp, key, offset }: KafkaMessage): void {
    const problem = this.#reports.apply({ value, at: Number(timestamp) });
    if (problem === undefined) return;
    this.#unreadable.value += 1;
    const pod = key?.toString('utf8');
    this.#options.logger.error({ pod, offset, reason: problem }, 'kafka: a report of a pod could not be read');
  }
}
