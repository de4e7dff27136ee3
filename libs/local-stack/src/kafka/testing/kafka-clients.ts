import { createKafkaClient, type KafkaClient } from '@tidemark/kafka';
import { EmbeddedKafka, type EmbeddedKafkaOptions } from '../embedded-kafka.js';

type Producer = ReturnType<KafkaClient['producer']>;
type Consumer = ReturnType<KafkaClient['consumer']>;
type Admin = ReturnType<KafkaClient['admin']>;
type ConsumerConfig = Parameters<KafkaClient['consumer']>[0];
type ProducerConfig = Parameters<KafkaClient['producer']>[0];

export interface SeenRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestamp: string;
}

export interface ReaderOptions extends Partial<ConsumerConfig> {
  readonly topics: readonly string[];
  readonly autoCommit?: boolean;
}

/** A consumer and what it has seen. */
export interface Reader {
  readonly consumer: Consumer;
  readonly seen: SeenRecord[];
  /** The partitions it was given by the last rebalance. */
  readonly assigned: Record<string, number[]>;
  readonly joins: number;
}

/** Brokers and kafkajs clients of one test; `close` takes all down, clients first. */
export class KafkaClients {
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #brokers: EmbeddedKafka[] = [];

  async broker(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const broker = new EmbeddedKafka(options);
    this.#brokers.push(broker);
    await broker.start();
    return broker;
  }

  /** A broker with one topic. */
  async brokerWith(
    topic: string,
    numPartitions = 1,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<EmbeddedKafka> {
    const broker = await this.broker();
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await (await this.admin(broker)).createTopics({ topics: [{ topic, numPartitions, configEntries }] });
    return broker;
  }

  async admin(broker: EmbeddedKafka): Promise<Admin> {
    const admin = clientOf(broker).admin({ retry: quickRetry });
    await admin.connect();
    this.#closers.push(() => admin.disconnect());
    return admin;
  }

  async producer(broker: EmbeddedKafka, config: ProducerConfig = {}): Promise<Producer> {
    const producer = clientOf(broker).producer({ retry: quickRetry, ...config });
    await producer.connect();
    this.#closers.push(() => producer.disconnect());
    return producer;
  }

  /** A consumer that reads from the beginning; in a group of its own unless told otherwise. */
  async reader(broker: EmbeddedKafka, { topics, autoCommit = false, ...config }: ReaderOptions): Promise<Reader> {
    const groupId = config.groupId ?? `reader-${Math.random()}`;
    const consumer = clientOf(broker).consumer({ ...consumerDefaults, ...config, groupId });
    const reader = { consumer, seen: [] as SeenRecord[], assigned: {} as Record<string, number[]>, joins: 0 };
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      reader.assigned = payload.memberAssignment;
      reader.joins += 1;
    });
    this.#closers.push(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit,
      autoCommitInterval: 10,
      eachMessage: async ({ partition, message }) => {
        reader.seen.push({ ...textOf(message), partition, offset: message.offset, timestamp: message.timestamp });
      },
    });
    return reader;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#closers.splice(0).map((close) => close()));
    await Promise.all(this.#brokers.splice(0).map((broker) => broker.stop()));
  }
}

const quickRetry = { initialRetryTime: 20, maxRetryTime: 100, retries: 50 };

const consumerDefaults = {
  maxWaitTimeInMs: 200,
  heartbeatInterval: 50,
  sessionTimeout: 10_000,
  rebalanceTimeout: 2_000,
  retry: { ...quickRetry, retries: 1_000 },
};

function clientOf(broker: EmbeddedKafka): KafkaClient {
  return createKafkaClient({ brokers: [broker.address], clientId: 'spec' });
}

type HeaderValue = Buffer | string | (Buffer | string)[] | undefined;

function textOf(message: {
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, HeaderValue>;
}): Pick<SeenRecord, 'key' | 'value' | 'headers'> {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)] as const);
  return {
    key: message.key?.toString() ?? null,
    value: message.value?.toString() ?? null,
    headers: Object.fromEntries(headers),
  };
}
