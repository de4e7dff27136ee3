import { type Cluster, type PartitionAssigner, PartitionAssigners } from 'kafkajs';
import { membershipOf } from './membership-patch.js';

/**
 * What a consumer does before it joins its group: it awaits `before`, and takes over the topics that it was given meanwhile.
 *
 * kafkajs joins as soon as it hears that the group is in motion, and awaits no listener. Each join begins with a look-up of the coordinator at
 * the consumer's own cluster, which kafkajs hands to its assigner: there it can be held up.
 */
export class JoinGate {
  readonly #before: () => Promise<void>;
  #cluster: Cluster | undefined;
  #topics: readonly string[] | undefined;

  constructor(before: () => Promise<void>) {
    this.#before = before;
  }

  /** Round robin, for a consumer that joins through this gate. */
  readonly assigner: PartitionAssigner = (config) => {
    const cluster = config.cluster as Cluster & CoordinatorLookup;
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (of) => {
      await this.#before();
      this.#takeTopics();
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
    const membership = this.#cluster === undefined ? undefined : membershipOf(this.#cluster);
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

  #takeTopics(): void {
    const membership = this.#cluster === undefined ? undefined : membershipOf(this.#cluster);
    if (this.#topics === undefined || membership === undefined) return;
    for (const topic of this.#topics) membership.topicConfigurations[topic] ??= { fromBeginning: true };
    membership.topicsSubscribed = [...this.#topics];
    this.#topics = undefined;
  }
}

/** What kafkajs's type of a cluster leaves out; the version is pinned. */
interface CoordinatorLookup {
  findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
}
