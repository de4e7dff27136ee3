import { randomUUID } from 'node:crypto';
import { MoveController, RouteHistory, RoutingTable } from '@tidemark/control';
import {
  createKafkaClient,
  KafkaTopicAdmin,
  KafkaWriterElection,
  PodTopic,
  RouteHistoryTopic,
  RouteTopic,
} from '@tidemark/kafka';
import { type TopicNames } from '@tidemark/protocol';
import { type Logger, MetricRegistry, systemClock } from '@tidemark/runtime';
import { type KafkaAddress } from '@tidemark/services';

export interface RoutingAdminOptions {
  readonly kafka: KafkaAddress;
  readonly names: TopicNames;
  readonly replicationFactor: number;
  readonly logger: Logger;
  /** Bound on one change, ms. */
  readonly timeoutMs: number;
}

/** A pod that has said nothing for longer is not waited for, ms. */
const silentMs = 10_000;

/** What an admin has of Kafka, without its API: the table, elected to write it, its history, and moves that end when the pods have gone along. */
export class RoutingAdmin {
  readonly table: RoutingTable;
  readonly history: RouteHistory;
  readonly #moves: MoveController;
  readonly #pods: PodTopic;

  constructor({ kafka, names, replicationFactor, logger, timeoutMs }: RoutingAdminOptions) {
    const [clock, metrics] = [systemClock, new MetricRegistry()];
    const client = createKafkaClient({ ...kafka, clientId: 'admin' });
    const create = { replicationFactor };
    const append = (): Promise<never> => Promise.reject(new Error('an admin is no pod'));
    const common = { client, names, clock, logger };
    this.#pods = new PodTopic({ ...common, podId: randomUUID(), service: 'admin', producer: { append } });
    this.history = new RouteHistory({ log: new RouteHistoryTopic({ ...common, create }), clock, logger, metrics });
    this.table = new RoutingTable({
      log: new RouteTopic({ ...common, create }),
      topics: new KafkaTopicAdmin({ client, ...create }),
      election: new KafkaWriterElection(common),
      onChanged: (entry) => this.history.note(entry),
      ...{ names, clock, logger, metrics, timeoutMs },
    });
    this.#moves = new MoveController({
      table: this.table,
      pods: { read: (signal) => this.#live(signal) },
      clock,
      logger,
    });
  }

  async open(): Promise<void> {
    await this.table.open();
    this.#moves.start();
  }

  async close(): Promise<void> {
    await this.#moves.close();
    await this.table.close();
    await Promise.all([this.history.close(), this.#pods.close()]);
  }

  async #live(signal: AbortSignal) {
    const { now, pods } = await this.#pods.read({ timeoutMs: 5_000, signal });
    return pods.filter(({ at }) => at > now - silentMs).map(({ report }) => report);
  }
}
