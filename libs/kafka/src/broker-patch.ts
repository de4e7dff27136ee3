/// <reference types="./kafkajs-internals.d.ts" />
import { messageOf } from '@tidemark/runtime';
import Broker from 'kafkajs/src/broker/index.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/broker-patch');

/**
 * Makes a broker that takes a connection and does not answer count as one that cannot be reached.
 *
 * Of its own, kafkajs keeps such a connection and takes it for a good one: the next attempt asks over it, without knowing what the broker can do, and
 * fails at once; and another broker is tried only where none can be reached. A process that is stopped is such a broker. Idempotent; call it
 * before the first client is made.
 */
export function patchBroker(): void {
  const prototype = Broker.prototype as Broker & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  const connect = Object.getOwnPropertyDescriptor(prototype, 'connect')?.value as (this: Broker) => Promise<void>;
  prototype.connect = async function (this: Broker): Promise<void> {
    try {
      await connect.call(this);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'KafkaJSRequestTimeoutError') throw error;
      void this.disconnect().catch(() => undefined);
      const unreachable = new Error(`Connection error: ${messageOf(error)}`, { cause: error });
      throw Object.assign(unreachable, { name: 'KafkaJSConnectionError', retriable: true });
    }
  };
}
