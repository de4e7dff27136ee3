import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { EmbeddedAws } from '@tidemark/local-stack';
import { type TopicNames, topicNames } from '@tidemark/protocol';
import { type Duration, type Logger, MetricRegistry, systemClock } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type KafkaAddress, type Service, startDispatcher, startSync } from '@tidemark/services';
import { RoutingAdmin } from '../routing-admin.js';

const region = 'eu-west-1';
export const table = 'things';
const leaseTable = 'leases';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const startMs = 60_000;

const things = defineCache({ name: 'things', table, schema: trust<string>() });

/** The processes of a region, each with an address of its own, over an embedded AWS. */
export class SecuredRegion {
  readonly names: TopicNames;
  /** What the processes have said at `warn` and above. */
  readonly said: string[] = [];
  readonly #aws = new EmbeddedAws({ regions: [region], seed: 1 });
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #logger: Logger;

  constructor(prefix: string) {
    this.names = topicNames(prefix);
    const keep = (fields: object, message: string): void => void this.said.push(`${message} ${JSON.stringify(fields)}`);
    this.#logger = { debug: () => undefined, info: () => undefined, warn: keep, error: keep };
  }

  async prepare(): Promise<void> {
    await this.#aws.start();
    await this.#aws.createGlobalTable(table);
    await this.#aws.createTable(region, leaseTable, { hashKey: 'leaseKey' });
  }

  admin(kafka: KafkaAddress): RoutingAdmin {
    const { names } = this;
    const admin = new RoutingAdmin({ kafka, names, replicationFactor: 1, logger: this.#logger, timeoutMs: 20_000 });
    this.#closers.push(() => admin.close());
    return admin;
  }

  async sync(kafka: KafkaAddress): Promise<Service> {
    const { dynamodbEndpoint, kinesisEndpoint, streamArn } = this.#aws.region(region);
    const at = { streamArn, leaseTable, dynamodbEndpoint, kinesisEndpoint, credentials };
    const pace = { pollIntervalMs: 100, topicReplicationFactor: 1 };
    return this.#keep(await startSync({ ...this.#common(kafka), ...at, ...pace }, this.#ports()));
  }

  async dispatcher(kafka: KafkaAddress): Promise<Service> {
    return this.#keep(await startDispatcher(this.#common(kafka), this.#ports()));
  }

  /** A pod of the service `shop`; resolves once it has started, live or not. */
  async pod(
    kafka: KafkaAddress,
    startDeadline: Duration = '30s',
  ): Promise<{ tidemark: Tidemark; cache: Cache<string> }> {
    const backend = aws({ ...this.#common(kafka), dynamodb: this.#aws.dynamodbConfig(region) });
    const tidemark = createTidemark({
      service: 'shop',
      backend,
      caches: [things],
      startDeadline,
      logger: this.#logger,
    });
    this.#closers.push(() => tidemark.close());
    await tidemark.start();
    return { tidemark, cache: tidemark.cache(things) };
  }

  /** Resolves once a process has said so. */
  async whenSaid(what: RegExp): Promise<void> {
    await eventually(`${what}`, () => this.said.some((line) => what.test(line)), startMs);
  }

  /** Ends the processes in order: the last one first. */
  async stop(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#aws.stop();
  }

  #common(kafka: KafkaAddress) {
    return { region, kafka, topicPrefix: this.names.prefix };
  }

  #ports() {
    return { clock: systemClock, logger: this.#logger, metrics: new MetricRegistry() };
  }

  #keep(service: Service): Service {
    this.#closers.push(() => service.stop());
    return service;
  }
}
