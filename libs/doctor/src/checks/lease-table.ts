import {
  type AttributeValue,
  DescribeTableCommand,
  type DynamoDBClient,
  ScanCommand,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { type KinesisClient, ListShardsCommand, type Shard } from '@aws-sdk/client-kinesis';
import { parseStreamName } from '@tidemark/kinesis';
import { TidemarkError, wait } from '@tidemark/runtime';
import { askDynamoDB, askKinesis, type Asking } from '../ask-aws.js';
import { type Check, type Finding, ok, problem } from '../finding.js';
import { leaseFindings, type LeaseLook, type ListedShard } from './lease-findings.js';

export interface LeaseTableOptions {
  readonly table: string;
  readonly stream: string;
  readonly dynamodb: DynamoDBClient;
  readonly kinesis: KinesisClient;
  readonly asking: Asking;
  /** As sync has it, ms. */
  readonly failoverMs: number;
}

/** Longest time between the two looks at the rows, ms: six renewals. */
const apartMs = 3_000;
/** Pages of a listing before it is given up. */
const pagesMax = 1_000;

/** Whether the lease table is what sync needs, and every shard is read by a worker that lives. */
export function leaseTableCheck(options: LeaseTableOptions): Check {
  const { table, dynamodb, asking } = options;
  return {
    name: 'leases',
    run: async (signal) => {
      const { Table } = await askDynamoDB(asking, `describeTable of lease table ${table}`, signal, (abortSignal) =>
        dynamodb.send(new DescribeTableCommand({ TableName: table }), { abortSignal }),
      );
      const shape = tableFinding(table, Table);
      if (shape.status !== 'ok') return [shape];
      return [shape, ...(await coverage(options, signal))];
    },
  };
}

/** Whether sync can keep leases in such a table. */
export function tableFinding(table: string, described: TableDescription | undefined): Finding {
  const { TableStatus: status = 'unknown', KeySchema: keys = [], AttributeDefinitions: types = [] } = described ?? {};
  const key = keys.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`).join(', ');
  const type = types.find(({ AttributeName }) => AttributeName === 'leaseKey')?.AttributeType;
  if (key !== 'leaseKey HASH' || type !== 'S')
    return problem(
      table,
      `expected the partition key leaseKey, a string, and no sort key; got ${key} (${type ?? 'no leaseKey'})`,
      'make another table (infra/terraform/modules/regional-pipeline) and set TIDEMARK_LEASE_TABLE',
    );
  if (status !== 'ACTIVE' && status !== 'UPDATING') return problem(table, status, 'wait until it is ACTIVE');
  return ok(table, `${status}, keyed by leaseKey`);
}

async function coverage(options: LeaseTableOptions, signal: AbortSignal): Promise<readonly Finding[]> {
  const { table, failoverMs, asking } = options;
  const [shards, first] = [await listedShards(options, signal), await rowsOf(options, signal)];
  const afterMs = lookAgainMs(failoverMs, asking.timeoutMs);
  const isOwned = first.rows.some(({ owner }) => owner !== null);
  if (isOwned) await wait(asking.clock, afterMs, signal);
  const later = isOwned ? { rows: (await rowsOf(options, signal)).rows, afterMs } : undefined;
  return leaseFindings(table, { shards, rows: first.rows, unreadable: first.unreadable, later });
}

/**
 * How long after the first look the second comes, ms. A worker that lives has written its rows meanwhile: it does so each half second, or each third
 * of a short fail-over. Of the time for one call it is less than half, so that the check ends in its own.
 */
export function lookAgainMs(failoverMs: number, timeoutMs: number): number {
  return Math.min(failoverMs / 2, apartMs, timeoutMs * 0.4);
}

interface Rows {
  readonly rows: readonly LeaseLook[];
  readonly unreadable: readonly string[];
}

async function rowsOf({ table, dynamodb, asking }: LeaseTableOptions, signal: AbortSignal): Promise<Rows> {
  const items: Record<string, AttributeValue>[] = [];
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const input = { TableName: table, ConsistentRead: true, ExclusiveStartKey };
    const output = await askDynamoDB(asking, `scan of lease table ${table}`, signal, (abortSignal) =>
      dynamodb.send(new ScanCommand(input), { abortSignal }),
    );
    items.push(...(output.Items ?? []));
    ExclusiveStartKey = output.LastEvaluatedKey;
    if (ExclusiveStartKey === undefined) return readRows(items);
  }
  throw endless(`lease table ${table}`);
}

/** Rows whose key has a colon are sync's notes on tables; no shard has one. */
export function readRows(items: readonly Item[]): Rows {
  const rows: LeaseLook[] = [];
  const unreadable: string[] = [];
  for (const item of items) {
    const shardId = item['leaseKey']?.S ?? '';
    if (shardId.includes(':')) continue;
    const row = leaseOf(shardId, item);
    if (row === undefined) unreadable.push(shardId);
    else rows.push(row);
  }
  return { rows, unreadable };
}

type Item = Readonly<Record<string, AttributeValue>>;

function leaseOf(shardId: string, item: Item): LeaseLook | undefined {
  const [counter, checkpoint] = [Number(item['leaseCounter']?.N), item['checkpoint']?.S];
  if (checkpoint === undefined || !Number.isSafeInteger(counter)) return undefined;
  return { shardId, counter, checkpoint, owner: item['leaseOwner']?.S ?? null, owes: item['owedFlushes']?.SS ?? [] };
}

async function listedShards(
  { stream, kinesis, asking }: LeaseTableOptions,
  signal: AbortSignal,
): Promise<ListedShard[]> {
  const name = parseStreamName(stream);
  const shards: Shard[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const input = NextToken === undefined ? name : { NextToken };
    const output = await askKinesis(asking, 'listShards', signal, (abortSignal) =>
      kinesis.send(new ListShardsCommand(input), { abortSignal }),
    );
    shards.push(...(output.Shards ?? []));
    NextToken = output.NextToken;
    if (NextToken === undefined) return shards.map((shard) => toListed(shard, shards));
  }
  throw endless(`stream ${name.StreamName}`);
}

function toListed(shard: Shard, all: readonly Shard[]): ListedShard {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((parent) => parent !== undefined);
  return {
    shardId: shard.ShardId ?? '',
    isOpen: shard.SequenceNumberRange?.EndingSequenceNumber === undefined,
    parents: parents.filter((parent) => all.some(({ ShardId }) => ShardId === parent)),
  };
}

function endless(what: string): TidemarkError {
  return new TidemarkError('STORE_UNAVAILABLE', `${what}: more than ${pagesMax} pages`, { retriable: false });
}
