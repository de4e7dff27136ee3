import { DynamoDBClient, type DynamoDBClientConfig, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { EmbeddedAws } from './embedded-aws.js';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { canonical, type WireItem } from './wire-item.js';

/** One record of a stream, parsed; the shape is AWS's. */
export interface StreamedChange {
  readonly awsRegion: string;
  readonly eventID: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly userIdentity: { readonly type: string; readonly principalId: string } | null;
  readonly recordFormat: string;
  readonly tableName: string;
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly ApproximateCreationDateTimePrecision?: 'MICROSECOND' | 'MILLISECOND';
    readonly Keys: WireItem;
    readonly NewImage?: WireItem;
    readonly OldImage?: WireItem;
    readonly SizeBytes: number;
  };
  readonly eventSource: string;
}

/** An embedded AWS with clients of the AWS SDK, for tests and demonstrations. */
export interface OpenAws {
  readonly aws: EmbeddedAws;
  /** The same client at every call; it retries nothing by default, so that a fault is seen. */
  dynamodb(region: string): DynamoDBClient;
  kinesis(region: string): KinesisClient;
  /** Every record of the region's stream, shard by shard, in the order of each shard. */
  changes(region: string): Promise<readonly StreamedChange[]>;
  /** Every item of a table, by the canonical text of the item's attribute `hashKey` (default `key`). */
  items(region: string, table: string, hashKey?: string): Promise<ReadonlyMap<string, WireItem>>;
  close(): Promise<void>;
}

/** Starts an embedded AWS; `close` it. */
export async function openAws(
  options: EmbeddedAwsOptions = {},
  dynamodbConfig: DynamoDBClientConfig = { maxAttempts: 1 },
): Promise<OpenAws> {
  const aws = new EmbeddedAws(options);
  await aws.start();
  const dynamodb = new Map(
    aws.regions.map((region) => [region, new DynamoDBClient({ ...aws.dynamodbConfig(region), ...dynamodbConfig })]),
  );
  const kinesis = new Map(
    aws.regions.map((region) => [region, new KinesisClient({ ...aws.kinesisConfig(region), maxAttempts: 1 })]),
  );
  return {
    aws,
    dynamodb: (region) => chosen(dynamodb, region),
    kinesis: (region) => chosen(kinesis, region),
    changes: (region) => readStream(chosen(kinesis, region), aws.region(region).streamName),
    items: (region, table, hashKey = 'key') => readTable(chosen(dynamodb, region), table, hashKey),
    close: async () => {
      for (const client of [...dynamodb.values(), ...kinesis.values()]) client.destroy();
      await aws.stop();
    },
  };
}

function chosen<T>(clients: ReadonlyMap<string, T>, region: string): T {
  const client = clients.get(region);
  if (client === undefined) throw new RangeError(`no region ${region}`);
  return client;
}

async function readStream(client: KinesisClient, streamName: string): Promise<readonly StreamedChange[]> {
  const changes: StreamedChange[] = [];
  const { Shards: shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
  for (const { ShardId: shardId } of shards) {
    const start = { StreamName: streamName, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator: iterator } = await client.send(new GetShardIteratorCommand(start));
    while (iterator !== undefined) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
      const records = page.Records ?? [];
      for (const { Data: bytes } of records) {
        changes.push(JSON.parse(Buffer.from(bytes ?? '').toString('utf8')) as StreamedChange);
      }
      iterator = records.length === 0 ? undefined : page.NextShardIterator;
    }
  }
  return changes;
}

async function readTable(
  client: DynamoDBClient,
  table: string,
  hashKey: string,
): Promise<ReadonlyMap<string, WireItem>> {
  const items = new Map<string, WireItem>();
  let start: WireItem | undefined;
  do {
    const page = await client.send(
      new ScanCommand({ TableName: table, ...(start && { ExclusiveStartKey: start as never }) }),
    );
    for (const item of page.Items ?? []) items.set(canonical(item[hashKey]), item as unknown as WireItem);
    start = page.LastEvaluatedKey as unknown as WireItem | undefined;
  } while (start !== undefined);
  return items;
}
