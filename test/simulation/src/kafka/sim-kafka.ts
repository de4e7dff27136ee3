import { type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { SimLog } from './sim-log.js';

export type TopicPlace = `${string}:${number}`;

/** A topic as it is at present: another one of the same name has another id. */
interface SimTopic {
  readonly id: string;
  readonly logs: readonly SimLog[];
}

/** A region's brokers, as one: topics, their partitions, and whoever waits for a record. */
export class SimKafka {
  readonly #nowMs: () => number;
  readonly #topics = new Map<string, SimTopic>();
  /** Partitions that a topic has, or had before it was deleted: clients go by what they have heard. */
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  readonly #onAppend: (topic: string, partition: number, record: WireRecord) => void;
  #made = 0;

  constructor(nowMs: () => number, onAppend: (topic: string, partition: number, record: WireRecord) => void) {
    this.#nowMs = nowMs;
    this.#onAppend = onAppend;
  }

  createTopic(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) throw new RangeError(`topic ${topic} exists`);
    this.#made += 1;
    const logs = Array.from({ length: partitions }, () => new SimLog());
    this.#topics.set(topic, { id: this.#made.toString(16).padStart(32, '0'), logs });
    this.#counts.set(topic, partitions);
    this.#wake(topic);
  }

  deleteTopic(topic: string): void {
    this.#topics.delete(topic);
    this.#wake(topic);
  }

  /** Another leader is elected for a partition, whose log ends before `offset`; how many records are lost. */
  elect(topic: string, partition: number, offset: number): number {
    const lost = this.log(topic, partition).elect(offset);
    this.#wake(topic);
    return lost;
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** `undefined`: there is none. */
  idOf(topic: string): string | undefined {
    return this.#topics.get(topic)?.id;
  }

  get topics(): readonly string[] {
    return [...this.#topics.keys()].sort();
  }

  /** 0 for one that never was. */
  partitionsEver(topic: string): number {
    return this.#counts.get(topic) ?? 0;
  }

  /** Throws `TOPIC_MISSING`. */
  partitions(topic: string): readonly SimLog[] {
    const found = this.#topics.get(topic);
    if (found !== undefined) return found.logs;
    throw new TidemarkError('TOPIC_MISSING', `there is no topic ${topic}`, { retriable: true, context: { topic } });
  }

  log(topic: string, partition: number): SimLog {
    const log = this.partitions(topic)[partition];
    if (log === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
    return log;
  }

  append(topic: string, partition: number, record: WireRecord): number {
    const offset = this.log(topic, partition).append(record, this.#nowMs());
    this.#onAppend(topic, partition, record);
    this.#wake(topic);
    return offset;
  }

  /**
   * Calls `look` now, and after each append to one of the topics and whenever one of their logs has become another one, until it returns something or
   * `giveUp` is called.
   */
  waitFor<T>(
    topics: ReadonlySet<string>,
    look: () => T | undefined,
  ): { readonly found: Promise<T | undefined>; readonly giveUp: () => void } {
    let finish: (value: T | undefined) => void = () => undefined;
    const found = new Promise<T | undefined>((resolve) => (finish = resolve));
    const wake = (): void => {
      const value = look();
      if (value !== undefined) end(value);
    };
    const end = (value: T | undefined): void => {
      this.#waiting.delete(waiting);
      finish(value);
    };
    const waiting = { topics, wake };
    this.#waiting.add(waiting);
    wake();
    return { found, giveUp: () => end(undefined) };
  }

  #wake(topic: string): void {
    const waiting = [...this.#waiting].filter(({ topics }) => topics.has(topic));
    for (const { wake } of waiting) wake();
  }
}

interface Waiting {
  readonly topics: ReadonlySet<string>;
  readonly wake: () => void;
}

export function placeOf(topic: string, partition: number): TopicPlace {
  return `${topic}:${partition}`;
}
