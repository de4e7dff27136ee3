/// <reference types="./kafkajs-internals.d.ts" />
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const membershipsOf = Symbol.for('@tidemark/kafka/memberships');

type Patched = ConsumerGroup & { [membershipsOf]?: WeakMap<object, ConsumerGroup> };

/**
 * Makes a consumer's membership of its group known by the consumer's cluster.
 *
 * Of its own, kafkajs takes other topics only from a consumer that is stopped, which leaves its group for that. Idempotent; call it before the
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
    memberships.set(this.cluster, this);
    return connect.call(this);
  };
}

/** The membership of the consumer that has this cluster; `undefined` before it runs, and where kafkajs is another copy. */
export function membershipOf(cluster: object): ConsumerGroup | undefined {
  return (ConsumerGroup.prototype as Patched)[membershipsOf]?.get(cluster);
}
