import { type KafkaClient } from '@tidemark/kafka/internals';
import { type Link } from '../network/link.js';
import { epochMs } from '../time/sim-process.js';
import { type SimGroup } from './sim-group.js';
import { type SimKafka } from './sim-kafka.js';
import { type SimLog } from './sim-log.js';

const callTimeoutMs = 2_000;

/** What a process asks of the brokers besides records, as kafkajs has it. `group`: of which committed offsets can be asked. */
export function simClient(kafka: SimKafka, link: Link, group?: SimGroup): KafkaClient {
  const admin = new SimAdmin(kafka, link, group);
  return { admin: () => admin } as unknown as KafkaClient;
}

interface Bounds {
  readonly partition: number;
  readonly low: string;
  readonly high: string;
}

class SimAdmin {
  readonly #kafka: SimKafka;
  readonly #link: Link;
  readonly #group: SimGroup | undefined;

  constructor(kafka: SimKafka, link: Link, group: SimGroup | undefined) {
    this.#kafka = kafka;
    this.#link = link;
    this.#group = group;
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  fetchTopicMetadata({ topics }: { readonly topics: readonly string[] }): Promise<object> {
    return this.#call(`look up ${topics.join()}`, () => ({
      topics: topics.map((name) => {
        const topicId = this.#kafka.idOf(name);
        const partitions = this.#logs(name).map(({ leaderEpoch }, partitionId) => ({
          partitionId,
          leaderEpoch,
          topicId,
        }));
        return { name, partitions };
      }),
    }));
  }

  fetchTopicOffsets(topic: string): Promise<readonly Bounds[]> {
    return this.#call(`find the bounds of ${topic}`, () =>
      this.#logs(topic).map(({ start, end }, partition) => ({ partition, low: String(start), high: String(end) })),
    );
  }

  fetchTopicOffsetsByTimestamp(topic: string, ms: number): Promise<readonly object[]> {
    return this.#call(`find a time in ${topic}`, () =>
      this.#logs(topic).map((log, partition) => ({ partition, offset: String(log.firstSince(ms - epochMs)) })),
    );
  }

  /** Of every partition that a topic has, or had. */
  fetchOffsets({ topics }: { readonly topics: readonly string[] }): Promise<readonly object[]> {
    const offsetOf = (topic: string, partition: number): object => {
      const committed = this.#group?.committed({ topic, partition });
      const metadata = this.#group?.metadataOf({ topic, partition }) ?? null;
      return { partition, offset: String(committed ?? -1), metadata };
    };
    return this.#call('read committed offsets', () =>
      topics.map((topic) => ({
        topic,
        partitions: Array.from({ length: this.#kafka.partitionsEver(topic) }, (_, each) => offsetOf(topic, each)),
      })),
    );
  }

  #logs(topic: string): readonly SimLog[] {
    if (this.#kafka.has(topic)) return this.#kafka.partitions(topic);
    throw Object.assign(new Error(`no topic ${topic}`), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
  }

  #call<T>(what: string, serve: () => T): Promise<T> {
    const failed = (reason: string): Error => new Error(reason);
    return this.#link.call({ what, timeoutMs: callTimeoutMs, serve, unsent: failed, unanswered: failed });
  }
}
