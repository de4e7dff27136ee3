import { tableOfCdcTopic, type TopicNames } from '@tidemark/protocol';
import { type Clock, messageOf, withDeadline } from '@tidemark/runtime';
import { type CallWatch } from './call-watch.js';
import { type EventSink, type OutgoingRecord } from './ports.js';
import { type SyncMetrics } from './sync-metrics.js';
import { within } from './within.js';

export interface TableTopicsOptions {
  readonly sink: EventSink;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly metrics: SyncMetrics;
  readonly calls: CallWatch;
  /** Deadline of one call to Kafka, ms. */
  readonly sendTimeoutMs: number;
  /** How old the list of table topics may be, ms. */
  readonly topicListEveryMs: number;
  /** Hears of a topic that has another number of partitions than when it was last asked for. Default: nobody does. */
  readonly onMoved?: (topic: string, before: number, count: number) => void;
}

/** A topic's partitions are asked for again after this, ms: somebody may have added some, or made the topic anew. */
const countAgeMaxMs = 60_000;

export interface KnownTopics {
  readonly topics: ReadonlySet<string>;
  /** Why Kafka does not list them at present. */
  readonly failure: Error | undefined;
}

/** The table topics as Kafka has them, each call with its deadline: which there are, their partitions, and sends to them. */
export class TableTopics {
  readonly #options: TableTopicsOptions;
  readonly #partitions = new Map<string, { readonly count: number; readonly askedAtMs: number }>();
  /** The last that was heard of each. */
  readonly #last = new Map<string, number>();
  #topics = new Set<string>();
  #listedAtMs = -Infinity;
  #listing: Promise<ReadonlySet<string>> | undefined;

  constructor(options: TableTopicsOptions) {
    this.#options = options;
  }

  /** The table topics there are, from a list that is old by `ageMaxMs` at most; 0: from one that is asked for now. */
  async list(signal: AbortSignal, ageMaxMs: number = this.#options.topicListEveryMs): Promise<ReadonlySet<string>> {
    if (ageMaxMs <= 0) return this.#list(signal);
    if (this.#options.clock.monotonicMs() - this.#listedAtMs < ageMaxMs) return this.#topics;
    this.#listing ??= this.#list(signal).finally(() => (this.#listing = undefined));
    return this.#listing;
  }

  /**
   * The table topics there are; where Kafka does not list them within `patienceMs`, those that it listed last and those met since, however long ago, and
   * why. Rejects only where it never has.
   */
  async known(patienceMs: number, signal: AbortSignal): Promise<KnownTopics> {
    const listing = this.list(signal);
    let failure: Error | undefined;
    if (this.#listedAtMs === -Infinity) await listing;
    else
      await within(this.#options.clock, patienceMs, listing).catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(messageOf(error));
      });
    return { topics: this.#topics, failure };
  }

  /** The tables that have a topic, as `known` has it. */
  async knownTables(patienceMs: number, signal: AbortSignal): Promise<readonly string[]> {
    const { topics } = await this.known(patienceMs, signal);
    return [...topics].map((topic) => this.tableOf(topic));
  }

  /** The table topics as they were listed last, and met since, sorted; without asking Kafka. */
  met(): readonly string[] {
    return [...this.#topics].sort();
  }

  tableOf(topic: string): string {
    return tableOfCdcTopic(this.#options.names, topic) ?? topic;
  }

  /** Without asking Kafka; `undefined`: it was not asked yet, or not for `ageMaxMs`. */
  knownPartitionsOf(topic: string, ageMaxMs = countAgeMaxMs): number | undefined {
    const known = this.#partitions.get(topic);
    if (known === undefined || this.#options.clock.monotonicMs() - known.askedAtMs >= ageMaxMs) return undefined;
    return known.count;
  }

  /** As Kafka said `ageMaxMs` ago at the longest, default a minute. */
  async partitionsOf(topic: string, signal: AbortSignal, ageMaxMs = countAgeMaxMs): Promise<number> {
    const known = this.knownPartitionsOf(topic, ageMaxMs);
    if (known !== undefined) return known;
    const { clock, names, sink } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const count = await this.#timed(askingFor(topic), signal, (inner) => sink.partitionsOf(topic, inner));
    this.#partitions.set(topic, { count, askedAtMs });
    if (tableOfCdcTopic(names, topic) === undefined) return count;
    this.#topics.add(topic);
    const before = this.#last.get(topic) ?? count;
    this.#last.set(topic, count);
    if (before !== count) this.#options.onMoved?.(topic, before, count);
    return count;
  }

  async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    await this.#timed(sendingTo(topic), signal, (inner) => this.#options.sink.send(topic, records, inner));
    this.#options.metrics.recordsSent.value += records.length;
  }

  /** A send into the topic has failed, perhaps because its partitions are others than they were: they are asked for before the next. */
  doubt(topic: string): void {
    this.#partitions.delete(topic);
  }

  /** The topic is missing. */
  forget(topic: string): void {
    this.#partitions.delete(topic);
    this.#topics.delete(topic);
  }

  async #list(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { clock, names, sink } = this.#options;
    const nowMs = clock.monotonicMs();
    const listed = await this.#timed('listing Kafka topics', signal, (inner) => sink.listTopics(names.cdc(''), inner));
    this.#topics = new Set(listed.filter((topic) => tableOfCdcTopic(names, topic) !== undefined));
    this.#listedAtMs = nowMs;
    return this.#topics;
  }

  #timed<T>(what: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, calls, sendTimeoutMs } = this.#options;
    return calls.watch(what, () => withDeadline({ clock, timeoutMs: sendTimeoutMs, what, signal }, work));
  }
}

/** What a send is called in logs and in health. */
export function sendingTo(topic: string): string {
  return `sending to Kafka topic ${topic}`;
}

/** What asking for a topic's partitions is called there. */
export function askingFor(topic: string): string {
  return `asking Kafka for the partitions of ${topic}`;
}
