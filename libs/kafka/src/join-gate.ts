import { type PartitionAssigner, PartitionAssigners } from 'kafkajs';

/**
 * Round robin, and a consumer that awaits `before` each time before it joins its group.
 *
 * kafkajs joins as soon as it hears that the group is in motion, and awaits no listener. Each join begins with a look-up of the coordinator at
 * the consumer's own cluster, which kafkajs hands to its assigner: there it can be held up.
 */
export function gatedAssigner(before: () => Promise<void>): PartitionAssigner {
  return (config) => {
    const cluster = config.cluster as typeof config.cluster & CoordinatorLookup;
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (of) => {
      await before();
      return find(of);
    };
    return PartitionAssigners.roundRobin(config);
  };
}

/** What kafkajs's type of a cluster leaves out; the version is pinned. */
interface CoordinatorLookup {
  findGroupCoordinator(of: { readonly groupId: string }): Promise<unknown>;
}
