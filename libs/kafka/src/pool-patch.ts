/// <reference types="./kafkajs-internals.d.ts" />
import BrokerPool from 'kafkajs/src/cluster/brokerPool.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/pool-patch');

/**
 * Makes what a client of kafkajs tries again and again end with its disconnection.
 *
 * Of its own, one that is disconnected while it connects, such as an admin call that was given up, goes on trying: it keeps the process alive for some
 * seconds, and where a broker comes back meanwhile, opens a connection that nobody closes. Idempotent; call it before the first client is made.
 */
export function patchPool(): void {
  const prototype = BrokerPool.prototype as BrokerPool & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  /** Of a pool: how often it was disconnected. */
  const disconnections = new WeakMap<BrokerPool, number>();
  const countOf = (pool: BrokerPool): number => disconnections.get(pool) ?? 0;
  const { connect, disconnect } = methodsOf(prototype);
  prototype.connect = function (this: BrokerPool): Promise<void> {
    if (!disconnections.has(this)) {
      disconnections.set(this, 0);
      const { retrier } = this;
      this.retrier = (attempt) => {
        const begun = countOf(this);
        return retrier(async (bail, ...of) => {
          if (countOf(this) !== begun) return bail(new Error('the client was disconnected'));
          return attempt(bail, ...of);
        });
      };
    }
    return connect.call(this);
  };
  prototype.disconnect = function (this: BrokerPool): Promise<void> {
    disconnections.set(this, countOf(this) + 1);
    return disconnect.call(this);
  };
}

type Method = (this: BrokerPool) => Promise<void>;

function methodsOf(prototype: BrokerPool): { readonly connect: Method; readonly disconnect: Method } {
  const method = (name: 'connect' | 'disconnect'): Method =>
    Object.getOwnPropertyDescriptor(prototype, name)?.value as Method;
  return { connect: method('connect'), disconnect: method('disconnect') };
}
