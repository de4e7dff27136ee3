import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  type KinesisClientConfig,
  MergeShardsCommand,
  PutRecordCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type StreamUnderTest } from '@tidemark/pipeline/testing';
import { eventually } from '@tidemark/runtime/testing';
import { KinesisShardReader } from '../src/kinesis-shard-reader.js';
import { makeKinesisClient } from '../src/kinesis-client.js';

const load = createRequire(import.meta.url) as (name: string) => (options: object) => Server;
const kinesalite = load('kinesalite');
const dynalite = load('dynalite');

/** What to do with a request of an operation (`GetRecords`) instead of serving it: answer so, serve it but not answer, or do nothing. */
export type Intercept = (
  operation: string,
  body: Record<string, unknown>,
) => { readonly status: number; readonly body: unknown } | 'lose-answer' | 'stall' | undefined;

export interface Emulator {
  readonly endpoint: string;
  readonly requests: { readonly operation: string; readonly body: Record<string, unknown> }[];
  intercept: Intercept;
  stop(): Promise<void>;
}

/** An emulator on a free port whose requests a test can look at and answer itself. */
async function emulator(make: (options: object) => Server): Promise<Emulator> {
  const [listener] = make(emulatorOptions).listeners('request') as [RequestListener];
  const server = createServer((request, response) => void receive(request, response, listener, handle));
  const handle: Emulator = {
    endpoint: '',
    requests: [],
    intercept: () => undefined,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(handle, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const emulatorOptions = { createStreamMs: 0, updateStreamMs: 0, deleteStreamMs: 0, createTableMs: 0, shardLimit: 100 };

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  listener: RequestListener,
  handle: Emulator,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const operation = String(request.headers['x-amz-target']).split('.').pop() ?? '';
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>;
  handle.requests.push({ operation, body });
  const answer = handle.intercept(operation, body);
  if (answer === 'stall') return;
  if (answer === 'lose-answer') {
    for (const method of ['write', 'end']) Reflect.set(response, method, () => response.destroy());
  } else if (answer !== undefined) {
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
    return void response.end(JSON.stringify(answer.body));
  }
  // The emulators listen to the events of the request, which is read already: they get them once more.
  listener(request, response);
  for (const chunk of chunks) request.emit('data', chunk);
  request.emit('end');
}

export const startKinesalite = (): Promise<Emulator> => emulator(kinesalite);
export const startDynalite = (): Promise<Emulator> => emulator(dynalite);

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

export function kinesisConfig({ endpoint }: Emulator): KinesisClientConfig {
  return { region: 'us-east-1', endpoint, credentials };
}

export function dynamodbConfig({ endpoint }: Emulator): DynamoDBClientConfig {
  return { region: 'us-east-1', endpoint, credentials };
}

const pageMax = 4;
const hashes = 1n << 128n;

/** A stream of its own for one contract case. */
export async function streamUnderTest(handle: Emulator, name = 'stream'): Promise<StreamUnderTest> {
  const client = makeKinesisClient(kinesisConfig(handle));
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }));
  await active(client, name);
  const stream = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`;
  const reader = new KinesisShardReader({
    stream,
    kinesis: kinesisConfig(handle),
    pollIntervalMs: 2,
    pageRecordsMax: pageMax,
  });
  return {
    reader,
    pageMax,
    put: async (share, text) => {
      const ExplicitHashKey = ((hashes * BigInt(Math.floor(share * 1_000))) / 1_000n).toString();
      const record = { PartitionKey: createHash('md5').update(text).digest('hex'), ExplicitHashKey };
      await client.send(new PutRecordCommand({ StreamName: name, Data: Buffer.from(text), ...record }));
    },
    split: async (ShardToSplit) => {
      const shard = (await reader.listShards(new AbortController().signal)).find(
        ({ shardId }) => shardId === ShardToSplit,
      );
      const middle = (BigInt(shard?.startHash ?? 0) + BigInt(shard?.endHash ?? 0)) / 2n;
      await client.send(
        new SplitShardCommand({ StreamName: name, ShardToSplit, NewStartingHashKey: middle.toString() }),
      );
      await active(client, name);
    },
    merge: async (ShardToMerge, AdjacentShardToMerge) => {
      await client.send(new MergeShardsCommand({ StreamName: name, ShardToMerge, AdjacentShardToMerge }));
      await active(client, name);
    },
    close: async () => {
      reader.close();
      client.destroy();
    },
  };
}

async function active(client: KinesisClient, StreamName: string): Promise<void> {
  await eventually('the stream is active', async () => {
    const output = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
    return output.StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
  });
}
