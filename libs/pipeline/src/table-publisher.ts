import { type TopicNames } from '@tidemark/protocol';
import { type Clock, isTidemarkError, type Logger, messageOf } from '@tidemark/runtime';
import { type DeadLetter, outgoingDeadLetter } from './dead-letter.js';
import { type Hole, type Skip } from './hole-flush.js';
import { chunksOf, intoEveryPartition, outgoingOf } from './outgoing-records.js';
import { type OutgoingRecord } from './ports.js';
import { type Retry } from './retry.js';
import { type Step } from './shard-record.js';
import { type SyncMetrics } from './sync-metrics.js';
import { isRefusal, parkedError, TableDebts } from './table-debts.js';
import { askingFor, sendingTo, TableTopics, type TableTopicsOptions } from './table-topics.js';
import { WatermarkSender } from './watermark-sender.js';

export interface TablePublisherOptions extends TableTopicsOptions {
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** Most bytes for one partition in one send. */
  readonly recordBytesMax: number;
  /** How long a topic may refuse records before its table is parked, ms. */
  readonly parkAfterMs: number;
  /** For the flushes that parked tables are owed. */
  readonly debtRetry: () => Retry;
}

/** A dead letter is a courtesy to operators: after so many attempts it is given up. */
const deadLetterAttempts = 3;
/** A topic that refuses records as too large is offered smaller ones down to this size, bytes: there, no record has more than its key. */
const refusedBytesMin = 128;

/** What steps make of the table topics, and the tables that are left out of it. */
interface Outgoing {
  readonly byTopic: Map<string, OutgoingRecord[]>;
  readonly leftOut: Set<string>;
  /** Tables that are owed a flush, which must come first. */
  readonly owed: ReadonlyMap<string, unknown>;
}

const nothingOwed: ReadonlyMap<string, Hole | undefined> = new Map();

/** Writes to the table topics: steps in order, acknowledged in every partition before `publish` resolves. */
export class TablePublisher {
  readonly debts: TableDebts;
  readonly topics: TableTopics;
  readonly watermarks: WatermarkSender;
  readonly #options: TablePublisherOptions;

  constructor(options: TablePublisherOptions) {
    this.#options = options;
    this.topics = new TableTopics(options);
    this.watermarks = new WatermarkSender(this.topics, options.clock);
    const flushTable = (table: string, reason: string): Promise<void> =>
      this.#flush(table, reason, options.debtRetry());
    this.debts = new TableDebts({ ...options, flushTable });
  }

  /**
   * Resolves when everything the steps say is acknowledged, but of tables whose topic takes nothing, and of those that are `owed` a flush: to these, and
   * what a flush of each must cover. Rejects only when `retry` is aborted.
   */
  async publish(
    steps: readonly Step[],
    retry: Retry,
    owed: ReadonlyMap<string, Hole | undefined> = nothingOwed,
  ): Promise<readonly Skip[]> {
    const outgoing: Outgoing = { byTopic: new Map(), leftOut: new Set(), owed };
    // Nothing is awaited where Kafka need not be asked: a promise for each record would cost as much as what becomes of it.
    for (const step of steps) if (!this.#addressKnown(step, outgoing)) await this.#address(step, outgoing, retry);
    await Promise.all(
      [...outgoing.byTopic].map(([topic, records]) =>
        this.#unlessRefused(this.topics.tableOf(topic), outgoing, () => this.#sendAll(topic, records, retry)),
      ),
    );
    return [...outgoing.leftOut].map((table) => ({ table, hole: this.debts.leftOut(table) }));
  }

  /** Says that everything cached of every table may be old; resolves to the tables whose topic takes nothing. */
  async flushAll(reason: string, retry: Retry): Promise<readonly Skip[]> {
    const skipped = await this.publish([{ type: 'flush-all', reason }], retry);
    this.#options.metrics.flushed(reason);
    return skipped;
  }

  /** Says that everything cached of one table may be old. Fails with `TABLE_PARKED`. */
  async flushTable(table: string, reason: string, retry: Retry): Promise<void> {
    const skipped = await this.publish([{ type: 'flush-table', table, reason }], retry);
    if (skipped.length > 0) throw parkedError(table);
    this.#options.metrics.flushed(reason);
  }

  /** Tries a few times, then logs and counts the loss: what the record spoke of has been dropped already. */
  async sendDeadLetters(letters: readonly DeadLetter[], retry: Retry): Promise<void> {
    const { names, clock, log, metrics } = this.#options;
    for (const letter of letters) {
      const { reason, shardId, table, record } = letter;
      metrics.deadLetters.value += 1;
      log.warn({ shardId, sequenceNumber: record.sequenceNumber, table, reason }, 'a record cannot be translated');
      for (let attempt = 1; attempt <= deadLetterAttempts && !retry.signal.aborted; attempt += 1) {
        try {
          const partitions = await this.topics.partitionsOf(names.deadLetters, retry.signal);
          await this.topics.send(
            names.deadLetters,
            [outgoingDeadLetter(letter, clock.now(), partitions)],
            retry.signal,
          );
          break;
        } catch (error) {
          if (attempt < deadLetterAttempts) continue;
          metrics.deadLettersLost.value += 1;
          log.error(
            { shardId, sequenceNumber: record.sequenceNumber, error: messageOf(error) },
            'a dead letter is lost',
          );
        }
      }
    }
  }

  /** Whether the table is parked or not, and whether or not it is owed anything; rejects with why its topic refuses it. */
  async #flush(table: string, reason: string, retry: Retry): Promise<void> {
    const topic = this.#options.names.cdc(table);
    const byTopic = new Map<string, OutgoingRecord[]>();
    await this.#addressFlush(topic, reason, byTopic, retry);
    await this.#sendAll(topic, byTopic.get(topic) ?? [], retry);
    this.#options.metrics.flushed(reason);
  }

  async #unlessRefused(table: string, { leftOut }: Outgoing, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      leftOut.add(table);
    }
  }

  #isShut(table: string, { owed }: Outgoing): boolean {
    return owed.has(table) || this.debts.isParked(table);
  }

  /** `false`: the step is about more than a key, or its topic has not been asked for yet. */
  #addressKnown(step: Step, outgoing: Outgoing): boolean {
    if (step.type === 'flush-all' || step.type === 'ignore') return false;
    if (this.#isShut(step.table, outgoing)) {
      this.#options.metrics.leftOut.value += 1;
      outgoing.leftOut.add(step.table);
      return true;
    }
    if (step.type === 'flush-table') return false;
    const topic = this.#options.names.cdc(step.table);
    const count = this.topics.knownPartitionsOf(topic);
    if (count === undefined) return false;
    listOf(outgoing.byTopic, topic).push(outgoingOf(step, count));
    return true;
  }

  async #address(step: Step, outgoing: Outgoing, retry: Retry): Promise<void> {
    const { byTopic } = outgoing;
    if (step.type === 'ignore') return;
    if (step.type === 'flush-all') return this.#addressFlushAll(step.reason, outgoing, retry);
    const topic = this.#options.names.cdc(step.table);
    await this.#unlessRefused(step.table, outgoing, async () => {
      if (step.type === 'flush-table') return this.#addressFlush(topic, step.reason, byTopic, retry);
      listOf(byTopic, topic).push(outgoingOf(step, await this.#countOf(topic, retry)));
    });
  }

  async #addressFlushAll(reason: string, outgoing: Outgoing, retry: Retry): Promise<void> {
    const topics = await retry.untilDone('listing Kafka topics', (signal) => this.topics.list(signal, 0));
    for (const table of Object.keys(this.debts.parked)) outgoing.leftOut.add(table);
    for (const topic of topics) {
      const table = this.topics.tableOf(topic);
      if (this.#isShut(table, outgoing)) outgoing.leftOut.add(table);
      else await this.#unlessRefused(table, outgoing, () => this.#addressFlush(topic, reason, outgoing.byTopic, retry));
    }
  }

  async #addressFlush(
    topic: string,
    reason: string,
    byTopic: Map<string, OutgoingRecord[]>,
    retry: Retry,
  ): Promise<void> {
    const count = await this.#countOf(topic, retry);
    const flush = { control: 'flush-table', table: this.topics.tableOf(topic), reason } as const;
    listOf(byTopic, topic).push(...intoEveryPartition(flush, count));
  }

  #countOf(topic: string, retry: Retry): Promise<number> {
    return retry.untilDone(askingFor(topic), (signal) => this.topics.partitionsOf(topic, signal), this.#isFinal(topic));
  }

  #isFinal(topic: string): (error: unknown) => boolean {
    return (error) => isRefusal(error) && this.debts.refused(this.topics.tableOf(topic), error);
  }

  /** In order, one send after another; a topic that takes less than it should is offered smaller sends and, at last, only keys. */
  async #sendAll(
    topic: string,
    records: readonly OutgoingRecord[],
    retry: Retry,
    bytesMax = this.#options.recordBytesMax,
  ): Promise<void> {
    const table = this.topics.tableOf(topic);
    for (const chunk of chunksOf(records, bytesMax, table)) {
      const send = async (signal: AbortSignal): Promise<'sent' | 'refused'> => {
        try {
          await this.topics.partitionsOf(topic, signal);
          await this.topics.send(topic, chunk, signal);
          return 'sent';
        } catch (error) {
          if (isTidemarkError(error, 'TOPIC_MISSING')) this.topics.forget(topic);
          const refused = isTidemarkError(error, 'PUBLISH_FAILED') && !error.retriable;
          if (refused && bytesMax > refusedBytesMin) return 'refused';
          throw error;
        }
      };
      const outcome = await retry.untilDone(sendingTo(topic), send, this.#isFinal(topic));
      if (outcome === 'sent') this.debts.took(table);
      if (outcome === 'refused') await this.#sendAll(topic, chunk, retry, Math.floor(bytesMax / 2));
    }
  }
}

function listOf(byTopic: Map<string, OutgoingRecord[]>, topic: string): OutgoingRecord[] {
  const list = byTopic.get(topic) ?? [];
  byTopic.set(topic, list);
  return list;
}
