import { type ControlRecord, encodeControl, partitionOf, tableOfCdcTopic, type TopicNames } from '@tidemark/protocol';
import { type Clock, isTidemarkError, type Logger, messageOf, wait, withDeadline } from '@tidemark/runtime';
import { type CallWatch } from './call-watch.js';
import { type DeadLetter, outgoingDeadLetter } from './dead-letter.js';
import { type Hole, type Skip } from './hole-flush.js';
import { type EventSink, type OutgoingRecord } from './ports.js';
import { type Retry } from './retry.js';
import { type Step, wireBytes } from './shard-record.js';
import { type SyncMetrics } from './sync-metrics.js';
import { isRefusal, parkedError, TableDebts } from './table-debts.js';
import { within } from './within.js';

export interface TablePublisherOptions {
  readonly sink: EventSink;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  readonly calls: CallWatch;
  /** Deadline of one call to Kafka, ms. */
  readonly sendTimeoutMs: number;
  /** Most bytes for one partition in one send. */
  readonly recordBytesMax: number;
  /** How old the list of table topics may be, ms. */
  readonly topicListEveryMs: number;
  /** How long a topic may refuse records before its table is parked, ms. */
  readonly parkAfterMs: number;
  /** For the flushes that parked tables are owed. */
  readonly debtRetry: () => Retry;
}

/** A step about one key. */
type KeyStep = Extract<Step, { readonly key: string }>;

/** A dead letter is a courtesy to operators: after so many attempts it is given up. */
const deadLetterAttempts = 3;
/** A topic that refuses records as too large is offered smaller ones down to this size, bytes: there, no record has more than its key. */
const refusedBytesMin = 128;
/** Topics that are sent a watermark at the same time. */
const topicsAtOnce = 32;

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
  readonly #options: TablePublisherOptions;
  readonly #partitions = new Map<string, number>();
  /** Topics whose last watermark is not acknowledged yet. */
  readonly #awaited = new Set<string>();
  /** Topics whose last watermark failed, and why. */
  readonly #failed = new Map<string, Error>();
  #topics = new Set<string>();
  #listedAtMs = -Infinity;
  #listing: Promise<ReadonlySet<string>> | undefined;

  constructor(options: TablePublisherOptions) {
    this.#options = options;
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
        this.#unlessRefused(this.#tableOf(topic), outgoing, () => this.#sendAll(topic, records, retry)),
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
          const partitions = await this.partitionsOf(names.deadLetters, retry.signal);
          await this.#send(names.deadLetters, [outgoingDeadLetter(letter, clock.now(), partitions)], retry.signal);
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

  /**
   * Sends the watermark into every partition of every table topic, and waits for it no longer than `patienceMs`: a topic that fails, or does
   * not answer, keeps it from no other. Resolves to how many topics have acknowledged it, and to why one fails at present.
   */
  async publishWatermark(
    watermark: { readonly at: number; readonly streamId: string },
    isWithheld: (table: string) => boolean,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly acknowledged: number; readonly failure: Error | undefined }> {
    const topics = [...(await this.tableTopics(signal))].filter((topic) => !isWithheld(this.#tableOf(topic)));
    const due = new Set(topics);
    for (const topic of this.#failed.keys()) if (!due.has(topic)) this.#failed.delete(topic);
    const queue = topics.filter((topic) => !this.#awaited.has(topic));
    let acknowledged = 0;
    const sendFromQueue = async (): Promise<void> => {
      for (let topic = queue.shift(); topic !== undefined && !signal.aborted; topic = queue.shift())
        if (await this.#trySendWatermark(topic, watermark, signal)) acknowledged += 1;
    };
    const patience = new AbortController();
    const sent = Promise.all(Array.from({ length: topicsAtOnce }, sendFromQueue)).finally(() => patience.abort());
    await Promise.race([sent, wait(this.#options.clock, patienceMs, patience.signal)]);
    return { acknowledged, failure: [...this.#failed.values()][0] };
  }

  /** The tables that have a topic; where Kafka does not list them within `patienceMs`, those that it listed last. Rejects only where it never has. */
  async knownTables(patienceMs: number, signal: AbortSignal): Promise<readonly string[]> {
    const listing = this.tableTopics(signal);
    const isFirst = this.#listedAtMs === -Infinity;
    if (isFirst) await listing;
    else await within(this.#options.clock, patienceMs, listing).catch(() => undefined);
    return [...this.#topics].map((topic) => this.#tableOf(topic));
  }

  /** The table topics there are, from a list that is old by `ageMaxMs` at most; 0: from one that is asked for now. */
  async tableTopics(
    signal: AbortSignal,
    ageMaxMs: number = this.#options.topicListEveryMs,
  ): Promise<ReadonlySet<string>> {
    if (ageMaxMs <= 0) return this.#listTopics(signal);
    if (this.#options.clock.monotonicMs() - this.#listedAtMs < ageMaxMs) return this.#topics;
    this.#listing ??= this.#listTopics(signal).finally(() => (this.#listing = undefined));
    return this.#listing;
  }

  async #listTopics(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { clock, names, sink } = this.#options;
    const nowMs = clock.monotonicMs();
    const listed = await this.#timed('listing Kafka topics', signal, (inner) => sink.listTopics(names.cdc(''), inner));
    this.#topics = new Set(listed.filter((topic) => tableOfCdcTopic(names, topic) !== undefined));
    this.#listedAtMs = nowMs;
    return this.#topics;
  }

  async partitionsOf(topic: string, signal: AbortSignal): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return known;
    const { names, sink } = this.#options;
    const count = await this.#timed(`asking Kafka for the partitions of ${topic}`, signal, (inner) =>
      sink.partitionsOf(topic, inner),
    );
    this.#partitions.set(topic, count);
    if (tableOfCdcTopic(names, topic) !== undefined) this.#topics.add(topic);
    return count;
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
    if (step.type === 'flush-all') return false;
    if (this.#isShut(step.table, outgoing)) {
      this.#options.metrics.leftOut.value += 1;
      outgoing.leftOut.add(step.table);
      return true;
    }
    if (step.type === 'flush-table') return false;
    const topic = this.#options.names.cdc(step.table);
    const count = this.#partitions.get(topic);
    if (count === undefined) return false;
    listOf(outgoing.byTopic, topic).push(outgoingOf(step, count));
    return true;
  }

  async #address(step: Step, outgoing: Outgoing, retry: Retry): Promise<void> {
    const { byTopic } = outgoing;
    if (step.type === 'flush-all') return this.#addressFlushAll(step.reason, outgoing, retry);
    const topic = this.#options.names.cdc(step.table);
    await this.#unlessRefused(step.table, outgoing, async () => {
      if (step.type === 'flush-table') return this.#addressFlush(topic, step.reason, byTopic, retry);
      listOf(byTopic, topic).push(outgoingOf(step, await this.#countOf(topic, retry)));
    });
  }

  async #addressFlushAll(reason: string, outgoing: Outgoing, retry: Retry): Promise<void> {
    const topics = await retry.untilDone('listing Kafka topics', (signal) => this.tableTopics(signal, 0));
    for (const table of Object.keys(this.debts.parked)) outgoing.leftOut.add(table);
    for (const topic of topics) {
      const table = this.#tableOf(topic);
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
    const flush = { control: 'flush-table', table: this.#tableOf(topic), reason } as const;
    listOf(byTopic, topic).push(...intoEveryPartition(flush, count));
  }

  #countOf(topic: string, retry: Retry): Promise<number> {
    const what = `asking Kafka for the partitions of ${topic}`;
    return retry.untilDone(what, (signal) => this.partitionsOf(topic, signal), this.#isFinal(topic));
  }

  #isFinal(topic: string): (error: unknown) => boolean {
    return (error) => isRefusal(error) && this.debts.refused(this.#tableOf(topic), error);
  }

  /** In order, one send after another; a topic that takes less than it should is offered smaller sends and, at last, only keys. */
  async #sendAll(
    topic: string,
    records: readonly OutgoingRecord[],
    retry: Retry,
    bytesMax = this.#options.recordBytesMax,
  ): Promise<void> {
    const table = this.#tableOf(topic);
    for (const chunk of chunksOf(records, bytesMax, table)) {
      const send = async (signal: AbortSignal): Promise<'sent' | 'refused'> => {
        try {
          await this.partitionsOf(topic, signal);
          await this.#send(topic, chunk, signal);
          return 'sent';
        } catch (error) {
          if (isTidemarkError(error, 'TOPIC_MISSING')) this.#forget(topic);
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

  async #trySendWatermark(
    topic: string,
    { at, streamId }: { readonly at: number; readonly streamId: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    this.#awaited.add(topic);
    try {
      const count = await this.partitionsOf(topic, signal);
      const watermark = { control: 'watermark', table: this.#tableOf(topic), at, streamId, since: null } as const;
      await this.#send(topic, intoEveryPartition(watermark, count), signal);
      this.#failed.delete(topic);
      return true;
    } catch (error) {
      if (isTidemarkError(error, 'TOPIC_MISSING')) this.#forget(topic);
      this.#failed.set(topic, error instanceof Error ? error : new Error(messageOf(error)));
      return false;
    } finally {
      this.#awaited.delete(topic);
    }
  }

  async #send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    await this.#timed(sendingTo(topic), signal, (inner) => this.#options.sink.send(topic, records, inner));
    this.#options.metrics.recordsSent.value += records.length;
  }

  #forget(topic: string): void {
    this.#partitions.delete(topic);
    this.#topics.delete(topic);
  }

  #timed<T>(what: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, calls, sendTimeoutMs } = this.#options;
    return calls.watch(what, () => withDeadline({ clock, timeoutMs: sendTimeoutMs, what, signal }, work));
  }

  #tableOf(topic: string): string {
    return tableOfCdcTopic(this.#options.names, topic) ?? topic;
  }
}

function sendingTo(topic: string): string {
  return `sending to Kafka topic ${topic}`;
}

function outgoingOf(step: KeyStep, partitions: number): OutgoingRecord {
  const record = step.type === 'event' ? step.record : invalidation(step.table, step.key);
  return { partition: partitionOf(step.key, partitions), record };
}

function invalidation(table: string, key: string): OutgoingRecord['record'] {
  return encodeControl({ control: 'invalidate', table, key });
}

function intoEveryPartition(control: ControlRecord, count: number): readonly OutgoingRecord[] {
  const record = encodeControl(control);
  return Array.from({ length: count }, (_, partition) => ({ partition, record }));
}

function withoutValue({ partition, record }: OutgoingRecord, table: string): OutgoingRecord {
  const key = typeof record.key === 'string' ? record.key : Buffer.from(record.key ?? []).toString('utf8');
  return { partition, record: invalidation(table, key) };
}

/** Cuts so that no partition gets more than `bytesMax` in one send; of a record that is larger by itself only the key is left. */
function chunksOf(
  records: readonly OutgoingRecord[],
  bytesMax: number,
  table: string,
): readonly (readonly OutgoingRecord[])[] {
  const chunks: OutgoingRecord[][] = [];
  let chunk: OutgoingRecord[] = [];
  let bytes: number[] = [];
  for (const whole of records) {
    const { partition } = whole;
    let [outgoing, size] = [whole, wireBytes(whole.record)];
    if (size > bytesMax && whole.record.value !== null) {
      outgoing = withoutValue(whole, table);
      size = wireBytes(outgoing.record);
    }
    if (chunk.length > 0 && (bytes[partition] ?? 0) + size > bytesMax) {
      chunks.push(chunk);
      chunk = [];
      bytes = [];
    }
    chunk.push(outgoing);
    bytes[partition] = (bytes[partition] ?? 0) + size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

function listOf(byTopic: Map<string, OutgoingRecord[]>, topic: string): OutgoingRecord[] {
  const list = byTopic.get(topic) ?? [];
  byTopic.set(topic, list);
  return list;
}
