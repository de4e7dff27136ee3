import { type TopicNames } from '@tidemark/protocol';
import { type Clock, isTidemarkError, type Logger, messageOf } from '@tidemark/runtime';
import { DeadLetterSender } from './dead-letter-sender.js';
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
  /** The same where it fails as Kafka as a whole may, while another topic takes records, ms. */
  readonly parkAloneAfterMs: number;
  /** For the flushes that parked tables are owed. */
  readonly debtRetry: () => Retry;
}

/** A topic that refuses records as too large is offered smaller ones down to this size, bytes: there, no record has more than its key. */
const refusedBytesMin = 128;

/** Topics that are asked for proof that Kafka takes records. */
const witnessesMax = 3;

/** Records of one topic, addressed to the `count` partitions that it had. */
interface Parcel {
  readonly count: number;
  readonly records: readonly OutgoingRecord[];
}

/** One that is still being filled. */
interface OpenParcel extends Parcel {
  readonly records: OutgoingRecord[];
}

/** What steps make of the table topics, and the tables that are left out of it. */
interface Outgoing {
  readonly byTopic: Map<string, OpenParcel>;
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
  readonly deadLetters: DeadLetterSender;
  readonly #options: TablePublisherOptions;

  constructor(options: TablePublisherOptions) {
    this.#options = options;
    this.topics = new TableTopics({
      ...options,
      onMoved: (topic, before, count) => this.#onMoved(topic, before, count),
    });
    this.watermarks = new WatermarkSender(this.topics, options.clock);
    this.deadLetters = new DeadLetterSender(this.topics, options);
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
    const outgoing: Outgoing = { byTopic: new Map<string, OpenParcel>(), leftOut: new Set(), owed };
    // Nothing is awaited where Kafka need not be asked: a promise for each record would cost as much as what becomes of it.
    for (const step of withoutRepeatedFlushes(steps))
      if (!this.#addressKnown(step, outgoing)) await this.#address(step, outgoing, retry);
    await Promise.all(
      [...outgoing.byTopic].map(([topic, parcel]) =>
        this.#unlessRefused(this.topics.tableOf(topic), outgoing, () => this.#sendAll(topic, parcel, retry)),
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

  /** Whether the table is parked or not, and whether or not it is owed anything; rejects with why its topic refuses it. */
  async #flush(table: string, reason: string, retry: Retry): Promise<void> {
    const topic = this.#options.names.cdc(table);
    await this.#sendAll(topic, await this.#flushOf(topic, reason, retry), retry);
    this.#options.metrics.flushed(reason);
  }

  async #unlessRefused(table: string, { leftOut }: Outgoing, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isShut = isRefusal(error) || this.debts.isParked(table);
      if (!isShut || isTidemarkError(error, 'ABORTED')) throw error;
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
    this.#listOf(outgoing, topic, count).push(outgoingOf(step, count));
    return true;
  }

  async #address(step: Step, outgoing: Outgoing, retry: Retry): Promise<void> {
    if (step.type === 'ignore') return;
    if (step.type === 'flush-all') return this.#addressFlushAll(step.reason, outgoing, retry);
    const topic = this.#options.names.cdc(step.table);
    await this.#unlessRefused(step.table, outgoing, async () => {
      if (step.type === 'flush-table') return this.#addressFlush(topic, step.reason, outgoing, retry);
      const count = await this.#countOf(topic, retry);
      this.#listOf(outgoing, topic, count).push(outgoingOf(step, count));
    });
  }

  async #addressFlushAll(reason: string, outgoing: Outgoing, retry: Retry): Promise<void> {
    const topics = await retry.untilDone('listing Kafka topics', (signal) => this.topics.list(signal, 0));
    for (const table of Object.keys(this.debts.parked)) outgoing.leftOut.add(table);
    for (const topic of topics) {
      const table = this.topics.tableOf(topic);
      if (this.#isShut(table, outgoing)) outgoing.leftOut.add(table);
      else await this.#unlessRefused(table, outgoing, () => this.#addressFlush(topic, reason, outgoing, retry));
    }
  }

  async #addressFlush(topic: string, reason: string, outgoing: Outgoing, retry: Retry): Promise<void> {
    const { count, records } = await this.#flushOf(topic, reason, retry);
    this.#listOf(outgoing, topic, count).push(...records);
  }

  /** One that reaches every partition there is. */
  async #flushOf(topic: string, reason: string, retry: Retry): Promise<Parcel> {
    const count = await this.#countOf(topic, retry, 0);
    return flushParcel(this.topics.tableOf(topic), reason, count);
  }

  #countOf(topic: string, retry: Retry, ageMaxMs?: number): Promise<number> {
    return this.#untilDone(askingFor(topic), topic, retry, (signal) =>
      this.topics.partitionsOf(topic, signal, ageMaxMs),
    );
  }

  /** Where records go that are addressed to `count` partitions. Those addressed to others are told by a flush: their keys may stand elsewhere by now. */
  #listOf({ byTopic }: Outgoing, topic: string, count: number): OutgoingRecord[] {
    const known = byTopic.get(topic);
    if (known?.count === count) return known.records;
    const parcel = known === undefined ? { count, records: [] } : this.#moved(topic, count);
    byTopic.set(topic, parcel);
    return parcel.records;
  }

  #moved(topic: string, count: number): OpenParcel {
    return flushParcel(this.topics.tableOf(topic), partitionsChanged, count);
  }

  /** Keys stand in other partitions than they did: a flush is behind all that was sent into the old ones. */
  #onMoved(topic: string, before: number, count: number): void {
    const { log, debtRetry } = this.#options;
    const table = this.topics.tableOf(topic);
    log.error(
      { table, before, count },
      'a table topic has another number of partitions than before, flushing its table',
    );
    this.#flush(table, partitionsChanged, debtRetry()).catch((error: unknown) => {
      log.warn({ table, error: messageOf(error) }, 'the table of a changed topic was not flushed');
    });
  }

  /** In order, one send after another; a topic that takes less than it should is offered smaller sends and, at last, only keys. */
  async #sendAll(
    topic: string,
    { count, records }: Parcel,
    retry: Retry,
    bytesMax = this.#options.recordBytesMax,
  ): Promise<void> {
    const table = this.topics.tableOf(topic);
    for (const chunk of chunksOf(records, bytesMax, table)) {
      const outcome = await this.#sendChunk(topic, { count, records: chunk }, retry, bytesMax > refusedBytesMin);
      if (outcome === 'sent') this.debts.took(table);
      else if (outcome === 'refused')
        await this.#sendAll(topic, { count, records: chunk }, retry, Math.floor(bytesMax / 2));
      else return this.#sendAll(topic, this.#moved(topic, outcome.count), retry);
    }
  }

  /** Resolves to the number of partitions where that is not what the chunk was addressed to. */
  async #sendChunk(
    topic: string,
    { count, records }: Parcel,
    retry: Retry,
    mayBeSmaller: boolean,
  ): Promise<'sent' | 'refused' | { readonly count: number }> {
    return this.#untilDone(sendingTo(topic), topic, retry, async (signal, isRepetition) => {
      try {
        const present = await this.topics.partitionsOf(topic, signal);
        if (present !== count) return { count: present };
        // Where one partition takes nothing, the others would get the same again with every attempt: a herd, where it is a flush.
        if (isRepetition || this.debts.isParked(this.topics.tableOf(topic))) await this.watermarks.probe(topic, signal);
        await this.topics.send(topic, records, signal);
        return 'sent';
      } catch (error) {
        if (isTidemarkError(error, 'TOPIC_MISSING')) this.topics.forget(topic);
        else this.topics.doubt(topic);
        if (mayBeSmaller && isTidemarkError(error, 'PUBLISH_FAILED') && !error.retriable) return 'refused';
        throw error;
      }
    });
  }

  /** Of a topic: until it works, or the table is parked. */
  #untilDone<T>(
    what: string,
    topic: string,
    retry: Retry,
    attempt: (signal: AbortSignal, isRepetition: boolean) => Promise<T>,
  ): Promise<T> {
    const table = this.topics.tableOf(topic);
    const isFinal = (error: unknown): boolean =>
      this.debts.isParked(table) || (isRefusal(error) && this.debts.refused(table, error));
    let failingSinceMs: number | undefined;
    const attemptOnce = async (signal: AbortSignal): Promise<T> => {
      try {
        return await attempt(signal, failingSinceMs !== undefined);
      } catch (error) {
        failingSinceMs ??= this.#options.clock.monotonicMs();
        if (!(await this.#isAlone(topic, error, failingSinceMs, signal))) throw error;
      }
      // Kafka as a whole may have come back while the others were asked: only what fails after that is the topic's own.
      try {
        return await attempt(signal, true);
      } catch (error) {
        if (isOfTopicAlone(error) && !signal.aborted) this.debts.park(table, error);
        throw error;
      }
    };
    return retry.untilDone(what, attemptOnce, isFinal);
  }

  /** Whether a topic that has failed for long fails where others do not: found out by sends into those that say nothing. */
  async #isAlone(topic: string, error: unknown, failingSinceMs: number, signal: AbortSignal): Promise<boolean> {
    const table = this.topics.tableOf(topic);
    const { clock, parkAloneAfterMs } = this.#options;
    if (!isOfTopicAlone(error)) return false;
    if (this.debts.isParked(table) || signal.aborted) return false;
    if (clock.monotonicMs() - failingSinceMs < parkAloneAfterMs) return false;
    const others = this.topics
      .met()
      .filter((other) => other !== topic && !this.debts.isParked(this.topics.tableOf(other)));
    const first = others.length === 0 ? 0 : Math.floor(failingSinceMs) % others.length;
    const witnesses = [...others.slice(first), ...others.slice(0, first)].slice(0, witnessesMax);
    const probes = await Promise.allSettled(witnesses.map((other) => this.watermarks.probe(other, signal)));
    return probes.some(({ status }) => status === 'fulfilled');
  }
}

/**
 * Of many flushes of a table, or of all, the last is enough: nothing is claimed before all of it is acknowledged. A page of what nobody can read would otherwise
 * flush every table once for each of its records. One of all takes none of a table's away: that one is owed also where its topic is not there.
 */
function withoutRepeatedFlushes(steps: readonly Step[]): readonly Step[] {
  if (!steps.some(isFlush)) return steps;
  const seen = new Set<string>();
  return steps
    .toReversed()
    .filter((step) => {
      if (!isFlush(step)) return true;
      const table = step.type === 'flush-table' ? step.table : '';
      if (seen.has(table)) return false;
      seen.add(table);
      return true;
    })
    .reverse();
}

function isFlush(step: Step): step is Extract<Step, { readonly type: 'flush-all' | 'flush-table' }> {
  return step.type === 'flush-all' || step.type === 'flush-table';
}

const partitionsChanged = 'partitions-changed';

function flushParcel(table: string, reason: string, count: number): OpenParcel {
  return { count, records: [...intoEveryPartition({ control: 'flush-table', table, reason }, count)] };
}

/** A refusal has a rule of its own, and what other tables have filled says nothing of this one. */
function isOfTopicAlone(error: unknown): boolean {
  return !isRefusal(error) && !isTidemarkError(error, 'QUEUE_FULL');
}
