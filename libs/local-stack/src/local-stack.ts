import {
  isTidemarkError,
  silentLogger,
  systemClock,
  type Duration,
  parseDuration,
  TidemarkError,
  wait,
} from '@tidemark/runtime';
import { randomBytes } from 'node:crypto';
import { type AwsFaults, EmbeddedAws, kinesisLocal } from './aws/index.js';
import { type KafkaFaults } from './kafka/kafka-faults.js';
import {
  type LocalStackOptions,
  type ResolvedLocalStackOptions,
  resolveLocalStackOptions,
} from './local-stack-options.js';
import { type RegionEndpoints, RegionStack, type Role } from './region-stack.js';

/** Faults on demand: of the embedded AWS, and of each region's embedded Kafka. */
export interface LocalStackFaults {
  readonly aws: AwsFaults;
  /** Throws `NOT_SUPPORTED` when the region's brokers are not the stack's own. */
  kafka(region: string): KafkaFaults;
  /** Closes every connection to the region's embedded broker. */
  dropKafkaConnections(region: string): void;
}

/**
 * Regions of DynamoDB, Kinesis, Kafka and Tidemark's pipeline in this process, on 127.0.0.1: what a service needs to be run and tested against,
 * with nothing but Node.
 */
export interface LocalStack {
  readonly regions: readonly string[];
  readonly tables: readonly string[];
  readonly faults: LocalStackFaults;
  region(name: string): RegionEndpoints;
  /** Resolves when every write made before the call is replicated, read from its shard and dispatched. Rejects with `TIMEOUT`, naming what is left. */
  quiesce(options?: { readonly timeout?: Duration }): Promise<void>;
  /** Ends a role at once, as kill -9 does; Kafka keeps its records and its port. */
  kill(region: string, role: Role): Promise<void>;
  /** Starts a role that was killed. */
  restart(region: string, role: Role): Promise<void>;
  /** Of each region's sync and dispatcher. */
  health(): Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * Starts everything; what was started is stopped again when a part of it fails. Rejects with `INVALID_OPTIONS`, and with `TIMEOUT` at
 * `startDeadline`, naming the regions whose brokers it waited for.
 */
export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const stack = new RunningLocalStack(resolveLocalStackOptions(options));
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

class RunningLocalStack implements LocalStack {
  readonly faults: LocalStackFaults;
  readonly #options: ResolvedLocalStackOptions;
  readonly #aws: EmbeddedAws;
  readonly #regions: ReadonlyMap<string, RegionStack>;

  constructor(options: ResolvedLocalStackOptions) {
    this.#options = options;
    const { regions, kinesis, startDeadlineMs, replicationDelayMs, seed, dataDir, logger } = options;
    this.#aws = new EmbeddedAws({
      regions,
      replicationDelayMs,
      seed,
      log: logger ?? silentLogger,
      ...(kinesis === 'kinesis-local' ? { kinesisEndpoint: kinesisLocal({ startTimeoutMs: startDeadlineMs }) } : {}),
      ...(dataDir === undefined ? {} : { dataDir: `${dataDir}/aws` }),
    });
    const run = randomBytes(3).toString('hex');
    this.#regions = new Map(regions.map((region) => [region, this.#regionStack(region, run)]));
    this.faults = {
      aws: this.#aws.faults,
      kafka: (region) => this.#embeddedKafka(region).faults,
      dropKafkaConnections: (region) => this.#embeddedKafka(region).dropConnections(),
    };
  }

  get regions(): readonly string[] {
    return this.#options.regions;
  }

  get tables(): readonly string[] {
    return this.#options.tables;
  }

  async start(): Promise<void> {
    const { startDeadlineMs, tables, pipeline } = this.#options;
    const givenUp = new AbortController();
    const cancel = systemClock.setTimer(() => givenUp.abort(this.#late()), startDeadlineMs);
    try {
      await this.#aws.start();
      await this.#inEveryRegion(givenUp, (region) => region.start());
      for (const table of tables) await this.#aws.createGlobalTable(table);
      if (pipeline) await this.#inEveryRegion(givenUp, (region) => region.startPipeline(givenUp.signal));
    } finally {
      cancel();
    }
  }

  region(name: string): RegionEndpoints {
    return this.#region(name).endpoints;
  }

  async quiesce({ timeout = '10s' }: { readonly timeout?: Duration } = {}): Promise<void> {
    const timeoutMs = parseDuration(timeout, 'timeout');
    const endMs = systemClock.monotonicMs() + timeoutMs;
    await this.#aws.drained({ timeoutMs });
    const at = systemClock.now();
    for (;;) {
      const behind = [...this.#regions.values()].flatMap((region) => region.behind(at));
      if (behind.length === 0) return;
      if (systemClock.monotonicMs() > endMs)
        throw new TidemarkError('TIMEOUT', `not quiet within ${timeoutMs} ms; behind: ${behind.join(', ')}`, {
          retriable: true,
          context: { behind, health: this.health() },
        });
      await wait(systemClock, 10);
    }
  }

  kill(region: string, role: Role): Promise<void> {
    return this.#region(region).kill(role);
  }

  restart(region: string, role: Role): Promise<void> {
    return this.#region(region).restart(role);
  }

  health(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#regions].map(([name, region]) => [name, region.health()]));
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#regions.values()].map((region) => region.stop()));
    await this.#aws.stop().catch((error: unknown) => {
      if (!isTidemarkError(error, 'CLOSED')) throw error;
    });
  }

  /** The first failure gives up the others; none goes on behind the back of a start that has failed. */
  async #inEveryRegion(givenUp: AbortController, start: (region: RegionStack) => Promise<void>): Promise<void> {
    const starts = [...this.#regions.values()].map((region) =>
      start(region).catch((error: unknown) => givenUp.abort(error)),
    );
    await Promise.all(starts);
    givenUp.signal.throwIfAborted();
  }

  #late(): TidemarkError {
    const { startDeadlineMs } = this.#options;
    const waiting = [...this.#regions].filter(([, region]) => region.waiting);
    const brokers = Object.fromEntries(waiting.map(([name, region]) => [name, region.brokers]));
    const named = waiting.map(([name, region]) => `${name} (${region.brokers.join(', ')})`).join(', ');
    return new TidemarkError(
      'TIMEOUT',
      `startLocalStack: not started within ${startDeadlineMs} ms` +
        (named === '' ? '' : `; it waited for the brokers of ${named}`),
      { retriable: true, context: { startDeadlineMs, brokers } },
    );
  }

  /** Regions that share brokers must not share topics; and a topic name is never used again, so each run has its own. */
  #regionStack(region: string, run: string): RegionStack {
    const { kafka, tables, partitions, destinationIntervalMs, dataDir, logger } = this.#options;
    const brokers = kafka === 'embedded' ? undefined : kafka[region];
    const topicPrefix = kafka === 'embedded' ? 'tidemark' : `tidemark-${region}-${run}`;
    const shared = { tables, partitions, destinationIntervalMs, dataDir, logger };
    return new RegionStack({ ...shared, region, aws: this.#aws, brokers, topicPrefix });
  }

  #region(name: string): RegionStack {
    const region = this.#regions.get(name);
    if (region !== undefined) return region;
    throw new TidemarkError(
      'INVALID_OPTIONS',
      `region: expected one of ${this.regions.join(', ')}, got ${JSON.stringify(name)}`,
      { retriable: false },
    );
  }

  #embeddedKafka(region: string): NonNullable<RegionStack['embeddedKafka']> {
    const { embeddedKafka } = this.#region(region);
    if (embeddedKafka !== undefined) return embeddedKafka;
    throw new TidemarkError('NOT_SUPPORTED', `Kafka of ${region} is not this stack's own`, { retriable: false });
  }
}
