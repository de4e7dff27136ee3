import { type KafkaProducer } from '../producer.js';

/** Numbers written to every partition of a topic, one after another, while something is done to the brokers. */
export class Load {
  readonly #writing: Promise<number>[];
  #stopped = false;

  /** `pauseMs`: between two sends of one partition. */
  constructor(producer: KafkaProducer, topic: string, partitions: number, pauseMs = 5) {
    this.#writing = Array.from({ length: partitions }, (_, partition) =>
      this.#write(producer, topic, partition, pauseMs),
    );
  }

  /** Stops and returns how many of each partition are acknowledged: 0, 1, … below that. */
  async stop(): Promise<number[]> {
    this.#stopped = true;
    return Promise.all(this.#writing);
  }

  async #write(producer: KafkaProducer, topic: string, partition: number, pauseMs: number): Promise<number> {
    const { signal } = new AbortController();
    let next = 0;
    while (!this.#stopped) {
      const value = Buffer.from(String(next));
      await producer.send(topic, [{ partition, record: { key: 'k', value, header: null } }], signal);
      next += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return next;
  }
}

/** First occurrences, in order of arrival: what remains when at-least-once has done its worst. */
export function firsts(numbers: readonly number[]): number[] {
  return [...new Set(numbers)];
}
