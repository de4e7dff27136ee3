import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { createKafkaClient, type KafkaClient, KafkaProducer, KafkaTopicAdmin } from '@tidemark/kafka';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { type TopicNames, topicNames } from '@tidemark/protocol';

/** What to close after a case, in the order in which it was opened. */
export type Closers = (() => Promise<void>)[];

/** An embedded broker for the cases of one `describe`, in which this is called; what a case has opened is closed, and its faults are over, behind it. */
export function embeddedKafka(): { readonly kafka: EmbeddedKafka; readonly closers: Closers } {
  const kafka = new EmbeddedKafka();
  const closers: Closers = [];
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  afterEach(async () => {
    kafka.faults.clear();
    for (const close of closers.splice(0).reverse()) await close();
  });
  return { kafka, closers };
}

export interface TableTopic {
  readonly names: TopicNames;
  readonly client: KafkaClient;
  readonly topic: string;
  /** Writes so many records, default one, into a partition, default the first. */
  readonly write: (count?: number, partition?: number) => Promise<void>;
}

/** A table topic, of one partition by default. */
export async function tableTopic(
  kafka: EmbeddedKafka,
  closers: Closers,
  prefix: string,
  partitions = 1,
): Promise<TableTopic> {
  const { signal } = new AbortController();
  const names = topicNames(prefix);
  const client = createKafkaClient({ brokers: [kafka.address] });
  const topic = names.cdc('a');
  await new KafkaTopicAdmin({ client, replicationFactor: 1 }).create(topic, partitions, signal);
  const producer = new KafkaProducer({ client, names });
  closers.push(() => producer.close());
  const record = { key: 'k', value: Buffer.from('v'), header: 'h' };
  const write = (count = 1, partition = 0): Promise<void> =>
    producer.send(
      topic,
      Array.from({ length: count }, () => ({ partition, record })),
      signal,
    );
  return { names, client, topic, write };
}
