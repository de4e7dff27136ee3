/// <reference types="./kafkajs-internals.d.ts" />
import Runner from 'kafkajs/src/consumer/runner.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/runner-patch');

/**
 * Ends the fetchers of a consumer that has ended.
 *
 * Of its own, kafkajs begins new ones where the brokers that it knows have changed at the very moment of the end. These are given nothing, at once and for ever: a
 * loop that never leaves the process to anything else. Idempotent; call it before the first client is made.
 */
export function patchRunner(): void {
  const prototype = Runner.prototype as Runner & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  const fetch = Object.getOwnPropertyDescriptor(prototype, 'fetch')?.value as Runner['fetch'];
  prototype.fetch = async function (this: Runner, nodeId: number): Promise<unknown[]> {
    // Retriable, for kafkajs: it looks whether the consumer runs before it tries again, and ends there.
    if (!this.running) throw new Error('the consumer has ended');
    return fetch.call(this, nodeId);
  };
}
