import { randomUUID } from 'node:crypto';
import { type Clock } from '@tidemark/runtime';
import { type BrokerEvent, type BrokerStore } from './broker-store.js';
import { type KafkaErrorName } from './error-codes.js';
import { Partition } from './partition.js';
import { configProblem, policyOf, type TopicConfigs } from './topic-config.js';

export interface Topic {
  readonly name: string;
  /** 32 hexadecimal digits, of this topic alone, also where its name was used before. */
  readonly uuid: string;
  readonly configs: TopicConfigs;
  readonly partitions: readonly Partition[];
}

export interface NewTopic {
  readonly name: string;
  /** -1 for the broker's default. */
  readonly partitions: number;
  /** -1 for the broker's default; it has one node. */
  readonly replicationFactor: number;
  readonly configs: ReadonlyMap<string, string | null>;
}

/** Why a request about a topic is refused. */
export interface Refusal {
  readonly error: KafkaErrorName;
  readonly message: string;
}

export interface TopicsOptions {
  readonly clock: Clock;
  readonly store: BrokerStore;
  /** Partitions of a topic that does not say. */
  readonly defaultPartitions: number;
  /** Bound on the partitions of all topics. */
  readonly partitionsMax: number;
  /** Bound on the batches of a partition, bytes. */
  readonly partitionBytesMax: number;
}

interface StoredTopic extends Topic {
  readonly id: number;
  configs: TopicConfigs;
  readonly partitions: Partition[];
}

const legalName = /^[a-zA-Z0-9._-]{1,249}$/;

/** Every topic of the broker. A method that refuses says why; one that answers `undefined` has done it. */
export class Topics {
  readonly #options: TopicsOptions;
  readonly #topics = new Map<string, StoredTopic>();
  #nextId = 1;
  #partitionCount = 0;

  constructor(options: TopicsOptions) {
    this.#options = options;
    for (const event of options.store.events()) if (event.type === 'topic') this.#restore(event);
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  partition(name: string, index: number): Partition | undefined {
    return this.#topics.get(name)?.partitions[index];
  }

  identified(uuid: string): Topic | undefined {
    return [...this.#topics.values()].find((topic) => topic.uuid === uuid);
  }

  all(): Topic[] {
    return [...this.#topics.values()];
  }

  create(topic: NewTopic, validateOnly = false): Refusal | undefined {
    const partitions = topic.partitions === -1 ? this.#options.defaultPartitions : topic.partitions;
    const refusal =
      this.#nameRefusal(topic.name) ??
      this.#partitionsRefusal(partitions, partitions) ??
      replicationRefusal(topic.replicationFactor) ??
      configsRefusal(topic.configs);
    if (refusal !== undefined || validateOnly) return refusal;
    const created = this.#add({
      name: topic.name,
      id: this.#nextId,
      uuid: newUuid(),
      configs: setConfigs(topic.configs),
    });
    this.#grow(created, partitions);
    this.#note(created);
    return undefined;
  }

  /** The topic and its partitions are gone, and whoever waits for one is woken. */
  delete(name: string): boolean {
    const topic = this.#topics.get(name);
    if (topic === undefined) return false;
    this.#topics.delete(name);
    this.#partitionCount -= topic.partitions.length;
    this.#options.store.note({ type: 'topic-deleted', id: topic.id });
    for (const partition of topic.partitions) partition.remove();
    return true;
  }

  growTo(name: string, partitions: number, validateOnly = false): Refusal | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return unknownTopic;
    const count = topic.partitions.length;
    if (partitions <= count) {
      return { error: 'INVALID_PARTITIONS', message: `Topic already has ${count} partitions.` };
    }
    const refusal = this.#partitionsRefusal(partitions, partitions - count);
    if (refusal !== undefined || validateOnly) return refusal;
    this.#grow(topic, partitions);
    this.#note(topic);
    return undefined;
  }

  /** Replaces the whole configuration of a topic. */
  configure(name: string, configs: ReadonlyMap<string, string | null>, validateOnly = false): Refusal | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return unknownTopic;
    const refusal = configsRefusal(configs);
    if (refusal !== undefined || validateOnly) return refusal;
    topic.configs = setConfigs(configs);
    this.#note(topic);
    const policy = policyOf(topic.configs, this.#options.partitionBytesMax);
    for (const partition of topic.partitions) partition.policy = policy;
    return undefined;
  }

  /** Applies retention and compaction everywhere. */
  clean(): void {
    for (const { partitions } of this.#topics.values()) for (const partition of partitions) partition.clean();
  }

  #restore({ id, name, uuid = newUuid(), partitions, configs }: Extract<BrokerEvent, { type: 'topic' }>): void {
    this.#grow(this.#add({ id, name, uuid, configs: new Map(Object.entries(configs)) }), partitions);
  }

  #add(made: Omit<StoredTopic, 'partitions'>): StoredTopic {
    const topic: StoredTopic = { ...made, partitions: [] };
    this.#topics.set(topic.name, topic);
    this.#nextId = Math.max(this.#nextId, topic.id + 1);
    return topic;
  }

  #grow(topic: StoredTopic, partitions: number): void {
    const { clock, store, partitionBytesMax } = this.#options;
    const policy = policyOf(topic.configs, partitionBytesMax);
    this.#partitionCount += partitions - topic.partitions.length;
    while (topic.partitions.length < partitions) {
      topic.partitions.push(new Partition(store.partition(topic.id, topic.partitions.length), policy, clock));
    }
  }

  #note({ id, name, uuid, partitions, configs }: StoredTopic): void {
    const event = {
      type: 'topic',
      id,
      name,
      uuid,
      partitions: partitions.length,
      configs: Object.fromEntries(configs),
    } as const;
    this.#options.store.note(event);
  }

  #nameRefusal(name: string): Refusal | undefined {
    if (!isLegalTopicName(name))
      return { error: 'INVALID_TOPIC_EXCEPTION', message: `'${name}' is no name for a topic.` };
    if (this.#topics.has(name)) return { error: 'TOPIC_ALREADY_EXISTS', message: `Topic '${name}' already exists.` };
    const alike = [...this.#topics.keys()].find((other) => metricNameOf(other) === metricNameOf(name));
    if (alike === undefined) return undefined;
    return { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic '${name}' collides with existing topic '${alike}'.` };
  }

  #partitionsRefusal(partitions: number, added: number): Refusal | undefined {
    if (partitions < 1) return { error: 'INVALID_PARTITIONS', message: 'A topic has one partition at least.' };
    const { partitionsMax } = this.#options;
    if (this.#partitionCount + added <= partitionsMax) return undefined;
    return { error: 'POLICY_VIOLATION', message: `This broker holds ${partitionsMax} partitions at most.` };
  }
}

export function isLegalTopicName(name: string): boolean {
  return legalName.test(name) && name !== '.' && name !== '..';
}

function newUuid(): string {
  return randomUUID().replaceAll('-', '');
}

const unknownTopic: Refusal = { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'This server does not host this topic.' };

/** Brokers report dots as underscores in names of metrics, so names that differ only there are refused. */
function metricNameOf(name: string): string {
  return name.replaceAll('.', '_');
}

function replicationRefusal(factor: number): Refusal | undefined {
  if (factor === -1 || factor === 1) return undefined;
  return {
    error: 'INVALID_REPLICATION_FACTOR',
    message: `Replication factor ${factor} is not possible on one broker.`,
  };
}

function configsRefusal(configs: ReadonlyMap<string, string | null>): Refusal | undefined {
  const message = configProblem(configs);
  return message === undefined ? undefined : { error: 'INVALID_CONFIG', message };
}

function setConfigs(configs: ReadonlyMap<string, string | null>): TopicConfigs {
  return new Map([...configs].filter((entry): entry is [string, string] => entry[1] !== null));
}
