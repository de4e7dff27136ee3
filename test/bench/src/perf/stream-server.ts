import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

/** What a stream holds from the first request on. */
export interface StreamPlan {
  readonly shards: number;
  readonly recordsAShard: number;
  /** Of the new and of the old image, each. */
  readonly valueBytes: number;
}

export const stream = 'bench-stream';
export const streamRegion = 'local-1';
/** Where shards are leased; it is there. */
export const leaseTable = 'bench-leases';
/** The table of every change, and how many of its keys each shard has. */
export const changedTable = 'bench';
const keysAShard = 1_000;
const createdAt = 1_800_000_000;
/** AWS's bound on one answer, bytes. */
const pageBytesMax = 10 * 1_024 * 1_024;
const hashSpace = 1n << 128n;

/**
 * As much of Kinesis as reading takes: shards full of change records of DynamoDB, both images in each, made page by page as they are asked for. It keeps no limits of rate.
 * Resolves to its endpoint; closes with the process.
 */
export async function serveStream(plan: StreamPlan): Promise<string> {
  const server = createServer((request, response) => void serve(plan, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(plan: StreamPlan, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
  const input = JSON.parse(Buffer.concat(chunks).toString()) as Readonly<Record<string, string | number>>;
  const body = Buffer.from(answer(plan, operation, input));
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': body.length });
  response.end(body);
}

function answer(plan: StreamPlan, operation: string, input: Readonly<Record<string, string | number>>): string {
  if (operation === 'DescribeStreamSummary')
    return JSON.stringify({
      StreamDescriptionSummary: {
        ...{ StreamName: stream, StreamARN: `arn:aws:kinesis:${streamRegion}:000000000000:stream/${stream}` },
        ...{ StreamStatus: 'ACTIVE', RetentionPeriodHours: 24, StreamCreationTimestamp: createdAt },
        ...{ EnhancedMonitoring: [], OpenShardCount: plan.shards },
      },
    });
  if (operation === 'ListShards') return JSON.stringify({ Shards: shardsOf(plan.shards) });
  if (operation === 'GetShardIterator') {
    const after = input['StartingSequenceNumber'];
    return JSON.stringify({ ShardIterator: `${input['ShardId']}/${after === undefined ? 0 : Number(after) + 1}` });
  }
  return pageAt(plan, String(input['ShardIterator']), Number(input['Limit']));
}

function shardsOf(count: number): object[] {
  const width = hashSpace / BigInt(count);
  return Array.from({ length: count }, (_, shard) => ({
    ShardId: shardId(shard),
    HashKeyRange: {
      StartingHashKey: String(BigInt(shard) * width),
      EndingHashKey: String(shard === count - 1 ? hashSpace - 1n : BigInt(shard + 1) * width - 1n),
    },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  }));
}

export function shardId(shard: number): string {
  return `shardId-${String(shard).padStart(12, '0')}`;
}

function pageAt({ recordsAShard, valueBytes }: StreamPlan, iterator: string, limit: number): string {
  const [shard = '', from = '0'] = iterator.split('/');
  const records: string[] = [];
  let at = Number(from);
  for (let bytes = 0; at < recordsAShard && records.length < limit && bytes < pageBytesMax; at += 1) {
    const data = changeRecord(shard, at, valueBytes).toString('base64');
    records.push(
      `{"SequenceNumber":"${String(at).padStart(56, '0')}","ApproximateArrivalTimestamp":${createdAt + at / 1e3},"Data":"${data}","PartitionKey":"p"}`,
    );
    bytes += data.length * 0.75;
  }
  const behindMs = (recordsAShard - at) * 2;
  return `{"Records":[${records.join()}],"NextShardIterator":"${shard}/${at}","MillisBehindLatest":${behindMs}}`;
}

/** As DynamoDB writes it. */
function changeRecord(shard: string, at: number, valueBytes: number): Buffer {
  const key = `bench:tenant-07:user:${shard.slice(-4)}${String(at % keysAShard).padStart(9, '0')}`;
  const image = (version: number): object => ({
    key: { S: key },
    value: { S: `{"id":${at},"note":"${'x'.repeat(Math.max(0, valueBytes - 30))}"}` },
    codec: { S: 'json' },
    writeId: { S: writeId(version) },
    expiresAt: { N: '1900000000' },
    writtenBy: { S: streamRegion },
  });
  const record = {
    ...{
      awsRegion: streamRegion,
      eventID: `5f1c0e62-7d2b-4b43-9d0a-${String(at).padStart(12, '0')}`,
      eventName: 'MODIFY',
    },
    ...{ userIdentity: null, recordFormat: 'application/json', tableName: changedTable },
    dynamodb: {
      ApproximateCreationDateTime: createdAt * 1e6 + at,
      ...{
        Keys: { key: { S: key } },
        NewImage: image(at + keysAShard),
        OldImage: image(at),
        SizeBytes: valueBytes * 2,
      },
      ApproximateCreationDateTimePrecision: 'MICROSECOND',
    },
    eventSource: 'aws:dynamodb',
  };
  return Buffer.from(JSON.stringify(record));
}

function writeId(version: number): string {
  return `${(createdAt * 1_000 + version).toString(16).padStart(12, '0')}00000123456789abcdef`;
}
