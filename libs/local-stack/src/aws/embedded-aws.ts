import { type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { every, messageOf, TidemarkError } from '@tidemark/runtime';
import { AwsFaults, unknownRegion } from './aws-faults.js';
import { ControlPlane } from './control-plane.js';
import { type EmbeddedAwsOptions, resolveAwsOptions, type ResolvedAwsOptions } from './embedded-aws-options.js';
import { EmbeddedRegion } from './embedded-region.js';
import { ReplicationLink } from './replication-link.js';
import { RequestFaults } from './request-faults.js';
import { seededRandom, seedFor } from './seeded-random.js';

/** Where one region is to be reached. */
export interface RegionAddress {
  readonly region: string;
  readonly dynamodbEndpoint: string;
  readonly kinesisEndpoint: string;
  readonly streamName: string;
  readonly streamArn: string;
}

export interface RegionStats {
  /** Requests to DynamoDB. */
  readonly requests: number;
  /** Changes that were captured. */
  readonly captured: number;
  /** Records that a stream has accepted, copies among them. */
  readonly published: number;
  /** Copies that `faults.duplicateRecords` made. */
  readonly duplicated: number;
  /** Changes of which no record was written. */
  readonly skipped: number;
  /** Records that were sent again. */
  readonly publishRetries: number;
  /** Records that no stream has accepted yet. */
  readonly capturePending: number;
  /** Writes of other regions that were applied here. */
  readonly replicatedIn: number;
  /** Writes of other regions that lost against a later one here. */
  readonly olderVetoed: number;
  /** Writes of this region that have not arrived in another. */
  readonly replicationInFlight: number;
  /** Items that were deleted because they had expired. */
  readonly expired: number;
}

export interface TableKeys {
  /** Name of the partition key, a string. Default `key`. */
  readonly hashKey?: string;
  /** Name of the sort key, a string. Default: none. */
  readonly rangeKey?: string;
}

interface Drain {
  readonly check: () => void;
  readonly fail: (error: TidemarkError) => void;
}

/** Regions of AWS inside this process: DynamoDB with global tables, whose changes go to Kinesis, on ports of the loopback address. */
export class EmbeddedAws {
  readonly faults: AwsFaults;
  readonly #options: ResolvedAwsOptions;
  readonly #regions = new Map<string, EmbeddedRegion>();
  readonly #control: ControlPlane;
  readonly #requestFaults: RequestFaults;
  readonly #drains = new Set<Drain>();
  #state: 'new' | 'started' | 'stopped' = 'new';
  #stopSweeps: () => void = () => undefined;

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: EmbeddedAwsOptions = {}) {
    this.#options = resolveAwsOptions(options);
    this.#requestFaults = new RequestFaults(this.#options.clock);
    this.#control = new ControlPlane(this.#regions);
    for (const name of this.#options.regions) this.#regions.set(name, this.#makeRegion(name));
    for (const from of this.#regions.values()) this.#linkToOthers(from);
    this.faults = new AwsFaults(this.#regions, this.#requestFaults);
  }

  get regions(): readonly string[] {
    return this.#options.regions;
  }

  /**
   * Opens the ports of every region and makes its stream. Rejects with `INVALID_OPTIONS` when `dataDir` is in use, with `CLOSED` when it is
   * stopped before it is through, and as the Kinesis does that was chosen.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw closed('an embedded AWS starts once');
    this.#state = 'started';
    const started = await Promise.allSettled([...this.#regions.values()].map((region) => region.start()));
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      await this.stop();
      throw failed.reason;
    }
    if (this.#state !== 'started') throw closed('the embedded AWS was stopped while it started');
    const { expirySweepMs, clock, log } = this.#options;
    if (expirySweepMs === 0) return;
    this.#stopSweeps = every(clock, expirySweepMs, async () => {
      try {
        await this.sweepExpired();
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'a sweep for expired items failed');
      }
    });
  }

  /** Closes every port. Writes on their way are lost, unless there is a `dataDir` and they arrive within `stopTimeoutMs`. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    const { dataDir, stopTimeoutMs, log } = this.#options;
    this.#stopSweeps();
    if (dataDir !== undefined && this.#state === 'started') {
      await this.drained({ timeoutMs: stopTimeoutMs }).catch((error: unknown) =>
        log.warn({ error: messageOf(error) }, 'stopped before every write had arrived'),
      );
    }
    this.#state = 'stopped';
    this.#requestFaults.stop();
    for (const drain of [...this.#drains]) drain.fail(closed('the embedded AWS was stopped'));
    await Promise.all([...this.#regions.values()].map((region) => region.stop()));
  }

  /** Makes a table with a replica in every region, streaming in each; `exists` when the first region has it already. */
  async createGlobalTable(name: string, keys: TableKeys = {}): Promise<'created' | 'exists'> {
    const [first, ...others] = [...this.#regions.values()];
    if (first === undefined || (await this.createTable(first.name, name, keys)) === 'exists') return 'exists';
    for (const other of others) await this.#control.addReplica(first, other, name);
    const { streamName, precision } = this.#options;
    for (const region of this.#regions.values()) {
      const streamArn = region.streamArn(streamName);
      region.settings.change(name, { destination: { streamName, streamArn, status: 'ACTIVE', precision } });
    }
    return 'created';
  }

  /** Makes a table in one region, without replicas and without a stream. */
  async createTable(region: string, name: string, keys: TableKeys = {}): Promise<'created' | 'exists'> {
    const { database } = this.#running(region);
    if ((await database.describeTable(name)) !== undefined) return 'exists';
    const { hashKey = 'key', rangeKey } = keys;
    const schema = [{ AttributeName: hashKey, KeyType: 'HASH' }];
    if (rangeKey !== undefined) schema.push({ AttributeName: rangeKey, KeyType: 'RANGE' });
    await database.createTable(name, {
      AttributeDefinitions: schema.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: schema,
    });
    return 'created';
  }

  region(name: string): RegionAddress {
    const region = this.#running(name);
    const { streamName } = this.#options;
    return {
      region: name,
      dynamodbEndpoint: region.dynamodbEndpoint,
      kinesisEndpoint: region.kinesis.url,
      streamName,
      streamArn: region.streamArn(streamName),
    };
  }

  /** For `new DynamoDBClient(...)`. */
  dynamodbConfig(region: string): DynamoDBClientConfig {
    return { region, endpoint: this.region(region).dynamodbEndpoint, credentials };
  }

  /** For `new KinesisClient(...)`, whose own default, HTTP/2, the embedded Kinesis does not speak. */
  kinesisConfig(region: string): KinesisClientConfig {
    const endpoint = this.region(region).kinesisEndpoint;
    return { region, endpoint, credentials, requestHandler: new NodeHttpHandler() };
  }

  /**
   * Deletes every item that has expired; resolves to how many. A global table is swept in the first of its regions, so that an item
   * expires once; with `region`, the tables of that region are swept.
   */
  async sweepExpired(region?: string): Promise<number> {
    let deleted = 0;
    const chosen = region === undefined ? this.#regions.values() : [this.#running(region)];
    for (const swept of chosen) {
      const { name, settings } = swept;
      for (const table of settings.tables) {
        const first = this.regions.find((other) => other === name || settings.get(table).replicas.includes(other));
        if (region !== undefined || first === name) deleted += await swept.sweepExpired(table);
      }
    }
    return deleted;
  }

  /**
   * Resolves once no write is on its way to another region and every captured change is in its stream. Rejects with `TIMEOUT` after
   * `timeoutMs` (default 10,000), naming what is left, and with `CLOSED` when the stack stops.
   */
  drained(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = 10_000 } = options;
    if (this.#left().length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        cancel();
        this.#drains.delete(drain);
      };
      const drain: Drain = {
        check: () => {
          if (this.#left().length > 0) return;
          finish();
          resolve();
        },
        fail: (error) => {
          finish();
          reject(error);
        },
      };
      const cancel = this.#options.clock.setTimer(() => drain.fail(notDrained(timeoutMs, this.#left())), timeoutMs);
      this.#drains.add(drain);
    });
  }

  stats(region: string): RegionStats {
    const chosen = this.#regions.get(region);
    if (chosen === undefined) throw unknownRegion(region);
    const { capture, counts, replicationInFlight } = chosen;
    return {
      ...counts,
      captured: capture.captured,
      published: capture.publisher.published,
      duplicated: capture.turbulence.duplicates,
      skipped: capture.skipped,
      publishRetries: capture.publisher.retries,
      capturePending: capture.pending,
      replicationInFlight,
    };
  }

  #makeRegion(name: string): EmbeddedRegion {
    return new EmbeddedRegion({
      name,
      options: this.#options,
      faults: this.#requestFaults,
      control: (region, request) => this.#control.serve(region, request),
      onProgress: () => this.#progressed(),
    });
  }

  #linkToOthers(from: EmbeddedRegion): void {
    const { replicationDelayMs, seed, clock, log } = this.#options;
    for (const to of this.#regions.values()) {
      if (to === from) continue;
      const link = new ReplicationLink({
        from: from.name,
        to: to.name,
        delay: replicationDelayMs,
        clock,
        random: seededRandom(seedFor(seed, `${from.name}>${to.name}`)),
        log,
        apply: (change) => to.applyReplica(change),
        onProgress: () => this.#progressed(),
      });
      from.links.set(to.name, link);
    }
  }

  #progressed(): void {
    for (const drain of [...this.#drains]) drain.check();
  }

  /** What `drained` waits for, in words. */
  #left(): readonly string[] {
    const left: string[] = [];
    for (const { name, links, capture } of this.#regions.values()) {
      for (const { to, inFlight, paused } of links.values()) {
        if (inFlight > 0) left.push(`${inFlight} writes from ${name} to ${to}${paused ? ' (paused)' : ''}`);
      }
      const { pending, publisher } = capture;
      if (pending > 0) left.push(`${pending} changes of ${name}${publisher.paused ? ' (paused)' : ''}`);
    }
    return left;
  }

  #running(name: string): EmbeddedRegion {
    const region = this.#regions.get(name);
    if (region === undefined) throw unknownRegion(name);
    if (this.#state !== 'started') throw closed(`the embedded AWS is ${this.#state}`);
    return region;
  }
}

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

function closed(message: string): TidemarkError {
  return new TidemarkError('CLOSED', message, { retriable: false });
}

function notDrained(timeoutMs: number, left: readonly string[]): TidemarkError {
  return new TidemarkError('TIMEOUT', `not drained within ${timeoutMs} ms; left: ${left.join(', ')}`, {
    retriable: true,
    context: { timeoutMs, left },
  });
}
