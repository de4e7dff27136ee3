import {
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  type Shard,
  SplitShardCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { Kafka, logLevel } from 'kafkajs';
import { divergent, type Pod, randomLoad, seeded, startPods } from './random-load.js';

jest.setTimeout(60_000);

const region = 'us-east-1';
const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);

let stack: LocalStack;
let pods: readonly Pod[];
let kinesis: KinesisClient;

/** A stack and two pods for the tests of a `describe`. */
function onStack(options: LocalStackOptions): void {
  beforeAll(async () => {
    stack = await startLocalStack({ regions: [region], tables: ['things'], ...options });
    pods = await startPods(stack, 2);
    kinesis = new KinesisClient(stack.region(region).kinesis);
  });
  afterAll(async () => {
    kinesis?.destroy();
    await Promise.all((pods ?? []).map(({ tidemark }) => tidemark.close()));
    await stack?.stop();
  });
}

const streamName = (): string => stack.region(region).streamArn.split('/')[1] ?? '';

async function openShards(): Promise<readonly Shard[]> {
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: streamName() }));
  const open = Shards.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
  const start = (shard: Shard): bigint => BigInt(shard.HashKeyRange?.StartingHashKey ?? 0);
  return open.sort((a, b) => (start(a) < start(b) ? -1 : 1));
}

async function shardsBecome(count: number): Promise<void> {
  let seen = -1;
  await eventually(
    `${count} open shards`,
    () => {
      void openShards().then((open) => (seen = open.length));
      return seen === count;
    },
    10_000,
  );
}

async function deadLetters(): Promise<number> {
  const { kafka, topicPrefix } = stack.region(region);
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topicNames(topicPrefix).deadLetters);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}

/** A record of the stream as DynamoDB writes it, with one thing wrong. */
function record(wrong: object): string {
  const key = { key: { S: 'things:poison' } };
  return JSON.stringify({
    awsRegion: region,
    eventID: 'e-1',
    eventName: 'INSERT',
    userIdentity: null,
    recordFormat: 'application/json',
    tableName: 'things',
    eventSource: 'aws:dynamodb',
    dynamodb: {
      ApproximateCreationDateTime: Date.now() * 1_000,
      ApproximateCreationDateTimePrecision: 'MICROSECOND',
      Keys: key,
      NewImage: { ...key, value: { S: '{"n":666}' } },
      SizeBytes: 40,
    },
    ...wrong,
  });
}

/** Both pods hold what the first of them wrote. */
async function carriesOn(n: number): Promise<void> {
  const [writer, reader] = pods;
  for (const key of keys) await reader?.cache.get(key);
  for (const key of keys) expect(await writer?.cache.put(key, { n })).toMatchObject({ applied: true });
  await stack.quiesce({ timeout: '20s' });
  const now = Date.now();
  await eventually(
    'every pod has caught up',
    () => pods.every(({ cache }) => Date.now() - cache.staleness() >= now),
    20_000,
  );
  expect(await divergent(stack, pods, keys)).toEqual([]);
}

describe('a stream with trouble in it', () => {
  onStack({});

  it('goes on behind records that nobody can read: each is a dead letter, and what it may have touched is flushed', async () => {
    const [writer, reader] = pods;
    await carriesOn(1);
    await writer?.cache.put('poison', { n: 1 });
    await reader?.cache.get('poison');
    const flushesBefore = reader?.cache.stats().flushes ?? 0;
    const poison = [
      '{no json',
      'null',
      record({ tableName: 5 }),
      record({ eventName: 'NOPE' }),
      record({ dynamodb: null }),
      record({ dynamodb: { Keys: { key: { N: '1' } } } }),
    ];
    for (const [i, text] of poison.entries())
      await kinesis.send(
        new PutRecordCommand({ StreamName: streamName(), PartitionKey: `p${i}`, Data: Buffer.from(text) }),
      );
    await eventually('the other pod is flushed', () => (reader?.cache.stats().flushes ?? 0) > flushesBefore, 10_000);
    await carriesOn(2);
    expect(await deadLetters()).toBe(poison.length);
    await expect(reader?.cache.get('poison')).resolves.toEqual({ n: 1 });
  });

  it('loses nothing while its shards are split and merged', async () => {
    const count = (await openShards()).length;
    await underLoad(async () => {
      await split();
      await shardsBecome(count + 1);
      await moreEvents(50);
      await merge();
      await shardsBecome(count);
      await moreEvents(50);
    });
    await carriesOn(4);
  });
});

describe('a stream that is scaled, by kinesis-local', () => {
  onStack({ kinesis: 'kinesis-local' });

  it('loses nothing while all of its shards are replaced by more, and these by fewer', async () => {
    await underLoad(async () => {
      for (const count of [4, 2]) {
        await kinesis.send(
          new UpdateShardCountCommand({
            StreamName: streamName(),
            TargetShardCount: count,
            ScalingType: 'UNIFORM_SCALING',
          }),
        );
        await shardsBecome(count);
        await moreEvents(50);
      }
    });
    await carriesOn(5);
  });
});

async function underLoad(work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const load = randomLoad({ stack, pods, keys, random: seeded(7), signal: over.signal });
  try {
    await work();
  } finally {
    over.abort();
  }
  expect((await load).calls.put).toBeGreaterThan(10);
}

async function split(): Promise<void> {
  const [first] = await openShards();
  const { StartingHashKey = '0', EndingHashKey = '0' } = first?.HashKeyRange ?? {};
  await kinesis.send(
    new SplitShardCommand({
      StreamName: streamName(),
      ShardToSplit: first?.ShardId,
      NewStartingHashKey: String((BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n),
    }),
  );
}

async function merge(): Promise<void> {
  const [left, right] = await openShards();
  await kinesis.send(
    new MergeShardsCommand({
      StreamName: streamName(),
      ShardToMerge: left?.ShardId,
      AdjacentShardToMerge: right?.ShardId,
    }),
  );
}

/** The shards of now are read: as many more events have reached the pods. */
async function moreEvents(count: number): Promise<void> {
  const events = (): number => pods.reduce((sum, { cache }) => sum + cache.stats().events, 0);
  const wanted = events() + count;
  await eventually('more events', () => events() >= wanted, 20_000);
}
