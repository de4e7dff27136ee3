import { GroupConsumer, type KafkaClient, KafkaProducer, PodFeed } from '@tidemark/kafka';
import { type TopicNames } from '@tidemark/protocol';
import { testLogger as logger } from '../test-logger.js';

/** What to close at the end, in the order in which it was opened. */
export type Closers = (() => Promise<void>)[];

export interface Bench {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  readonly closers: Closers;
}

interface Reading {
  /** Of the pod, or of the group. */
  readonly id: string;
  readonly rackId?: string | undefined;
}

/** Writes a number with the time of its writing; resolves when it is acknowledged, and rejects after a minute and a half. */
export type Write = (topic: string, number: number, partition?: number) => Promise<void>;

export function numberedWriter({ client, names, closers }: Bench): Write {
  const producer = new KafkaProducer({ client, names, logger, publishTimeoutMs: 90_000 });
  closers.push(() => producer.close());
  return (topic, number, partition = 0) => {
    const record = { key: 'k', value: Buffer.from(`${number}@${Date.now()}`), header: 'h' };
    return producer.send(topic, [{ partition, record }], new AbortController().signal);
  };
}

/** What was read of numbered records, and how. */
export class NumberedReader {
  readonly gaps: string[] = [];
  /** Answered. */
  fetches = 0;
  /** From a write to its arrival. */
  longestMs = 0;
  readonly #numbers = new Map<string, number[]>();

  /** In order of their arrival. */
  numbers(topic: string): readonly number[] {
    return this.#numbers.get(topic) ?? [];
  }

  take(topic: string, records: readonly { readonly value: Uint8Array | string | null }[]): void {
    const numbers = this.#numbers.get(topic) ?? [];
    this.#numbers.set(topic, numbers);
    for (const { value } of records) {
      const text = Buffer.from(value ?? '').toString();
      const [number = NaN, atMs = NaN] = text.split('@').map(Number);
      numbers.push(number);
      this.longestMs = Math.max(this.longestMs, Date.now() - atMs);
    }
  }

  /** The same client, of which it counts the fetches. */
  counting(client: KafkaClient): KafkaClient {
    return {
      ...client,
      consumer: (config) => {
        const consumer = client.consumer(config);
        consumer.on(consumer.events.REQUEST, ({ payload }) => {
          if (payload.apiName === 'Fetch') this.fetches += 1;
        });
        return consumer;
      },
    };
  }
}

/** From the ends of the topics on; resolves when they are known. */
export async function podOf({ client, names, closers }: Bench, reading: Reading, topics: readonly string[]) {
  const reader = new NumberedReader();
  const { id: podId } = reading;
  const feed = new PodFeed({
    ...{ client: reader.counting(client), names, logger, service: 's', podId },
    ...inRack(reading),
  });
  closers.push(() => feed.close());
  await feed.open({
    ...{ onRoute: () => undefined, onPartitions: () => undefined, onState: () => undefined },
    onBatch: ({ topic, records }) => reader.take(topic, records),
    onGap: (topic, partition, reason) => void reader.gaps.push(`${topic}/${partition}: ${reason}`),
  });
  const known = feed.tail(topics);
  return { reader, known };
}

/** From what its group has committed on, or the first records. */
export async function memberOf({ client, closers }: Bench, reading: Reading, topics: readonly string[]) {
  const reader = new NumberedReader();
  const source = new GroupConsumer({
    ...{ client: reader.counting(client), logger, groupId: reading.id },
    ...inRack(reading),
  });
  closers.push(() => source.stop());
  await source.subscribe(topics);
  await source.start({
    onAssigned: async () => undefined,
    onBatch: async ({ topic, partition, records, afterGap }) => {
      if (afterGap) reader.gaps.push(`${topic}/${partition}`);
      reader.take(topic, records);
      return 'commit';
    },
  });
  return reader;
}

function inRack({ rackId }: Reading): { readonly rackId?: string } {
  return rackId === undefined ? {} : { rackId };
}
