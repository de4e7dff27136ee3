import { type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** One partition: records keep their offsets when older ones leave. */
export class SimLog {
  readonly #records: WireRecord[] = [];
  readonly #appendedMs: number[] = [];
  /** Offset of the first record that is still there. */
  #base = 0;

  get start(): number {
    return this.#base;
  }

  /** Offset of the next record. */
  get end(): number {
    return this.#base + this.#records.length;
  }

  append(record: WireRecord, atMs: number): number {
    this.#records.push(record);
    this.#appendedMs.push(atMs);
    return this.end - 1;
  }

  /** From `offset`, or from the start where that is later. */
  read(offset: number, max: number): readonly WireRecord[] {
    const first = Math.max(0, offset - this.#base);
    return this.#records.slice(first, first + max);
  }

  appendedMs(offset: number): number {
    return this.#appendedMs[offset - this.#base] ?? 0;
  }

  /** Offset of the first record that is still there and was appended then or later; the end where there is none. */
  firstSince(ms: number): number {
    const found = this.#appendedMs.findIndex((appendedMs) => appendedMs >= ms);
    return found < 0 ? this.end : this.#base + found;
  }

  /** Drops everything before `offset`; how many records. */
  trim(offset: number): number {
    const count = Math.min(Math.max(0, offset - this.#base), this.#records.length);
    this.#records.splice(0, count);
    this.#appendedMs.splice(0, count);
    this.#base += count;
    return count;
  }
}

export type TopicPlace = `${string}:${number}`;

/** A region's brokers, as one: topics, their partitions, and whoever waits for a record. */
export class SimKafka {
  readonly #nowMs: () => number;
  readonly #topics = new Map<string, readonly SimLog[]>();
  readonly #waiting = new Set<() => void>();
  readonly #onAppend: (topic: string, partition: number, record: WireRecord) => void;

  constructor(nowMs: () => number, onAppend: (topic: string, partition: number, record: WireRecord) => void) {
    this.#nowMs = nowMs;
    this.#onAppend = onAppend;
  }

  createTopic(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) throw new RangeError(`topic ${topic} exists`);
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => new SimLog()),
    );
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  get topics(): readonly string[] {
    return [...this.#topics.keys()].sort();
  }

  /** Throws `TOPIC_MISSING`. */
  partitions(topic: string): readonly SimLog[] {
    const logs = this.#topics.get(topic);
    if (logs !== undefined) return logs;
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
    const waiting = [...this.#waiting];
    for (const wake of waiting) wake();
    return offset;
  }

  /** Calls `look` now and after each append until it returns something, or `giveUp` is called. */
  waitFor<T>(look: () => T | undefined): { readonly found: Promise<T | undefined>; readonly giveUp: () => void } {
    let finish: (value: T | undefined) => void = () => undefined;
    const found = new Promise<T | undefined>((resolve) => (finish = resolve));
    const wake = (): void => {
      const value = look();
      if (value !== undefined) end(value);
    };
    const end = (value: T | undefined): void => {
      this.#waiting.delete(wake);
      finish(value);
    };
    this.#waiting.add(wake);
    wake();
    return { found, giveUp: () => end(undefined) };
  }
}

export function placeOf(topic: string, partition: number): TopicPlace {
  return `${topic}:${partition}`;
}

/** The parts of a place. */
export function partsOf(place: TopicPlace): { readonly topic: string; readonly partition: number } {
  const colon = place.lastIndexOf(':');
  return { topic: place.slice(0, colon), partition: Number(place.slice(colon + 1)) };
}
