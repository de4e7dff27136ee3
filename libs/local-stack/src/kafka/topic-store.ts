import { type Clock } from '@tidemark/runtime';
import { type LogConfig, PartitionLog } from './partition-log.js';

export interface Topic {
  readonly name: string;
  readonly partitions: PartitionLog[];
  configs: ReadonlyMap<string, string>;
}

/** A topic that sets nothing keeps 7 days and 256 MiB a partition. */
const defaults = { retentionMs: 604_800_000, retentionBytes: 268_435_456 };

/** Every topic of the broker, and who waits for records in which partition. */
export class TopicStore {
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get names(): readonly string[] {
    return [...this.#topics.keys()];
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  partition(name: string, index: number): PartitionLog | undefined {
    return this.#topics.get(name)?.partitions[index];
  }

  create(name: string, partitions: number, configs: ReadonlyMap<string, string>): Topic {
    const topic: Topic = { name, configs, partitions: [] };
    this.#topics.set(name, topic);
    this.grow(topic, partitions);
    return topic;
  }

  grow(topic: Topic, partitions: number): void {
    while (topic.partitions.length < partitions) topic.partitions.push(new PartitionLog());
  }

  delete(name: string): boolean {
    const topic = this.#topics.get(name);
    if (topic === undefined) return false;
    this.#topics.delete(name);
    for (const index of topic.partitions.keys()) this.wake(name, index);
    return true;
  }

  /** Appends one batch and wakes who waits for it; its first offset. */
  append(topic: Topic, index: number, batch: Buffer): bigint {
    const log = topic.partitions[index];
    if (log === undefined) throw new RangeError(`${topic.name} has no partition ${index}`);
    const offset = log.append(batch, configOf(topic), this.#clock.now());
    this.wake(topic.name, index);
    return offset;
  }

  /** Drops what has outlived its retention, and compacts what is to be compacted. */
  clean(): void {
    for (const topic of this.#topics.values()) {
      const config = configOf(topic);
      for (const log of topic.partitions) {
        if (config.cleanup === 'compact') log.compact();
        else log.enforceRetention(config, this.#clock.now());
      }
    }
  }

  compact(name: string): void {
    for (const log of this.#topics.get(name)?.partitions ?? []) log.compact();
  }

  /** Calls `wake` at the next change of the partition, until the returned function is called. */
  wait(name: string, index: number, wake: () => void): () => void {
    const id = `${name}/${index}`;
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    waiting.add(wake);
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0) this.#waiting.delete(id);
    };
  }

  wake(name: string, index: number): void {
    for (const wake of [...(this.#waiting.get(`${name}/${index}`) ?? [])]) wake();
  }

  /** Fetches that wait; 0 when nobody does. */
  get waiters(): number {
    return [...this.#waiting.values()].reduce((sum, waiting) => sum + waiting.size, 0);
  }
}

export function configOf(topic: Topic): LogConfig {
  const number = (name: string, fallback: number): number => {
    const value = Number(topic.configs.get(name) ?? fallback);
    return value < 0 || Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  return {
    cleanup: topic.configs.get('cleanup.policy') === 'compact' ? 'compact' : 'delete',
    retentionMs: number('retention.ms', defaults.retentionMs),
    retentionBytes: number('retention.bytes', defaults.retentionBytes),
    appendTime: topic.configs.get('message.timestamp.type') === 'LogAppendTime',
  };
}

/** The largest record set a topic takes, bytes. */
export function messageBytesMax(topic: Topic): number {
  return Number(topic.configs.get('max.message.bytes') ?? 1_048_588);
}
