import { type Clock } from '@tidemark/runtime';
import { ConsumerGroup } from './consumer-group.js';
import { type Journal } from './journal.js';
import { type Topic, TopicStore } from './topic-store.js';

export interface BrokerSettings {
  readonly defaultPartitions: number;
  readonly autoCreateTopics: boolean;
  readonly initialRebalanceDelayMs: number;
}

export interface CommittedOffset {
  readonly offset: bigint;
  readonly metadata: string | null;
}

/** What the broker knows, whoever asks: topics, groups and committed offsets. Changes are journalled before they are acknowledged. */
export class BrokerState {
  readonly topics: TopicStore;
  readonly groups = new Map<string, ConsumerGroup>();
  /** Group → `topic/partition` → offset. */
  readonly offsets = new Map<string, Map<string, CommittedOffset>>();
  readonly settings: BrokerSettings;
  readonly clock: Clock;
  readonly journal: Journal | undefined;
  port = 0;
  nextProducerId = 1_000n;

  constructor(clock: Clock, settings: BrokerSettings, journal: Journal | undefined) {
    this.clock = clock;
    this.settings = settings;
    this.journal = journal;
    this.topics = new TopicStore(clock);
    journal?.replay(this);
  }

  createTopic(name: string, partitions: number, configs: ReadonlyMap<string, string>): Topic {
    this.journal?.topic(name, partitions, configs);
    return this.topics.create(name, partitions, configs);
  }

  growTopic(topic: Topic, partitions: number): void {
    this.topics.grow(topic, partitions);
    this.journal?.topic(topic.name, partitions, topic.configs);
  }

  configureTopic(topic: Topic, configs: ReadonlyMap<string, string>): void {
    topic.configs = configs;
    this.journal?.topic(topic.name, topic.partitions.length, configs);
  }

  deleteTopic(name: string): boolean {
    if (!this.topics.delete(name)) return false;
    this.journal?.deleteTopic(name);
    return true;
  }

  append(topic: Topic, partition: number, batch: Buffer): bigint {
    const offset = this.topics.append(topic, partition, batch);
    this.journal?.batch(topic.name, partition, batch);
    return offset;
  }

  truncate(topic: string, partition: number, before: bigint): void {
    this.topics.partition(topic, partition)?.truncateBefore(before);
    this.journal?.truncate(topic, partition, before);
    this.topics.wake(topic, partition);
  }

  commit(group: string, topic: string, partition: number, committed: CommittedOffset): void {
    this.restoreOffset(group, topic, partition, committed);
    this.journal?.commit(group, topic, partition, committed);
  }

  restoreOffset(group: string, topic: string, partition: number, committed: CommittedOffset): void {
    const offsets = this.offsets.get(group) ?? new Map<string, CommittedOffset>();
    this.offsets.set(group, offsets);
    offsets.set(`${topic}/${partition}`, committed);
  }

  group(id: string): ConsumerGroup {
    let group = this.groups.get(id);
    if (group === undefined) {
      group = new ConsumerGroup(id, this.clock, this.settings.initialRebalanceDelayMs);
      this.groups.set(id, group);
    }
    return group;
  }

  deleteGroup(id: string): void {
    this.groups.delete(id);
    if (this.offsets.delete(id)) this.journal?.deleteGroup(id);
  }

  /** Applies retention and compaction, and forgets groups that have neither members nor offsets. */
  clean(): void {
    this.topics.clean();
    for (const [id, group] of this.groups) if (group.state === 'Empty' && !this.offsets.has(id)) this.groups.delete(id);
  }

  /** The coordinator goes away with the broker; committed offsets stay. */
  shutDownGroups(): void {
    for (const group of this.groups.values()) group.shutDown();
    this.groups.clear();
  }
}
