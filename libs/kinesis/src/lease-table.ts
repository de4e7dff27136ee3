import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { type Clock, TidemarkError, wait } from '@tidemark/runtime';
import { attribute } from './lease-item.js';

const pollMs = 100;
const pollsMax = 600;

/** Makes the lease table unless it is there, and waits until it can be used, a minute at most or until `signal` is aborted. */
export async function makeLeaseTable(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let poll = 0; poll < pollsMax && !signal.aborted; poll += 1) {
    const status = await statusOf(client, table, signal);
    if (status === 'ACTIVE' || status === 'UPDATING') return;
    if (status === undefined) await create(client, table, signal);
    if (status !== undefined || poll > 0) await wait(clock, pollMs, signal);
  }
  throw new TidemarkError('TABLE_MISSING', `${table} did not become active`, { retriable: true, context: { table } });
}

async function statusOf(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), { abortSignal });
    return Table?.TableStatus;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function create(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<void> {
  const input = {
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: attribute.shardId, AttributeType: 'S' }],
    KeySchema: [{ AttributeName: attribute.shardId, KeyType: 'HASH' }],
  } as const;
  try {
    await client.send(
      new CreateTableCommand({
        ...input,
        AttributeDefinitions: [...input.AttributeDefinitions],
        KeySchema: [...input.KeySchema],
      }),
      {
        abortSignal,
      },
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}
