import {
  DisableKinesisStreamingDestinationCommand,
  DynamoDBClient,
  EnableKinesisStreamingDestinationCommand,
  PutItemCommand,
  ScanCommand,
  DeleteItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(60_000);

const region = 'us-east-1';
interface Thing {
  readonly n: number;
}
/** A pod may serve what it holds for minutes: only a flush makes it forget what no event tells it. */
const define = (table: string) => defineCache({ name: table, table, schema: trust<Thing>(), maxStaleness: '5m' });
const [things, others] = [define('things'), define('others')];

let stack: LocalStack;
let tidemark: Tidemark;
let dynamodb: DynamoDBClient;
let kinesis: KinesisClient;
let cache: Cache<Thing>;

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things', 'others'], destinationInterval: '1s' });
  const { kafka, dynamodb: config, topicPrefix } = stack.region(region);
  tidemark = createTidemark({
    service: 'lost-changes',
    backend: aws({ region, kafka, dynamodb: config, topicPrefix }),
    caches: [things, others],
    startDeadline: '20s',
  });
  await tidemark.start();
  cache = tidemark.cache(things);
  dynamodb = new DynamoDBClient(config);
  kinesis = new KinesisClient(stack.region(region).kinesis);
});

afterAll(async () => {
  dynamodb?.destroy();
  kinesis?.destroy();
  await tidemark?.close();
  await stack?.stop();
});

/** As a writer without Tidemark does. */
async function write(key: string, n: number): Promise<void> {
  const Item = { key: { S: `things:${key}` }, value: { S: JSON.stringify({ n }) } };
  await dynamodb.send(new PutItemCommand({ TableName: 'things', Item }));
}

const isFresh = (): boolean => cache.staleness() < 3_000;

/** The pod holds `n` under `key`, and the pipeline is fresh. */
async function held(key: string, n: number): Promise<void> {
  await eventually('the watermark is young', isFresh, 20_000);
  await write(key, n);
  await stack.quiesce({ timeout: '20s' });
  expect(await cache.get(key)).toEqual({ n });
  expect(cache.getIfPresent(key)).toEqual({ n });
}

describe('hazard 51: changes that never reach the stream', () => {
  it('while the streaming destination was off: the watermark stops, and after a flush the pod reads the truth', async () => {
    const destination = { TableName: 'things', StreamArn: stack.region(region).streamArn };
    await held('a', 1);
    await dynamodb.send(new DisableKinesisStreamingDestinationCommand(destination));
    await eventually('the watermark of the table has stopped', () => cache.staleness() > 8_000, 20_000);
    expect(tidemark.cache(others).staleness()).toBeLessThan(5_000);
    expect(JSON.stringify(stack.health())).toContain('"withheldTables":{"things":"DISABLED"}');
    await write('a', 2);
    expect(cache.getIfPresent('a')).toEqual({ n: 1 });
    await dynamodb.send(new EnableKinesisStreamingDestinationCommand(destination));
    await eventually('the watermark goes on', isFresh, 20_000);
    expect(await cache.get('a')).toEqual({ n: 2 });
    await held('a', 3);
  });

  it('when the lease table is lost while sync is away: every table is flushed', async () => {
    await held('b', 1);
    const before = cache.stats().flushes;
    await stack.kill(region, 'sync');
    const { leaseTable } = stack.region(region);
    const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: leaseTable }));
    expect(Items.length).toBeGreaterThan(2);
    for (const { leaseKey } of Items)
      if (leaseKey !== undefined)
        await dynamodb.send(new DeleteItemCommand({ TableName: leaseTable, Key: { leaseKey } }));
    await stack.restart(region, 'sync');
    await eventually('the pod was flushed', () => cache.stats().flushes > before, 20_000);
    await held('b', 2);
  });

  it('when the stream is deleted and made again under its name, with shard ids and iterators that go on: flushed, and read from its start', async () => {
    await held('c', 1);
    const before = cache.stats().flushes;
    const StreamName = stack.region(region).streamArn.split('/')[1] ?? '';
    await kinesis.send(new DeleteStreamCommand({ StreamName }));
    await eventually('the stream is gone', async () => (await status(StreamName)) === undefined);
    await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
    await eventually('the stream is there again', async () => (await status(StreamName)) === 'ACTIVE');
    await eventually('the pod was flushed', () => cache.stats().flushes > before, 40_000);
    await held('c', 2);
  });
});

async function status(StreamName: string): Promise<string | undefined> {
  try {
    const output = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    return output.StreamDescriptionSummary?.StreamStatus;
  } catch {
    return undefined;
  }
}
