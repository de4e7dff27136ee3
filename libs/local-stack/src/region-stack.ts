import { type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { RoutingTable } from '@tidemark/control';
import { createKafkaClient, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import {
  type Clock,
  isTidemarkError,
  type Logger,
  MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
} from '@tidemark/runtime';
import { type Service, startDispatcher, startSync } from '@tidemark/services';
import { type EmbeddedAws } from './aws/index.js';
import { EmbeddedKafka } from './kafka/embedded-kafka.js';
import { RegionProbe } from './region-probe.js';

/** Where a region's parts are. */
export interface RegionEndpoints {
  readonly region: string;
  readonly dynamodb: DynamoDBClientConfig;
  readonly kinesis: KinesisClientConfig;
  readonly kafka: { readonly brokers: readonly string[] };
  readonly dynamodbEndpoint: string;
  readonly kinesisEndpoint: string;
  readonly streamArn: string;
  readonly leaseTable: string;
  readonly topicPrefix: string;
}

export type Role = 'sync' | 'dispatcher' | 'kafka';

export interface RegionStackOptions {
  readonly region: string;
  readonly aws: EmbeddedAws;
  readonly tables: readonly string[];
  /** `undefined`: a broker is embedded. */
  readonly brokers: readonly string[] | undefined;
  readonly topicPrefix: string;
  readonly partitions: number;
  /** Sync notices a streaming destination that was off for one and a half of it, ms. */
  readonly destinationIntervalMs: number;
  readonly dataDir: string | undefined;
  readonly logger: Logger | undefined;
}

/** A lease of a worker that died is taken over after this, ms: short, since all of it is on one machine. */
const failoverMs = 3_000;
/** How often sync reads a shard of the embedded stack, ms: more often than AWS would let it. */
export const syncPollMs = 50;
const leaseTable = 'tidemark-leases';

/** One region: its broker and its pipeline, over its part of the embedded AWS. */
export class RegionStack {
  readonly embeddedKafka: EmbeddedKafka | undefined;
  readonly #options: RegionStackOptions;
  readonly #clock: Clock = systemClock;
  readonly #logger: Logger;
  readonly #services = new Map<'sync' | 'dispatcher', Service>();
  #probe: RegionProbe | undefined;
  #waiting = false;

  constructor(options: RegionStackOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const { brokers, dataDir, region, partitions } = options;
    if (brokers === undefined)
      this.embeddedKafka = new EmbeddedKafka({
        defaultPartitions: partitions,
        logger: this.#logger,
        ...(dataDir === undefined ? {} : { dataDir: `${dataDir}/kafka-${region}` }),
      });
  }

  get endpoints(): RegionEndpoints {
    const { aws, region, topicPrefix } = this.#options;
    const { dynamodbEndpoint, kinesisEndpoint, streamArn } = aws.region(region);
    return {
      region,
      dynamodb: aws.dynamodbConfig(region),
      kinesis: aws.kinesisConfig(region),
      kafka: { brokers: this.brokers },
      dynamodbEndpoint,
      kinesisEndpoint,
      streamArn,
      leaseTable,
      topicPrefix,
    };
  }

  /** Kafka and the lease table; the pipeline comes with `startPipeline`. */
  async start(): Promise<void> {
    await this.embeddedKafka?.start();
    await this.#options.aws.createTable(this.#options.region, leaseTable, { hashKey: 'leaseKey' });
  }

  /** A route for every table, then sync and dispatcher, each in this process. The signal gives it up, and it rejects. */
  async startPipeline(signal: AbortSignal): Promise<void> {
    this.#waiting = true;
    await this.#addRoutes(signal);
    signal.throwIfAborted();
    await Promise.all([this.restart('sync'), this.restart('dispatcher')]);
    const { region, topicPrefix, tables } = this.#options;
    const probe = new RegionProbe(region, this.brokers, topicPrefix, tables);
    this.#probe = probe;
    await closedOnAbort(probe, signal, () => probe.open());
    this.#waiting = false;
  }

  /** Whether the start of the pipeline has begun and is not through. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Ends a role at once, as kill -9 does. */
  async kill(role: Role): Promise<void> {
    if (role === 'kafka') return this.#embedded('kill').stop();
    const service = this.#services.get(role);
    if (service === undefined) throw notRunning(role, this.#options.region);
    this.#services.delete(role);
    await service.kill();
  }

  async restart(role: Role): Promise<void> {
    if (role === 'kafka') return this.#embedded('restart').start();
    if (this.#services.has(role)) return;
    const ports = { clock: this.#clock, logger: this.#logger, metrics: new MetricRegistry() };
    this.#services.set(
      role,
      role === 'sync'
        ? await startSync(this.#syncOptions(), ports)
        : await startDispatcher(this.#dispatcherOptions(), ports),
    );
  }

  /** What has not come through yet of what was written before `at`; empty when all has. */
  behind(at: number): readonly string[] {
    return this.#probe?.behind(at).map((table) => `${this.#options.region}: ${table}`) ?? [];
  }

  health(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#services].map(([role, service]) => [role, service.ready()]));
  }

  async stop(): Promise<void> {
    await this.#probe?.close();
    await Promise.allSettled([...this.#services.values()].map((service) => service.stop()));
    this.#services.clear();
    await this.embeddedKafka?.close();
  }

  get brokers(): readonly string[] {
    return this.embeddedKafka === undefined ? (this.#options.brokers ?? []) : [this.embeddedKafka.address];
  }

  #syncOptions(): Parameters<typeof startSync>[0] {
    const { region, topicPrefix, partitions, destinationIntervalMs } = this.#options;
    const { dynamodbEndpoint, kinesisEndpoint, streamArn, kafka } = this.endpoints;
    return {
      region,
      kafka,
      topicPrefix,
      streamArn,
      leaseTable,
      dynamodbEndpoint,
      kinesisEndpoint,
      failoverMs,
      pollIntervalMs: syncPollMs,
      destinationIntervalMs,
      topicPartitions: partitions,
      topicReplicationFactor: 1,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    };
  }

  #dispatcherOptions(): Parameters<typeof startDispatcher>[0] {
    const { region, topicPrefix } = this.#options;
    return { region, kafka: { brokers: this.brokers }, topicPrefix };
  }

  async #addRoutes(signal: AbortSignal): Promise<void> {
    const { topicPrefix, tables, partitions } = this.#options;
    const client = createKafkaClient({ brokers: this.brokers, clientId: 'local-stack' });
    const names = topicNames(topicPrefix);
    const routing = new RoutingTable({
      log: new RouteTopic({ client, names, create: { replicationFactor: 1 } }),
      topics: new KafkaTopicAdmin({ client, replicationFactor: 1 }),
      names,
      tablePartitions: partitions,
    });
    try {
      await closedOnAbort(routing, signal, () => routing.open());
      for (const table of tables) await this.#addRoute(routing, table, names.cache(table), signal);
    } finally {
      await routing.close();
    }
  }

  async #addRoute(routing: RoutingTable, table: string, topic: string, signal: AbortSignal): Promise<void> {
    try {
      await routing.put(table, [topic], { ifMatch: 'none', actor: 'local-stack', signal });
    } catch (error) {
      if (!isTidemarkError(error, 'ROUTE_CONFLICT')) throw error;
    }
  }

  #embedded(what: string): EmbeddedKafka {
    if (this.embeddedKafka !== undefined) return this.embeddedKafka;
    throw new TidemarkError('NOT_SUPPORTED', `this stack cannot ${what} Kafka: the brokers are not its own`, {
      retriable: false,
    });
  }
}

/** Runs the opening of something that waits for brokers for as long as it takes; closing it makes the opening reject. */
async function closedOnAbort(
  opened: { close(): Promise<void> },
  signal: AbortSignal,
  open: () => Promise<void>,
): Promise<void> {
  const close = (): void => void opened.close();
  signal.throwIfAborted();
  signal.addEventListener('abort', close, { once: true });
  try {
    await open();
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function notRunning(role: Role, region: string): TidemarkError {
  return new TidemarkError('NOT_SUPPORTED', `no ${role} of ${region} runs in this stack`, { retriable: false });
}
