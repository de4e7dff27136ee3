import { type StreamDestination } from './table-settings.js';
import { type TableDescription } from './dynalite-database.js';
import { type EmbeddedRegion } from './embedded-region.js';
import { jsonReply, parseBody, streamNameOf } from './http-front.js';
import { type ServiceReply, type ServiceRequest } from './listener-call.js';
import { resourceInUse, resourceNotFound, validationError } from './service-error.js';
import { canonical, isRecord, keysOf } from './wire-item.js';

type Input = Readonly<Record<string, unknown>>;
/** Undefined leaves the request to dynalite. */
type Operation = (region: EmbeddedRegion, tableName: string, input: Input) => Promise<object | undefined>;

/** A write stamp older than any real one: that of items which were there before their table became global. */
const beforeAllMicros = 0;

/** The operations of DynamoDB that dynalite does not know: global tables, change streams, expiry. */
export class ControlPlane {
  readonly #regions: ReadonlyMap<string, EmbeddedRegion>;
  readonly #operations: Readonly<Record<string, Operation>>;

  constructor(regions: ReadonlyMap<string, EmbeddedRegion>) {
    this.#regions = regions;
    this.#operations = {
      UpdateTable: async (region, table, input) => this.#updateTable(region, table, input),
      DescribeTable: async (region, table) => ({ Table: await this.#describe(region, table) }),
      UpdateTimeToLive: async (region, table, input) => this.#updateTimeToLive(region, table, input),
      DescribeTimeToLive: async (region, table) => describeTimeToLive(region, table),
      EnableKinesisStreamingDestination: enableDestination,
      UpdateKinesisStreamingDestination: updateDestination,
      DisableKinesisStreamingDestination: disableDestination,
      DescribeKinesisStreamingDestination: async (region, table) => describeDestination(region, table),
    };
  }

  /** Undefined when the request is dynalite's to answer. */
  async serve(region: EmbeddedRegion, request: ServiceRequest): Promise<ServiceReply | undefined> {
    if (request.operation === 'DeleteTable') return this.#deleteTable(region, request);
    const operation = this.#operations[request.operation];
    if (operation === undefined) return undefined;
    const input = parseBody(request.body);
    const tableName = input?.['TableName'];
    if (input === undefined || typeof tableName !== 'string') throw validationError('TableName must be a text');
    await existing(region, tableName);
    const output = await operation(region, tableName, input);
    return output && jsonReply('dynamodb', output);
  }

  /** Gives `to` a replica of a table of `from`, with the items that are there, and links it with every other replica. */
  async addReplica(from: EmbeddedRegion, to: EmbeddedRegion, tableName: string): Promise<void> {
    const table = await existing(from, tableName);
    if ((await to.database.describeTable(tableName)) !== undefined) {
      throw resourceInUse(`Table already exists in ${to.name}: ${tableName}`);
    }
    await to.database.createTable(tableName, {
      AttributeDefinitions: table['AttributeDefinitions'],
      KeySchema: table.KeySchema,
      ...indexesOf(table),
    });
    const { replicas, expiryAttribute } = from.settings.get(tableName);
    const names = [from.name, ...replicas, to.name];
    for (const name of names) {
      const others = names.filter((other) => other !== name);
      this.#regions.get(name)?.settings.change(tableName, { replicas: others, expiryAttribute });
    }
    const keyNames = table.KeySchema.map((key) => key.AttributeName);
    for await (const item of from.database.items(tableName)) {
      const keys = keysOf(item, keyNames);
      const stamp = from.lastWriters.get(tableName, canonical(keys)) ?? { micros: beforeAllMicros, region: from.name };
      await to.applyReplica({ tableName, keys, newItem: item, stamp });
    }
  }

  async #updateTable(region: EmbeddedRegion, tableName: string, input: Input): Promise<object | undefined> {
    const updates = input['ReplicaUpdates'];
    if (!Array.isArray(updates)) return undefined;
    await this.#updateReplicas(region, tableName, updates);
    return { TableDescription: await this.#describe(region, tableName) };
  }

  async #updateReplicas(region: EmbeddedRegion, tableName: string, updates: readonly unknown[]): Promise<void> {
    for (const update of updates) {
      if (!isRecord(update)) throw validationError('ReplicaUpdates must hold structures');
      const { Create: create, Delete: remove } = update;
      const name = isRecord(create) ? create['RegionName'] : isRecord(remove) ? remove['RegionName'] : undefined;
      const other = typeof name === 'string' ? this.#regions.get(name) : undefined;
      if (other === undefined || other === region) throw validationError(`Unknown replica region: ${String(name)}`);
      if (isRecord(create)) await this.addReplica(region, other, tableName);
      else await this.#removeReplica(other, tableName);
    }
  }

  async #removeReplica(region: EmbeddedRegion, tableName: string): Promise<void> {
    await existing(region, tableName);
    await region.database.deleteTable(tableName);
    this.#forget(region, tableName);
  }

  async #deleteTable(region: EmbeddedRegion, request: ServiceRequest): Promise<ServiceReply> {
    const reply = await region.database.serve(request);
    const tableName = parseBody(request.body)?.['TableName'];
    if (reply.statusCode === 200 && typeof tableName === 'string') this.#forget(region, tableName);
    return reply;
  }

  #forget(region: EmbeddedRegion, tableName: string): void {
    for (const name of region.settings.get(tableName).replicas) {
      const peer = this.#regions.get(name);
      const left = peer?.settings.get(tableName).replicas.filter((replica) => replica !== region.name);
      peer?.settings.change(tableName, { replicas: left ?? [] });
    }
    region.forgetTable(tableName);
  }

  async #describe(region: EmbeddedRegion, tableName: string): Promise<object> {
    const table = await existing(region, tableName);
    const { replicas } = region.settings.get(tableName);
    if (replicas.length === 0) return table;
    return {
      ...table,
      GlobalTableVersion: '2019.11.21',
      Replicas: replicas.map((name) => ({ RegionName: name, ReplicaStatus: 'ACTIVE' })),
    };
  }

  /** The setting holds for every replica. */
  #updateTimeToLive(region: EmbeddedRegion, tableName: string, input: Input): object {
    const specification = input['TimeToLiveSpecification'];
    if (!isRecord(specification)) throw validationError('TimeToLiveSpecification must not be null');
    const { AttributeName: attribute, Enabled: enabled } = specification;
    if (typeof attribute !== 'string' || typeof enabled !== 'boolean') {
      throw validationError('TimeToLiveSpecification needs AttributeName and Enabled');
    }
    const { expiryAttribute, replicas } = region.settings.get(tableName);
    if (enabled === (expiryAttribute !== undefined)) {
      throw validationError(`TimeToLive is already ${enabled ? 'enabled' : 'disabled'}`);
    }
    for (const name of [region.name, ...replicas]) {
      this.#regions.get(name)?.settings.change(tableName, { expiryAttribute: enabled ? attribute : undefined });
    }
    return { TimeToLiveSpecification: specification };
  }
}

async function existing(region: EmbeddedRegion, tableName: string): Promise<TableDescription> {
  const table = await region.database.describeTable(tableName);
  if (table === undefined) throw resourceNotFound(`Requested resource not found: Table: ${tableName} not found`);
  return table;
}

function indexesOf(table: TableDescription): object {
  const names = ['GlobalSecondaryIndexes', 'LocalSecondaryIndexes'].filter((name) => Array.isArray(table[name]));
  return Object.fromEntries(
    names.map((name) => [
      name,
      (table[name] as Input[]).map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection })),
    ]),
  );
}

function describeTimeToLive(region: EmbeddedRegion, tableName: string): object {
  const { expiryAttribute } = region.settings.get(tableName);
  const description =
    expiryAttribute === undefined
      ? { TimeToLiveStatus: 'DISABLED' }
      : { TimeToLiveStatus: 'ENABLED', AttributeName: expiryAttribute };
  return { TimeToLiveDescription: description };
}

async function enableDestination(region: EmbeddedRegion, tableName: string, input: Input): Promise<object> {
  const streamArn = input['StreamArn'];
  const streamName = streamNameOf(streamArn);
  if (typeof streamArn !== 'string' || streamName === undefined) throw validationError('StreamArn must name a stream');
  if (streamArn.split(':')[3] !== region.name) throw validationError('The stream must be in the region of the table');
  if (!(await region.kinesis.hasStream(streamName))) {
    throw resourceNotFound(
      `User does not have a permission to use kinesis stream, or it does not exist: ${streamName}`,
    );
  }
  if (region.settings.get(tableName).destination?.status === 'ACTIVE') {
    throw validationError('The streaming destination must be disabled before it can be enabled');
  }
  const precision = precisionIn(input['EnableKinesisStreamingConfiguration']);
  region.settings.change(tableName, {
    destination: { streamName, streamArn, status: 'ACTIVE', precision: precision ?? 'absent' },
  });
  return {
    TableName: tableName,
    StreamArn: streamArn,
    DestinationStatus: 'ENABLING',
    ...(precision && { EnableKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: precision } }),
  };
}

async function updateDestination(region: EmbeddedRegion, tableName: string, input: Input): Promise<object> {
  const destination = activeDestination(region, tableName, input);
  const precision = precisionIn(input['UpdateKinesisStreamingConfiguration']);
  if (precision === undefined) throw validationError('ApproximateCreationDateTimePrecision must not be null');
  if (precision === shownPrecision(destination)) {
    throw validationError(`The precision is already ${precision}`);
  }
  region.settings.change(tableName, { destination: { ...destination, precision } });
  return {
    TableName: tableName,
    StreamArn: destination.streamArn,
    DestinationStatus: 'UPDATING',
    UpdateKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: precision },
  };
}

async function disableDestination(region: EmbeddedRegion, tableName: string, input: Input): Promise<object> {
  const destination = activeDestination(region, tableName, input);
  region.settings.change(tableName, { destination: { ...destination, status: 'DISABLED' } });
  return { TableName: tableName, StreamArn: destination.streamArn, DestinationStatus: 'DISABLING' };
}

function describeDestination(region: EmbeddedRegion, tableName: string): object {
  const { destination } = region.settings.get(tableName);
  const described = destination && {
    StreamArn: destination.streamArn,
    DestinationStatus: destination.status,
    ApproximateCreationDateTimePrecision: shownPrecision(destination),
  };
  return { TableName: tableName, KinesisDataStreamDestinations: described === undefined ? [] : [described] };
}

function activeDestination(region: EmbeddedRegion, tableName: string, input: Input): StreamDestination {
  const { destination } = region.settings.get(tableName);
  if (destination?.status !== 'ACTIVE' || destination.streamArn !== input['StreamArn']) {
    throw validationError('The table does not stream to this destination');
  }
  return destination;
}

function shownPrecision(destination: StreamDestination): string {
  return destination.precision === 'absent' ? 'MILLISECOND' : destination.precision;
}

function precisionIn(configuration: unknown): 'MICROSECOND' | 'MILLISECOND' | undefined {
  const precision = isRecord(configuration) ? configuration['ApproximateCreationDateTimePrecision'] : undefined;
  if (precision === undefined || precision === 'MICROSECOND' || precision === 'MILLISECOND') return precision;
  throw validationError('ApproximateCreationDateTimePrecision must be MICROSECOND or MILLISECOND');
}
