import { type TopicPartition } from '@tidemark/pipeline';
import { TidemarkError } from '@tidemark/runtime';
import { type Cluster, type OffsetsByTopicPartition, type PartitionAssigner, PartitionAssigners } from 'kafkajs';
import type ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { membershipOf, readsFromFollower } from './membership-patch.js';

/**
 * What a consumer does before it joins its group: it awaits `before`, and takes over the topics that it was given meanwhile.
 *
 * kafkajs joins as soon as it hears that the group is in motion, and awaits no listener. Each join begins with a look-up of the coordinator at
 * the consumer's own cluster, which kafkajs hands to its assigner: there it can be held up.
 */
export class JoinGate {
  readonly #before: () => Promise<void>;
  readonly #onReset: (place: TopicPartition) => void;
  #cluster: Cluster | undefined;
  #topics: readonly string[] | undefined;
  #watched: ConsumerGroup | undefined;

  /** `onReset`: the log of a partition has not got the offset that was asked for, and is about to be read from its start. */
  constructor(before: () => Promise<void>, onReset: (place: TopicPartition) => void) {
    this.#before = before;
    this.#onReset = onReset;
  }

  /** Round robin, for a consumer that joins through this gate. */
  readonly assigner: PartitionAssigner = (config) => {
    const cluster = config.cluster as Cluster & CoordinatorLookup;
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (of) => {
      await this.#before();
      this.#takeTopics();
      this.#watchResets();
      return find(of);
    };
    this.#cluster = cluster;
    return PartitionAssigners.roundRobin(config);
  };

  /**
   * Has the consumer join again, with these topics, which hold those that it has; `false`: it must be begun anew. Rejects when a topic is not
   * there, or no broker answers.
   */
  async rejoin(topics: readonly string[]): Promise<boolean> {
    const membership = this.#membership;
    if (this.#cluster === undefined || membership?.topicsSubscribed.every((topic) => topics.includes(topic)) !== true)
      return false;
    await this.#cluster.addMultipleTargetTopics([...topics]);
    this.#topics = topics;
    const heartbeat = membership.heartbeat.bind(membership);
    // As if a broker had said that the group is in motion: kafkajs ends its fetches, and joins.
    membership.heartbeat = (): Promise<void> => {
      membership.heartbeat = heartbeat;
      throw Object.assign(new Error('other topics'), { type: 'REBALANCE_IN_PROGRESS' });
    };
    return true;
  }

  /**
   * One attempt, in the name of the generation that the consumer is in now, and only if `isDue` still holds once the coordinator can be told:
   * kafkajs's own commit is tried for as long as it takes, in the name of whatever generation the consumer has by then.
   */
  async commit(offsets: OffsetsByTopicPartition, isDue: () => boolean): Promise<void> {
    const offsetsOf = this.#membership?.offsetManager;
    if (offsetsOf === undefined || offsetsOf === null) throw notCommitted('the consumer is in no group');
    await offsetsOf.getCoordinator();
    if (!isDue()) throw notCommitted('it is too late for it');
    await offsetsOf.commitOffsets(offsets);
  }

  get #membership(): ConsumerGroup | undefined {
    return this.#cluster === undefined ? undefined : membershipOf(this.#cluster);
  }

  #watchResets(): void {
    const membership = this.#membership;
    if (membership === undefined || membership === this.#watched) return;
    this.#watched = membership;
    const recover = membership.recoverFromOffsetOutOfRange.bind(membership);
    membership.recoverFromOffsetOutOfRange = (of) => {
      if (!readsFromFollower(membership, of)) this.#onReset({ topic: of.topic, partition: of.partition });
      return recover(of);
    };
  }

  #takeTopics(): void {
    const membership = this.#membership;
    if (this.#topics === undefined || membership === undefined) return;
    for (const topic of this.#topics) membership.topicConfigurations[topic] ??= { fromBeginning: true };
    membership.topicsSubscribed = [...this.#topics];
    this.#topics = undefined;
  }
}

function notCommitted(why: string): TidemarkError {
  return new TidemarkError('FEED_UNAVAILABLE', `kafka group: not committed, ${why}`, { retriable: true });
}

/** What kafkajs's type of a cluster leaves out; the version is pinned. */
interface CoordinatorLookup {
  findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
}
