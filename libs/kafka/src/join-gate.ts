import { type TopicPartition } from '@tidemark/pipeline';
import { messageOf, TidemarkError } from '@tidemark/runtime';
import { type Cluster, type OffsetsByTopicPartition, type PartitionAssigner, PartitionAssigners } from 'kafkajs';
import type ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { membershipOf, readsFromFollower } from './membership-patch.js';

/**
 * What a consumer does before it joins its group: it awaits `before`, and takes over the topics that it was given meanwhile. A join that fails is
 * tried again.
 *
 * kafkajs joins as soon as it hears that the group is in motion, and awaits no listener. Each join begins with a look-up of the coordinator at
 * the consumer's own cluster, which kafkajs hands to its assigner: there it can be held up.
 */
export class JoinGate {
  readonly #before: () => Promise<void>;
  readonly #onReset: (place: TopicPartition) => void;
  #cluster: Cluster | undefined;
  #topics: readonly string[] | undefined;
  #mended: ConsumerGroup | undefined;

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
      this.#mend();
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
    membership.heartbeat = (): Promise<void> => {
      membership.heartbeat = heartbeat;
      throw joinNeeded('other topics');
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

  #mend(): void {
    const membership = this.#membership;
    if (membership === undefined || membership === this.#mended) return;
    this.#mended = membership;
    const recover = membership.recoverFromOffsetOutOfRange.bind(membership);
    membership.recoverFromOffsetOutOfRange = (of) => {
      if (!readsFromFollower(membership, of)) this.#onReset({ topic: of.topic, partition: of.partition });
      return recover(of);
    };
    repeatFailedJoins(membership);
  }

  #takeTopics(): void {
    const membership = this.#membership;
    if (this.#topics === undefined || membership === undefined) return;
    for (const topic of this.#topics) membership.topicConfigurations[topic] ??= { fromBeginning: true };
    membership.topicsSubscribed = [...this.#topics];
    this.#topics = undefined;
  }
}

/**
 * A member that could not join tries again before it fetches anything. Of its own, kafkajs goes on with the assignment that it had, and joins when the
 * group says so: but a coordinator that has just taken over knows the member as it was and says nothing, and one that does not know
 * it is sent no heartbeat any more. Nobody would hand over what is fetched from then on.
 */
function repeatFailedJoins(membership: ConsumerGroup): void {
  const join = membership.joinAndSync.bind(membership);
  const fetch = membership.fetch.bind(membership);
  let failure: unknown;
  membership.joinAndSync = async () => {
    failure = undefined;
    try {
      await join();
      failure = undefined;
    } catch (error) {
      failure = error ?? new Error('unknown');
      throw error;
    }
  };
  membership.fetch = async (nodeId) => {
    if (failure !== undefined) throw joinNeeded(`the last join failed: ${messageOf(failure)}`);
    return fetch(nodeId);
  };
}

/** As if a broker had said that the group is in motion: kafkajs ends its fetches, and joins. */
function joinNeeded(why: string): Error {
  return Object.assign(new Error(why), { type: 'REBALANCE_IN_PROGRESS' });
}

function notCommitted(why: string): TidemarkError {
  return new TidemarkError('FEED_UNAVAILABLE', `kafka group: not committed, ${why}`, { retriable: true });
}

/** What kafkajs's type of a cluster leaves out; the version is pinned. */
interface CoordinatorLookup {
  findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
}
