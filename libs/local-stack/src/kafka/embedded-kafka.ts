import { type Clock, every, type Logger, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import { createServer, type Server } from 'node:net';
import { BrokerConnection } from './broker-connection.js';
import { BrokerState } from './broker-state.js';
import { Journal } from './journal.js';
import { KafkaFaults } from './kafka-faults.js';

export interface EmbeddedKafkaOptions {
  /** Default 0: any free port, kept over `stop` and `start`. */
  readonly port?: number;
  /** Partitions of a topic that asks for none in particular; default 4. */
  readonly defaultPartitions?: number;
  /** Whether asking for a topic's metadata creates it; default false, as it should be in production. */
  readonly autoCreateTopics?: boolean;
  /** How long the first member of an empty group waits for others, ms; default 0. */
  readonly initialRebalanceDelayMs?: number;
  /** How often retention and compaction run, ms; default 30,000. */
  readonly cleanIntervalMs?: number;
  /** Folder in which topics, records and committed offsets outlive the process; default none: they live as long as this object. */
  readonly dataDir?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * A Kafka broker in this process: one node that speaks the protocol of kafkajs 2.2 over TCP on 127.0.0.1. For development and tests; it keeps
 * order, offsets, groups and generations as a broker does, and knows nothing of replication, transactions, TLS or permissions.
 */
export class EmbeddedKafka {
  readonly faults = new KafkaFaults();
  readonly #state: BrokerState;
  readonly #logger: Logger;
  readonly #cleanIntervalMs: number;
  readonly #connections = new Set<BrokerConnection>();
  #server: Server | undefined;
  #stopCleaning: () => void = () => undefined;

  constructor(options: EmbeddedKafkaOptions = {}) {
    const {
      clock = systemClock,
      defaultPartitions = 4,
      autoCreateTopics = false,
      initialRebalanceDelayMs = 0,
      dataDir,
    } = options;
    this.#logger = options.logger ?? silentLogger;
    this.#cleanIntervalMs = options.cleanIntervalMs ?? 30_000;
    const journal = dataDir === undefined ? undefined : new Journal(dataDir);
    this.#state = new BrokerState(clock, { defaultPartitions, autoCreateTopics, initialRebalanceDelayMs }, journal);
    this.#state.port = options.port ?? 0;
  }

  /** Listens, on the same port as before if it did before. Fails with `FEED_UNAVAILABLE` when the port is taken. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((socket) => {
      this.#connections.add(
        new BrokerConnection(socket, this.#state, this.faults, (connection) => this.#connections.delete(connection)),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new TidemarkError(
            'FEED_UNAVAILABLE',
            `embedded Kafka cannot listen on 127.0.0.1:${this.#state.port}: ${error.message}`,
            { retriable: true, cause: error },
          ),
        ),
      );
      server.listen(this.#state.port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#state.port = address.port;
    this.#server = server;
    this.#stopCleaning = every(this.#state.clock, this.#cleanIntervalMs, () => this.#state.clean());
    this.#logger.info({ address: this.address }, 'embedded Kafka listens');
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.#state.port}`;
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  /** Goes away as a broker that dies does: connections end in the middle of whatever they were doing, groups lose their members. Records and offsets stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#stopCleaning();
    this.#state.shutDownGroups();
    for (const connection of [...this.#connections]) connection.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Stops for good and lets go of the data folder. */
  async close(): Promise<void> {
    await this.stop();
    this.#state.journal?.close();
  }

  /** Closes every connection; clients come back. */
  dropConnections(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Deletes a partition's records before `offset`, as retention would. */
  truncate(topic: string, partition: number, offset: bigint): void {
    this.#state.truncate(topic, partition, offset);
  }

  /** Compacts a topic now. */
  compact(topic: string): void {
    this.#state.topics.compact(topic);
  }

  /** Applies retention and compaction now. */
  clean(): void {
    this.#state.clean();
  }

  /** Throws a member (default: any) out of a group, as a session that expired would; whether there was one. */
  expelMember(group: string, memberId?: string): boolean {
    return this.#state.groups.get(group)?.expel(memberId) ?? false;
  }

  stats(): {
    readonly connections: number;
    readonly waitingFetches: number;
    readonly topics: number;
    readonly bytes: number;
    readonly groups: number;
  } {
    const { topics, groups } = this.#state;
    const bytes = topics.names.reduce(
      (sum, name) => sum + (topics.get(name)?.partitions.reduce((inner, log) => inner + log.bytes, 0) ?? 0),
      0,
    );
    return {
      connections: this.#connections.size,
      waitingFetches: topics.waiters,
      topics: topics.names.length,
      bytes,
      groups: groups.size,
    };
  }
}
