/// <reference types="./kafkajs-internals.d.ts" />
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const membershipsOf = Symbol.for('@tidemark/kafka/memberships');

type Patched = ConsumerGroup & { [membershipsOf]?: WeakMap<object, ConsumerGroup> };

/** What kafkajs calls the failures that say nothing of the group, but that its coordinator cannot be reached. */
const lostConnections = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
]);

/**
 * Makes a consumer's membership of its group known by the consumer's cluster, and lets it outlive the group's coordinator.
 *
 * Of its own, kafkajs takes other topics only from a consumer that is stopped, which leaves its group for that. And it asks who coordinates the group
 * when it joins, and never again: when that broker dies, the member sends its heartbeats there until it gives up, and reads nothing meanwhile,
 * though another broker has long known it as a member. Idempotent; call it before the first client is made.
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
    memberships.set(this.cluster, this);
    return connect.call(this);
  };
  const heartbeat = Object.getOwnPropertyDescriptor(prototype, 'heartbeat')?.value as Heartbeat;
  const lookUps = new WeakMap<ConsumerGroup, Promise<void>>();
  prototype.heartbeat = async function (this: ConsumerGroup, of): Promise<void> {
    const { coordinator } = this;
    try {
      await heartbeat.call(this, of);
    } catch (error) {
      if (error instanceof Error && lostConnections.has(error.name)) {
        // Fetches from several brokers send heartbeats at once.
        const lookUp = lookUps.get(this) ?? lookUpCoordinator(this, coordinator).finally(() => lookUps.delete(this));
        lookUps.set(this, lookUp);
        await lookUp;
      }
      // kafkajs tries again after a while.
      throw error;
    }
  };
}

type Heartbeat = (this: ConsumerGroup, of: { readonly interval: number }) => Promise<void>;

/** Bounded by kafkajs's own attempts; where nobody is found, the next heartbeat that fails asks again. */
async function lookUpCoordinator(group: ConsumerGroup, lost: object | null): Promise<void> {
  const { groupId } = group;
  const found = await group.cluster.findGroupCoordinator({ groupId }).catch(() => undefined);
  // A join has asked meanwhile.
  if (found !== undefined && group.coordinator === lost) group.coordinator = found;
}

/** The membership of the consumer that has this cluster; `undefined` before it runs, and where kafkajs is another copy. */
export function membershipOf(cluster: object): ConsumerGroup | undefined {
  return (ConsumerGroup.prototype as Patched)[membershipsOf]?.get(cluster);
}
