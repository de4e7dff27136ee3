import { randomUUID } from 'node:crypto';
import { topicNames, type TopicNames } from '@tidemark/protocol';
import { type Logger, silentLogger } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type Admin, type Consumer } from 'kafkajs';
import { createKafkaClient, type KafkaClient, shortRetry } from '../kafka-client.js';
import { isTopicMissing } from '../kafka-error.js';
import { KafkaProducer } from '../producer.js';
import { type MortalClient, mortalClient } from './mortal-client.js';

/** A Kafka to hold the contract against. */
export interface KafkaHarness {
  /** `host:port` of its brokers. */
  readonly brokers: readonly string[];
  /** Takes the lines of every part under test. Default none. */
  readonly logger?: Logger;
  /** The log cleaner runs within seconds on topics that ask for it. */
  readonly compacts?: boolean;
  /** Replicas of the topics that cases make. Default 1. */
  readonly replicationFactor?: number;
}

/** A Kafka of the test's own. */
export interface RestartableKafka extends KafkaHarness {
  /** Kills every broker without notice and starts it again on its data; resolves when clients can use it. */
  readonly restartBrokers: () => Promise<void>;
}

type Closer = () => Promise<unknown>;

/** What one case needs: names of its own, a client, and an end to everything it opened. */
export class ContractWorld {
  readonly names: TopicNames;
  readonly client: KafkaClient;
  readonly harness: KafkaHarness;
  readonly logger: Logger;
  readonly #closers: Closer[] = [];
  #admin: Promise<Admin> | undefined;
  #writer: KafkaProducer | undefined;

  constructor(harness: KafkaHarness) {
    this.harness = harness;
    this.logger = harness.logger ?? silentLogger;
    this.names = topicNames(`c${randomUUID().slice(0, 8)}`);
    this.client = createKafkaClient({ brokers: harness.brokers });
  }

  /** Replicas of the topics that the case makes. */
  get replicationFactor(): number {
    return this.harness.replicationFactor ?? 1;
  }

  /** Closes it at the end of the case. */
  keep<T>(thing: T, close: (thing: T) => Promise<unknown>): T {
    this.#closers.push(() => close(thing));
    return thing;
  }

  mortal(): MortalClient {
    const client = mortalClient(this.harness.brokers);
    return this.keep(client, async () => client.mend());
  }

  admin(): Promise<Admin> {
    this.#admin ??= this.#connectAdmin();
    return this.#admin;
  }

  async topic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const admin = await this.admin();
    const topic = `${this.names.prefix}.${name}`;
    const { replicationFactor } = this;
    const configEntries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
    const topics = [{ topic, numPartitions: partitions, replicationFactor, configEntries }];
    // A broker may not have heard yet of what the controller has made; the second time it exists.
    await eventually(`${topic} is there`, async () => {
      const made = await admin.createTopics({ waitForLeaders: true, topics }).catch(unlessMissing);
      return made !== undefined;
    });
    await eventually(`${topic} is known`, async () => {
      const known = await admin.fetchTopicMetadata({ topics: [topic] }).catch(unlessMissing);
      return known?.topics[0]?.partitions.every(({ leader }) => leader >= 0) === true;
    });
    return topic;
  }

  /** Writes values to one partition, each with the value as its header too, in order. */
  async write(topic: string, values: readonly (string | number)[], partition = 0): Promise<void> {
    this.#writer ??= this.keep(new KafkaProducer({ client: this.client, names: this.names }), (one) => one.close());
    const records = values.map((value) => ({
      partition,
      record: { key: `k${value}`, value: Buffer.from(String(value)), header: `h${value}` },
    }));
    await this.#writer.send(topic, records, new AbortController().signal);
  }

  async deleteRecords(topic: string, before: number, partition = 0): Promise<void> {
    const admin = await this.admin();
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  }

  async deleteTopic(topic: string): Promise<void> {
    const admin = await this.admin();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(`${topic} is gone`, async () => !(await admin.listTopics()).includes(topic));
  }

  async committed(groupId: string, topic: string): Promise<number[]> {
    const admin = await this.admin();
    const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const partitions = [...(answer?.partitions ?? [])].sort((a, b) => a.partition - b.partition);
    return partitions.map(({ offset }) => Number(offset));
  }

  async groups(prefix: string): Promise<string[]> {
    const admin = await this.admin();
    let ids: string[] = [];
    // A coordinator that has just been elected has to read its groups first.
    await eventually('the list of groups', async () => {
      const answer = await admin.listGroups().catch(() => undefined);
      ids = answer?.groups.map(({ groupId }) => groupId) ?? [];
      return answer !== undefined;
    });
    return ids.filter((groupId) => groupId.startsWith(prefix));
  }

  /** A plain consumer that joins a group, and is in it when this resolves. */
  async join(groupId: string, topic: string): Promise<Consumer> {
    const consumer = this.keep(this.client.consumer({ groupId, retry: shortRetry }), (one) => one.disconnect());
    const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    await joined;
    return consumer;
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer();
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.client.admin({ retry: { ...shortRetry, retries: 8 } });
    await admin.connect();
    return this.keep(admin, (one) => one.disconnect());
  }
}

export function contractCase(
  harness: KafkaHarness,
  name: string,
  run: (world: ContractWorld) => Promise<void>,
): ContractCase {
  return {
    name,
    run: async () => {
      const world = new ContractWorld(harness);
      try {
        await run(world);
      } finally {
        await world.close();
      }
    },
  };
}

/** For what the brokers do not know yet. */
function unlessMissing(error: unknown): undefined {
  if (!isTopicMissing(error)) throw error;
}

/** `from`, `from + 1`, … below `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
