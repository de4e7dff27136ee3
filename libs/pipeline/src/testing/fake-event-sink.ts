import { type DecodedRecord, decodeRecord, type WireRecord } from '@tidemark/protocol';
import { type Clock, TidemarkError, wait } from '@tidemark/runtime';
import { type EventSink, type OutgoingRecord } from '../ports.js';
import { Stall } from './stall.js';

export interface FakeEventSinkOptions {
  /** Partitions of a topic that the sink makes on its own; 0: it makes none. Default 3. */
  readonly autoCreate?: number;
  /** How long a send is on its way, ms of `clock`. Default 0. */
  readonly latencyMs?: number;
  readonly clock?: Clock;
}

/** What a test does to the next sends; `undefined` lets a send pass. */
export type SendFault = (topic: string, records: readonly OutgoingRecord[]) => TidemarkError | undefined;

/** One call of `send`, whether or not it succeeded. */
export interface RecordedSend {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
}

/** Kafka in memory: what `send` was acknowledged for is in `log`, in order. One send is in flight per partition. */
export class FakeEventSink implements EventSink {
  readonly #options: Required<Omit<FakeEventSinkOptions, 'clock'>> & { readonly clock: Clock | undefined };
  readonly #topics = new Map<string, WireRecord[][]>();
  readonly #tails = new Map<string, Promise<void>>();
  readonly #listeners: ((topic: string, partition: number, record: WireRecord) => void)[] = [];
  #down = false;
  #fault: SendFault = () => undefined;
  readonly #stall = new Stall();
  readonly sends: RecordedSend[] = [];

  constructor(options: FakeEventSinkOptions = {}) {
    this.#options = { autoCreate: options.autoCreate ?? 3, latencyMs: options.latencyMs ?? 0, clock: options.clock };
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => []),
    );
  }

  deleteTopic(topic: string): void {
    this.#topics.delete(topic);
  }

  /** While stalled, no call is answered, not even with a failure. */
  set stalled(stalled: boolean) {
    this.#stall.shut = stalled;
  }

  /** While down, every call fails with `PUBLISH_FAILED`. */
  set down(down: boolean) {
    this.#down = down;
  }

  set fault(fault: SendFault) {
    this.#fault = fault;
  }

  /** Called for every record the moment it stands in the log. */
  onAppend(listener: (topic: string, partition: number, record: WireRecord) => void): void {
    this.#listeners.push(listener);
  }

  /** What stands in one partition. */
  log(topic: string, partition: number): readonly WireRecord[] {
    return this.#topics.get(topic)?.[partition] ?? [];
  }

  /** What stands in every partition of a topic, decoded; ordered within a partition. */
  decoded(topic: string): readonly DecodedRecord[] {
    return (this.#topics.get(topic) ?? []).flat().map((record) => decodeRecord(record));
  }

  async partitionsOf(topic: string, signal: AbortSignal): Promise<number> {
    await this.#stall.pass(signal);
    this.#mustBeUp(signal);
    if (!this.#topics.has(topic) && this.#options.autoCreate > 0) this.createTopic(topic, this.#options.autoCreate);
    return this.#partitions(topic).length;
  }

  async listTopics(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    await this.#stall.pass(signal);
    this.#mustBeUp(signal);
    return [...this.#topics.keys()].filter((topic) => topic.startsWith(prefix)).sort();
  }

  async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    this.sends.push({ topic, records });
    const places = [...new Set(records.map(({ partition }) => `${topic}/${partition}`))];
    const earlier = places.flatMap((place) => this.#tails.get(place) ?? []);
    const sent = Promise.all(earlier).then(() => this.#append(topic, records, signal));
    const settled = sent.catch(() => undefined);
    for (const place of places) this.#tails.set(place, settled);
    await sent;
  }

  async #append(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    const { clock, latencyMs } = this.#options;
    if (clock !== undefined && latencyMs > 0) await wait(clock, latencyMs, signal);
    await this.#stall.pass(signal);
    this.#mustBeUp(signal);
    const fault = this.#fault(topic, records);
    if (fault !== undefined) throw fault;
    const partitions = this.#partitions(topic);
    for (const { partition, record } of records) {
      const log = partitions[partition];
      if (log === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
      log.push(record);
      for (const listener of this.#listeners) listener(topic, partition, record);
    }
  }

  #partitions(topic: string): WireRecord[][] {
    const partitions = this.#topics.get(topic);
    if (partitions !== undefined) return partitions;
    throw new TidemarkError('TOPIC_MISSING', `there is no topic ${topic}`, { retriable: true, context: { topic } });
  }

  #mustBeUp(signal: AbortSignal): void {
    if (signal.aborted) throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false });
    if (this.#down) throw new TidemarkError('PUBLISH_FAILED', 'no broker answers', { retriable: true });
  }
}
