/// <reference types="./kafkajs-internals.d.ts" />
import Cluster from 'kafkajs/src/cluster/index.js';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { followCoordinator } from './coordinator-lookup.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const membershipsOf = Symbol.for('@tidemark/kafka/memberships');

type Patched = ConsumerGroup & { [membershipsOf]?: WeakMap<object, ConsumerGroup> };

/** A partition, as kafkajs names it. */
interface Place {
  readonly topic: string;
  readonly partition: number;
  /** The broker that was asked for it, where that is known. */
  readonly nodeId?: number;
}

/**
 * Makes a consumer's membership of its group known by the consumer's cluster, has it look for a coordinator that cannot be reached, and has it ask
 * the leader where a follower lacks an offset.
 *
 * Of its own, kafkajs takes other topics only from a consumer that is stopped, which leaves its group for that. And it means to ask the leader,
 * but looks for a number where it keeps an object: it reads the whole log again whenever a follower is behind. Idempotent; call it before the
 * first client is made.
 */
export function patchMembership(): void {
  const prototype = ConsumerGroup.prototype as Patched;
  if (prototype[membershipsOf] !== undefined) return;
  const memberships = new WeakMap<object, ConsumerGroup>();
  prototype[membershipsOf] = memberships;
  const connect = Object.getOwnPropertyDescriptor(prototype, 'connect')?.value as (
    this: ConsumerGroup,
  ) => Promise<void>;
  prototype.connect = function (this: ConsumerGroup): Promise<void> {
    if (memberships.get(this.cluster) !== this) followCoordinator(this, coordinatorFinder(this));
    memberships.set(this.cluster, this);
    return connect.call(this);
  };
  const recover = Object.getOwnPropertyDescriptor(prototype, 'recoverFromOffsetOutOfRange')?.value as (
    this: ConsumerGroup,
    of: Place,
  ) => Promise<void>;
  prototype.recoverFromOffsetOutOfRange = async function (this: ConsumerGroup, of: Place): Promise<void> {
    if (!readsFromFollower(this, of)) return recover.call(this, of);
    delete this.preferredReadReplicasPerTopicPartition[of.topic]?.[of.partition];
  };
}

/**
 * By the cluster's own method: what holds up a join does not hold up this. kafkajs tries it on in a cluster that was disconnected meanwhile, and opens
 * connections there that nobody closes: a look that outlives its consumer closes them.
 */
function coordinatorFinder(membership: ConsumerGroup): () => Promise<object> {
  const cluster = membership.cluster as Cluster;
  const disconnect = (): Promise<void> => Cluster.prototype.disconnect.call(cluster);
  let isOver = false;
  cluster.disconnect = () => {
    isOver = true;
    return disconnect();
  };
  return async () => {
    if (isOver) throw new Error('the consumer has ended');
    try {
      return await Cluster.prototype.findGroupCoordinator.call(cluster, { groupId: membership.groupId });
    } finally {
      if (isOver) await disconnect();
    }
  };
}

/**
 * Whether what was said of the partition is of a broker that does not lead it: that has not got an offset proves nothing of the log. Where it is not known who said
 * it, whoever the next fetch would ask.
 */
export function readsFromFollower(membership: ConsumerGroup, { topic, partition, nodeId }: Place): boolean {
  if (nodeId === undefined) return membership.preferredReadReplicasPerTopicPartition[topic]?.[partition] !== undefined;
  const leaders = Object.keys((membership.cluster as Cluster).findLeaderForPartitions(topic, [partition]));
  return !leaders.includes(String(nodeId));
}

/** The membership of the consumer that has this cluster; `undefined` before it runs, and where kafkajs is another copy. */
export function membershipOf(cluster: object): ConsumerGroup | undefined {
  return (ConsumerGroup.prototype as Patched)[membershipsOf]?.get(cluster);
}
