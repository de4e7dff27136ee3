import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, TidemarkError } from '@tidemark/runtime';
import { ChangeCapture } from './change-capture.js';
import { DynaliteDatabase } from './dynalite-database.js';
import { type ResolvedAwsOptions } from './embedded-aws-options.js';
import { HttpFront } from './http-front.js';
import { isExpired } from './item-expiry.js';
import { type ItemWrite, type WriteHooks } from './item-write.js';
import { type KinesisEndpoint } from './kinesis-endpoint.js';
import { isNewer, LastWriters, MicrosClock } from './last-writers.js';
import { type ServiceReply, type ServiceRequest } from './listener-call.js';
import { type ReplicaChange, type ReplicationLink } from './replication-link.js';
import { type RequestFaults } from './request-faults.js';
import { seededRandom, seedFor } from './seeded-random.js';
import { answerOf, throughputExceeded } from './service-error.js';
import { type StreamRecord } from './stream-publisher.js';
import { TableSettingsBook } from './table-settings.js';
import { canonical, keysOf } from './wire-item.js';

export const accountId = '000000000000';
const requestBytesMax = 16 * 1024 * 1024;

export interface EmbeddedRegionContext {
  readonly name: string;
  readonly options: ResolvedAwsOptions;
  readonly faults: RequestFaults;
  /** Answers the requests that dynalite does not know; undefined leaves a request to dynalite. */
  readonly control: (region: EmbeddedRegion, request: ServiceRequest) => Promise<ServiceReply | undefined>;
  readonly onProgress: () => void;
}

/** Stops the write of a replica that is older than what the region holds. */
class OlderWrite extends Error {
  override readonly name = 'OlderWrite';
}

/** Stops the deletion of an item that was renewed after the sweep had read it. */
class NotExpired extends Error {
  override readonly name = 'NotExpired';
}

/** One region: its DynamoDB, its Kinesis, and what joins the two. */
export class EmbeddedRegion implements WriteHooks {
  readonly name: string;
  readonly settings: TableSettingsBook;
  readonly kinesis: KinesisEndpoint;
  readonly capture: ChangeCapture;
  readonly lastWriters: LastWriters;
  /** The replication to every other region, by its name; set once, before the region starts. */
  readonly links = new Map<string, ReplicationLink>();
  readonly #options: ResolvedAwsOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #front: HttpFront;
  readonly #faults: RequestFaults;
  readonly #micros: MicrosClock;
  readonly #path: string | undefined;
  #database: DynaliteDatabase | undefined;
  #starting: Promise<void> | undefined;
  #started = false;
  #stopping = false;
  #replicatedIn = 0;
  #olderVetoed = 0;
  #expired = 0;

  constructor(context: EmbeddedRegionContext) {
    const { name, options, faults, control, onProgress } = context;
    const { clock, log, dataDir } = options;
    this.name = name;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#faults = faults;
    this.#micros = new MicrosClock(clock);
    this.lastWriters = new LastWriters(name);
    this.#path = dataDir === undefined ? undefined : join(dataDir, name);
    this.settings = new TableSettingsBook(this.#path && join(this.#path, 'tables.json'));
    const { stopTimeoutMs } = options;
    this.kinesis = options.kinesisEndpoint({ region: name, accountId, clock, log, faults, stopTimeoutMs });
    this.capture = new ChangeCapture({
      region: name,
      micros: this.#micros,
      binaryEncoding: options.binaryEncoding,
      queueMax: options.captureQueueMax,
      putRecords: (stream, records) => this.#putRecords(stream, records),
      clock,
      random: seededRandom(seedFor(options.seed, name)),
      log,
      onProgress,
    });
    this.#front = new HttpFront({
      service: 'dynamodb',
      region: name,
      faults,
      clock,
      log,
      bodyBytesMax: requestBytesMax,
      serve: async (request) => (await control(this, request)) ?? this.database.serve(request),
    });
  }

  get database(): DynaliteDatabase {
    assert(this.#database, 'the region has started');
    return this.#database;
  }

  get dynamodbEndpoint(): string {
    return this.#front.url;
  }

  get counts(): { requests: number; replicatedIn: number; olderVetoed: number; expired: number } {
    return {
      requests: this.#front.requests,
      replicatedIn: this.#replicatedIn,
      olderVetoed: this.#olderVetoed,
      expired: this.#expired,
    };
  }

  /** Changes of this region that have not arrived in another. */
  get replicationInFlight(): number {
    let changes = 0;
    for (const link of this.links.values()) changes += link.inFlight;
    return changes;
  }

  /** Rejects with `CLOSED` when `stop` is called before it is through. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const path = this.#path;
    if (path !== undefined) await mkdir(path, { recursive: true });
    this.#database = new DynaliteDatabase({
      region: this.name,
      accountId,
      path: path && join(path, 'items'),
      hooks: this,
    });
    await this.#database.open();
    if (this.#stopping) throw new TidemarkError('CLOSED', `${this.name} was stopped`, { retriable: false });
    await this.#front.start();
    await this.kinesis.start();
    const { streamName, shardCount } = this.#options;
    await this.kinesis.createStream(streamName, shardCount);
    this.#started = true;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // A start in hand is cut short where it may take long; what it opens all the same is closed below.
    if (!this.#started) await this.kinesis.stop();
    await this.#starting?.catch(() => undefined);
    for (const link of this.links.values()) link.stop();
    await Promise.all([this.#front.stop(this.#options.stopTimeoutMs), this.kinesis.stop()]);
    this.capture.stop();
    await this.#database?.close();
  }

  streamArn(streamName: string): string {
    return `arn:aws:kinesis:${this.name}:${accountId}:stream/${streamName}`;
  }

  forgetTable(table: string): void {
    this.settings.forget(table);
    this.lastWriters.forget(table);
  }

  beforeWrite(write: ItemWrite): Error | undefined {
    const { cause, table } = write;
    if (cause.kind === 'replica') {
      const held = this.lastWriters.get(table.TableName, canonical(write.keys));
      if (!isNewer(cause.stamp, held)) return new OlderWrite();
    } else if (cause.kind === 'expiry' && !this.#isExpired(write)) {
      return new NotExpired();
    }
    if (this.capture.full) return throughputExceeded('too many changes wait for the stream');
    if (cause.kind !== 'replica' && this.replicationInFlight >= this.#options.replicationInFlightMax) {
      return throughputExceeded('too many changes wait for replication');
    }
    return undefined;
  }

  afterWrite(write: ItemWrite): void {
    const { keys, newItem, cause, table } = write;
    const { replicas, destination } = this.settings.get(table.TableName);
    const keyId = canonical(keys);
    if (cause.kind === 'replica') {
      this.lastWriters.record(table.TableName, keyId, cause.stamp);
      this.#replicatedIn++;
    } else if (replicas.length > 0) {
      const stamp = this.lastWriters.recordLocal(table.TableName, keyId, this.#micros.next());
      for (const to of replicas) this.links.get(to)?.send({ tableName: table.TableName, keys, newItem, stamp });
    }
    if (cause.kind === 'expiry') this.#expired++;
    const onAccepted = this.#options.onWrite({
      ...{ region: this.name, table: table.TableName, keys, newItem, isReplicated: cause.kind === 'replica' },
    });
    if (destination?.status === 'ACTIVE') this.capture.capture(write, destination, onAccepted);
  }

  /** Writes what another region wrote, unless this one holds something newer. Rejects when it must be tried again. */
  async applyReplica(change: ReplicaChange): Promise<void> {
    const { tableName, keys, newItem, stamp } = change;
    const cause = { kind: 'replica', keys, stamp } as const;
    try {
      if (newItem === undefined) await this.database.deleteItem(tableName, keys, cause);
      else await this.database.putItem(tableName, newItem, cause);
    } catch (error) {
      if (error instanceof OlderWrite) this.#olderVetoed++;
      else if (!isTableMissing(error)) throw error;
    }
  }

  /** Deletes the expired items of a table, as the service does; resolves to how many. */
  async sweepExpired(tableName: string): Promise<number> {
    const { expiryAttribute } = this.settings.get(tableName);
    const table = await this.database.describeTable(tableName);
    if (expiryAttribute === undefined || table === undefined) return 0;
    const keyNames = table.KeySchema.map((key) => key.AttributeName);
    let deleted = 0;
    for await (const item of this.database.items(tableName)) {
      if (!isExpired(item, expiryAttribute, this.#clock.now())) continue;
      const keys = keysOf(item, keyNames);
      try {
        await this.database.deleteItem(tableName, keys, { kind: 'expiry', keys });
        deleted++;
      } catch (error) {
        if (!(error instanceof NotExpired)) throw error;
      }
    }
    this.#log.debug({ region: this.name, tableName, deleted }, 'expired items were deleted');
    return deleted;
  }

  #isExpired(write: ItemWrite): boolean {
    const { expiryAttribute } = this.settings.get(write.table.TableName);
    if (expiryAttribute === undefined || write.oldItem === undefined) return false;
    return isExpired(write.oldItem, expiryAttribute, this.#clock.now());
  }

  /** The faults meet these requests too, as if DynamoDB had sent them over the network. */
  async #putRecords(streamName: string, records: readonly StreamRecord[]): Promise<readonly boolean[]> {
    const verdict = await this.#faults.meet({
      service: 'kinesis',
      region: this.name,
      operation: 'PutRecords',
      resources: () => [streamName],
    });
    const failed = (reason: string): TidemarkError =>
      new TidemarkError('PUBLISH_FAILED', reason, { retriable: true, context: { streamName } });
    if (verdict.kind === 'error') throw failed(verdict.type);
    if (verdict.kind === 'drop') throw failed('the connection was closed');
    const accepted = await this.kinesis.putRecords(streamName, records);
    if (verdict.kind === 'dropAnswer') throw failed('the answer was lost');
    return accepted;
  }
}

function isTableMissing(error: unknown): boolean {
  return String(answerOf(error)?.body['__type']).endsWith('ResourceNotFoundException');
}
