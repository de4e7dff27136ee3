/// <reference types="./kafkajs-internals.d.ts" />
import BrokerPool, { type PooledBroker } from 'kafkajs/src/cluster/brokerPool.js';
import { markTlsAlert } from './connection-error.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/pool-patch');

/**
 * Makes what a client of kafkajs tries again and again end with its disconnection, and every connection that it opens.
 *
 * Of its own, one that is disconnected while it connects, such as an admin call that was given up, goes on trying: it keeps the process alive for some
 * seconds, and where a broker comes back meanwhile, opens a connection that nobody closes. And it forgets a broker of which a connection was cut, and
 * makes another for the same node, while a member of a group sends heartbeats by the one that is forgotten: over a connection of its own, which nobody
 * closes once the group is joined again. A connection that was closed over TLS that was not asked for says so: see `markTlsAlert`. Idempotent; call it
 * before the first client is made.
 */
export function patchPool(): void {
  const prototype = BrokerPool.prototype as BrokerPool & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  /** Of a pool: how often it was disconnected. */
  const disconnections = new WeakMap<BrokerPool, number>();
  const countOf = (pool: BrokerPool): number => disconnections.get(pool) ?? 0;
  const connect = methodOf<() => Promise<void>>(prototype, 'connect');
  prototype.connect = function (this: BrokerPool): Promise<void> {
    if (!disconnections.has(this)) {
      disconnections.set(this, 0);
      watchRequests(this);
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
  const disconnect = methodOf<() => Promise<void>>(prototype, 'disconnect');
  prototype.disconnect = function (this: BrokerPool): Promise<void> {
    disconnections.set(this, countOf(this) + 1);
    return disconnect.call(this);
  };
  keepFormer(prototype);
}

type Connections = PooledBroker['connectionPool'] & {
  /** Each with what it has got of an answer that is not complete. */
  readonly pool?: readonly { readonly chunks: readonly Buffer[] }[];
};

/** How many requests are on their way over the connections of a broker, connecting included. kafkajs bounds each by a time-out of its own. */
const underWay = new WeakMap<PooledBroker['connectionPool'], number>();

/** Counts the requests to every broker that the pool makes from now on. */
function watchRequests(pool: BrokerPool): void {
  const watched = pool as BrokerPool & { connectionPoolBuilder: { build(of?: object): Promise<Connections> } };
  const builder = watched.connectionPoolBuilder;
  watched.connectionPoolBuilder = {
    build: async (of) => {
      const connections = await builder.build(of);
      const send = connections.send.bind(connections);
      connections.send = async (request) => {
        underWay.set(connections, requestsOver(connections) + 1);
        try {
          return await send(request);
        } catch (error) {
          markTlsAlert(error, connections.pool ?? []);
          throw error;
        } finally {
          underWay.set(connections, requestsOver(connections) - 1);
          formerOf(pool).closeReplaced();
        }
      };
      return connections;
    },
  };
}

function requestsOver(connections: PooledBroker['connectionPool']): number {
  return underWay.get(connections) ?? 0;
}

const formers = new WeakMap<BrokerPool, FormerBrokers>();

function formerOf(pool: BrokerPool): FormerBrokers {
  const former = formers.get(pool) ?? new FormerBrokers(pool);
  formers.set(pool, former);
  return former;
}

/** Has a pool close the connections of brokers that are not in it any more. */
function keepFormer(prototype: BrokerPool): void {
  const removeBroker = methodOf<(at: { readonly host: string; readonly port: number }) => void>(
    prototype,
    'removeBroker',
  );
  prototype.removeBroker = function (this: BrokerPool, at): void {
    const before = present(this);
    removeBroker.call(this, at);
    formerOf(this).note(before);
  };
  const refreshMetadata = methodOf<(topics: readonly string[]) => Promise<void>>(prototype, 'refreshMetadata');
  prototype.refreshMetadata = async function (this: BrokerPool, topics): Promise<void> {
    const before = present(this);
    try {
      await refreshMetadata.call(this, topics);
    } finally {
      formerOf(this).note(before);
      formerOf(this).closeReplaced();
    }
  };
  const disconnect = methodOf<() => Promise<void>>(prototype, 'disconnect');
  prototype.disconnect = async function (this: BrokerPool): Promise<void> {
    await Promise.all([disconnect.call(this), formerOf(this).close()]);
  };
}

/**
 * The brokers that a pool had, as far as they may have connections. Whoever still holds one sends by the broker that the pool has for its node now; while it has
 * none, over connections of the old one, which are closed as soon as there is a new one and all is answered.
 */
class FormerBrokers {
  readonly #pool: BrokerPool;
  readonly #known = new WeakSet<PooledBroker>();
  readonly #open = new Set<PooledBroker>();
  #isClosed = false;

  constructor(pool: BrokerPool) {
    this.#pool = pool;
  }

  /** Of those that the pool had `before`, the ones that it has not got any more. */
  note(before: ReadonlySet<PooledBroker>): void {
    const now = present(this.#pool);
    for (const broker of before) {
      if (now.has(broker) || this.#known.has(broker)) continue;
      this.#known.add(broker);
      this.#open.add(broker);
      this.#replace(broker);
    }
  }

  /** One whose node the pool does not know is left as it is: its holder goes on with it. */
  closeReplaced(): void {
    for (const broker of this.#open) {
      if (requestsOver(broker.connectionPool) > 0) continue;
      const isReplaced = this.#isClosed || this.#successorOf(broker) !== undefined;
      if (isReplaced) void broker.disconnect().catch(() => undefined);
      if (isReplaced || !broker.connectionPool.isConnected()) this.#open.delete(broker);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((broker) => broker.disconnect()));
  }

  #replace(broker: PooledBroker): void {
    const { connectionPool } = broker;
    const send = connectionPool.send.bind(connectionPool);
    connectionPool.send = async (request) => {
      if (this.#successorOf(broker) === undefined) {
        this.#open.add(broker);
        return send(request);
      }
      const successor = await this.#pool.findBroker(broker);
      return successor.connectionPool.send(request);
    };
  }

  #successorOf(broker: PooledBroker): PooledBroker | undefined {
    const successor = broker.nodeId === null ? undefined : this.#pool.brokers[broker.nodeId];
    return successor === broker ? undefined : successor;
  }
}

function present(pool: BrokerPool): ReadonlySet<PooledBroker> {
  /** The one that was asked for the others; may be one of them. */
  const { seedBroker } = pool as BrokerPool & { readonly seedBroker?: PooledBroker };
  const all = new Set(Object.values(pool.brokers));
  return seedBroker === undefined ? all : all.add(seedBroker);
}

function methodOf<Method extends (...of: never[]) => unknown>(
  prototype: BrokerPool,
  name: string,
): (this: BrokerPool, ...of: Parameters<Method>) => ReturnType<Method> {
  return Object.getOwnPropertyDescriptor(prototype, name)?.value as (
    this: BrokerPool,
    ...of: Parameters<Method>
  ) => ReturnType<Method>;
}
