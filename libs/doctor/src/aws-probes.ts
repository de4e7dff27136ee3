import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { parseStreamName } from '@tidemark/kinesis';
import { askDynamoDB, askKinesis, type Asking } from './ask-aws.js';
import { type Probe } from './checks/permissions.js';
import { type FanOutProbeOptions, fanOutProbes } from './fan-out-probes.js';

export interface AwsProbeOptions {
  readonly stream: string;
  /** The consumer that shards are read as; `undefined`: they are polled. */
  readonly fanOut: FanOutProbeOptions | undefined;
  readonly leaseTable: string;
  readonly kinesis: KinesisClient;
  readonly dynamodb: DynamoDBClient;
  readonly asking: Asking;
}

/** The calls of sync to Kinesis, as it reads the stream. Polling reads take one of the five a second that the first shard allows to all of its consumers. */
export function kinesisProbes({ stream, kinesis, asking, fanOut }: AwsProbeOptions): readonly Probe[] {
  const name = parseStreamName(stream);
  const read = (permission: string, call: (signal: AbortSignal) => Promise<unknown>): Probe => ({
    permission: `kinesis:${permission}`,
    isWrite: false,
    call: (signal) => askKinesis(asking, permission, signal, call),
  });
  const iterator = async (abortSignal: AbortSignal): Promise<string | undefined> => {
    const { Shards = [] } = await kinesis.send(new ListShardsCommand({ ...name, MaxResults: 1 }), { abortSignal });
    const input = { ...name, ShardId: Shards[0]?.ShardId, ShardIteratorType: 'LATEST' as const };
    return (await kinesis.send(new GetShardIteratorCommand(input), { abortSignal })).ShardIterator;
  };
  return [
    read('DescribeStreamSummary', (abortSignal) =>
      kinesis.send(new DescribeStreamSummaryCommand(name), { abortSignal }),
    ),
    read('ListShards', (abortSignal) =>
      kinesis.send(new ListShardsCommand({ ...name, MaxResults: 1 }), { abortSignal }),
    ),
    ...(fanOut === undefined
      ? [
          read('GetShardIterator', iterator),
          read('GetRecords', async (abortSignal) => {
            const input = { ShardIterator: await iterator(abortSignal), Limit: 1 };
            return kinesis.send(new GetRecordsCommand(input), { abortSignal });
          }),
        ]
      : fanOutProbes(fanOut)),
  ];
}

/** A key that no shard has. */
const Key = { leaseKey: { S: 'tidemark-doctor' } };
/** Never true, so that a write that is allowed changes nothing. */
const never = {
  ConditionExpression: 'attribute_exists(#key) AND attribute_not_exists(#key)',
  ExpressionAttributeNames: { '#key': 'leaseKey' },
};

/** The calls of sync to its lease table. Writes carry a condition that never holds: they are charged, and change nothing. */
export function leaseTableProbes({ leaseTable: TableName, dynamodb, asking }: AwsProbeOptions): readonly Probe[] {
  const probe = (permission: string, isWrite: boolean, call: (signal: AbortSignal) => Promise<unknown>): Probe => ({
    permission: `dynamodb:${permission} on ${TableName}`,
    isWrite,
    call: (signal) => askDynamoDB(asking, permission, signal, isWrite ? (inner) => refused(call(inner)) : call),
  });
  return [
    probe('DescribeTable', false, (abortSignal) =>
      dynamodb.send(new DescribeTableCommand({ TableName }), { abortSignal }),
    ),
    probe('Scan', false, (abortSignal) => dynamodb.send(new ScanCommand({ TableName, Limit: 1 }), { abortSignal })),
    probe('GetItem', false, (abortSignal) => dynamodb.send(new GetItemCommand({ TableName, Key }), { abortSignal })),
    probe('PutItem', true, (abortSignal) =>
      dynamodb.send(new PutItemCommand({ TableName, Item: Key, ...never }), { abortSignal }),
    ),
    probe('UpdateItem', true, (abortSignal) =>
      dynamodb.send(
        new UpdateItemCommand({
          TableName,
          Key,
          UpdateExpression: 'SET probed = :now',
          ExpressionAttributeValues: { ':now': { S: 'never' } },
          ...never,
        }),
        { abortSignal },
      ),
    ),
    probe('DeleteItem', true, (abortSignal) =>
      dynamodb.send(new DeleteItemCommand({ TableName, Key, ...never }), { abortSignal }),
    ),
  ];
}

/** Sync's look at the streaming destination of each table. */
export function destinationProbes({ dynamodb, asking }: AwsProbeOptions, tables: readonly string[]): readonly Probe[] {
  return tables.map((TableName) => ({
    permission: `dynamodb:DescribeKinesisStreamingDestination on ${TableName}`,
    isWrite: false,
    call: (signal) =>
      askDynamoDB(asking, 'DescribeKinesisStreamingDestination', signal, (abortSignal) =>
        dynamodb.send(new DescribeKinesisStreamingDestinationCommand({ TableName }), { abortSignal }),
      ),
  }));
}

/** DynamoDB looks at the permission before the condition: one that does not hold says that the write was allowed. */
async function refused(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}
