/// <reference types="./kafkajs-internals.d.ts" />
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const failuresOf = Symbol.for('@tidemark/kafka/follower-failures');

/** By the consumer's cluster: until when a broker that failed is not read from as a follower, ms since the epoch. */
type Failures = WeakMap<object, Map<number, number>>;
type Patched = ConsumerGroup & { [failuresOf]?: Failures };
type Membership = Pick<ConsumerGroup, 'cluster' | 'preferredReadReplicasPerTopicPartition'>;

/** ms. */
const passedOverMs = 10_000;

/**
 * Has a consumer with a rack read from the leader while the follower that the leader has named is away.
 *
 * Of its own, kafkajs means to, but looks whether the leader is away. And it fetches from brokers that it knows only: a partition whose follower it does not
 * know, because that has just gone or just come back, is read by nobody until metadata is asked for again. Idempotent; call it before the first client is made.
 */
export function patchFollowers(): void {
  const prototype = ConsumerGroup.prototype as Patched;
  if (prototype[failuresOf] !== undefined) return;
  prototype[failuresOf] = new WeakMap();
  const find = Object.getOwnPropertyDescriptor(prototype, 'findReadReplicaForPartitions')
    ?.value as ConsumerGroup['findReadReplicaForPartitions'];
  prototype.findReadReplicaForPartitions = function (this: ConsumerGroup, topic, partitions) {
    const named = this.preferredReadReplicasPerTopicPartition[topic];
    if (named === undefined) return find.call(this, topic, partitions);
    const isThere = presence(this);
    // What has expired stays, for kafkajs to forget: the leader is asked for a follower again.
    const away = Object.entries(named).filter(
      ([, { nodeId, expireAt = Infinity }]) => !isThere(nodeId) && Date.now() < expireAt,
    );
    for (const [partition] of away) delete named[Number(partition)];
    const found = find.call(this, topic, partitions);
    for (const [partition, follower] of away) named[Number(partition)] = follower;
    return found;
  };
}

/** The consumer of this cluster could not use the broker: it is passed over for a while. */
export function passOver(cluster: object, nodeId: number): void {
  const failures = (ConsumerGroup.prototype as Patched)[failuresOf];
  const untilMs = Date.now() + passedOverMs;
  failures?.set(cluster, (failures.get(cluster) ?? new Map<number, number>()).set(nodeId, untilMs));
}

/**
 * Whether a broker is asked for a partition in place of a follower that is away. As long as it is told the consumer's rack, it names that follower, and hands
 * nothing over.
 */
export function standsIn(
  { preferredReadReplicasPerTopicPartition }: Membership,
  nodeId: number,
  topic: string,
  partition: number,
): boolean {
  const named = preferredReadReplicasPerTopicPartition[topic]?.[partition]?.nodeId;
  return named !== undefined && named !== nodeId;
}

/** Whether a broker is the follower that the leader has named for a partition. */
export function isNamed(
  { preferredReadReplicasPerTopicPartition }: Membership,
  nodeId: number,
  topic: string,
  partition: number,
): boolean {
  return preferredReadReplicasPerTopicPartition[topic]?.[partition]?.nodeId === nodeId;
}

function presence({ cluster }: Membership): (nodeId: number) => boolean {
  const failed = (ConsumerGroup.prototype as Patched)[failuresOf]?.get(cluster);
  const known = new Set((cluster as { getNodeIds(): readonly string[] }).getNodeIds().map(Number));
  return (nodeId) => known.has(nodeId) && Date.now() >= (failed?.get(nodeId) ?? 0);
}
