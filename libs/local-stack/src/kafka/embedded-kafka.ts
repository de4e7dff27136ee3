import { every, messageOf, TidemarkError } from '@tidemark/runtime';
import { type Socket } from 'node:net';
import { apiNames, type ApiName } from './api-table.js';
import { type BrokerState } from './broker-state.js';
import { type BrokerStore, forgetfulStore } from './broker-store.js';
import { Connection } from './connection.js';
import { DirectoryStore } from './directory-store.js';
import { type EmbeddedKafkaOptions, resolveKafkaOptions, type ResolvedKafkaOptions } from './embedded-kafka-options.js';
import { GroupCoordinator } from './group-coordinator.js';
import { KafkaFaults } from './kafka-faults.js';
import { type Advertised, Listener, parseAdvertised } from './listener.js';
import { ProducerIds } from './producer-ids.js';
import { RequestFaults } from './request-faults.js';
import { Topics } from './topics.js';

export { type EmbeddedKafkaOptions };

export interface KafkaStats {
  readonly connections: number;
  /** Requests so far, by kind. */
  readonly requests: Readonly<Record<ApiName, number>>;
  /** Waits of fetches for a partition to change; a fetch of three partitions waits for three. */
  readonly fetchWaits: number;
  readonly topics: number;
  readonly partitions: number;
  /** Bytes of all batches that are kept. */
  readonly bytes: number;
  readonly groups: number;
}

/**
 * A Kafka broker in this process: one node that speaks over TCP what kafkajs 2.2.4 speaks, for development and tests. Order, offsets, groups,
 * generations, retention and compaction are those of a broker; replication, transactions, permissions and encryption are not there.
 *
 * `stop` and `start` on the same object are a restart: port, records, groups and committed offsets are kept. With `dataDir`, they (but for
 * the members of groups and a port that was not given) also outlive the process, however it ends.
 */
export class EmbeddedKafka {
  readonly faults: KafkaFaults;
  readonly #options: ResolvedKafkaOptions;
  readonly #store: BrokerStore;
  readonly #broker: BrokerState;
  readonly #requestFaults = new RequestFaults();
  readonly #connections = new Set<Connection>();
  readonly #requests = new Map<ApiName, number>();
  readonly #main: Listener;
  /** The main one, then those of the options. */
  readonly #listeners: readonly Listener[];
  #isRunning = false;
  /** Counts `kill`s, so that a start that one overtakes comes to nothing. */
  #kills = 0;
  #starting: Promise<void> | undefined;
  /** Resolves when the port of the last run is free. */
  #closed: Promise<void> = Promise.resolve();
  #stopCleaning: () => void = () => undefined;

  /** Reads `dataDir`. Throws `INVALID_OPTIONS`. */
  constructor(options: EmbeddedKafkaOptions = {}) {
    this.#options = resolveKafkaOptions(options);
    const { clock, logger, dataDir, host, port, autoCreateTopics, listeners } = this.#options;
    this.#store = dataDir === undefined ? forgetfulStore : new DirectoryStore(dataDir, logger);
    const topics = new Topics({ ...this.#options, store: this.#store });
    const groups = new GroupCoordinator({ ...this.#options, store: this.#store });
    const producerIds = new ProducerIds(this.#store);
    this.#broker = { clock, topics, groups, producerIds, autoCreateTopics, host, port };
    this.#main = new Listener(host, port, (socket) => this.#accept(socket, this.#broker));
    const others = listeners.map((listener) => {
      const advertised = parseAdvertised(listener.advertised);
      return new Listener(host, listener.port ?? 0, (socket) => this.#accept(socket, this.#advertising(advertised)));
    });
    this.#listeners = [this.#main, ...others];
    const dropConnections = (): void => this.dropConnections();
    this.faults = new KafkaFaults({ requests: this.#requestFaults, topics, groups, dropConnections });
  }

  /** `host:port` for clients; the port is known once the broker has started. */
  get address(): string {
    return `${this.#broker.host}:${this.#broker.port}`;
  }

  /** Of the options' `listeners`, in their order: where each listens, as `address`. */
  get listenerAddresses(): readonly string[] {
    return this.#listeners.slice(1).map(({ host, port }) => `${host}:${port}`);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Listens; on the same port as before if it has. Rejects with `FEED_UNAVAILABLE` when it cannot, `ABORTED` when it was killed. */
  start(): Promise<void> {
    this.#starting ??= this.#listen().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /** Closes all connections and waits until the port is free. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    this.kill();
    await this.#closed;
  }

  /** Goes away at once, in the middle of whatever it was doing. */
  kill(): void {
    this.#kills += 1;
    this.#starting = undefined;
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#stopCleaning();
    this.#broker.groups.suspend();
    this.#closed = this.#closeListeners();
    this.dropConnections();
    this.#connections.clear();
    this.#store.release();
  }

  /** Stops for good; the data folder is free for another broker. */
  close(): Promise<void> {
    return this.stop();
  }

  /** Closes all connections now; clients may come back at once. */
  dropConnections(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Drops the superseded records of a topic now. Throws `TOPIC_MISSING`. */
  compact(topic: string): void {
    const found = this.#broker.topics.get(topic);
    if (found === undefined) {
      throw new TidemarkError('TOPIC_MISSING', `the embedded Kafka has no topic ${topic}`, {
        retriable: false,
        context: { topic },
      });
    }
    for (const partition of found.partitions) partition.compact();
  }

  /** Applies retention and compaction now, and forgets idle groups. */
  clean(): void {
    this.#broker.topics.clean();
    this.#broker.groups.clean();
  }

  stats(): KafkaStats {
    const topics = this.#broker.topics.all();
    const partitions = topics.flatMap((topic) => topic.partitions);
    const requests = Object.fromEntries(apiNames.map((name) => [name, this.#requests.get(name) ?? 0]));
    return {
      connections: this.#connections.size,
      requests: requests as Record<ApiName, number>,
      fetchWaits: partitions.reduce((sum, { waiters }) => sum + waiters, 0),
      topics: topics.length,
      partitions: partitions.length,
      bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
      groups: this.#broker.groups.size,
    };
  }

  async #listen(): Promise<void> {
    const kills = this.#kills;
    await this.#closed;
    const { clock, cleanIntervalMs, logger } = this.#options;
    try {
      // The main one last: its clients are told a port that is known once it is open.
      for (const listener of [...this.#listeners].reverse()) await this.#open(listener);
    } catch (error) {
      await this.#closeListeners();
      throw error;
    }
    if (kills !== this.#kills) {
      void this.#closeListeners();
      throw new TidemarkError('ABORTED', 'the embedded Kafka was killed while it started', { retriable: true });
    }
    this.#broker.port = this.#main.port;
    this.#isRunning = true;
    this.#broker.groups.resume();
    if (cleanIntervalMs > 0) this.#stopCleaning = every(clock, cleanIntervalMs, () => this.#cleanInTurn());
    logger.info({ address: this.address }, 'the embedded Kafka listens');
  }

  #open(listener: Listener): Promise<void> {
    const { connectionsMax, logger } = this.#options;
    return listener.open(connectionsMax, (error) =>
      logger.error({ reason: messageOf(error) }, 'the embedded Kafka cannot accept a client'),
    );
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** The same broker as clients of another address see it. */
  #advertising(advertised: Advertised | undefined): BrokerState {
    return { ...this.#broker, ...advertised };
  }

  #accept(socket: Socket, broker: BrokerState): void {
    const { logger, requestBytesMax } = this.#options;
    const connection = new Connection(socket, {
      broker,
      faults: this.#requestFaults,
      logger,
      requestBytesMax,
      onRequest: (api) => this.#requests.set(api, (this.#requests.get(api) ?? 0) + 1),
      onClose: (closed) => this.#connections.delete(closed),
    });
    this.#connections.add(connection);
  }

  #cleanInTurn(): void {
    try {
      this.clean();
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error) }, 'the embedded Kafka cannot clean its logs');
    }
  }
}
