import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { shardReaderContract } from '@tidemark/pipeline/testing';
import { type Emulator, kinesisConfig, startKinesalite, streamUnderTest } from '../test/emulators.js';
import { KinesisShardReader } from './kinesis-shard-reader.js';

const { signal } = new AbortController();
const first = 'shardId-000000000000';

describe('KinesisShardReader on kinesalite', () => {
  const make = async () => {
    const emulator = await startKinesalite();
    const stream = await streamUnderTest(emulator);
    return {
      ...stream,
      close: async () => {
        await stream.close();
        await emulator.stop();
      },
    };
  };
  for (const { name, run } of shardReaderContract(make)) it(name, run);
});

describe('KinesisShardReader', () => {
  let emulator: Emulator;
  let stream: Awaited<ReturnType<typeof streamUnderTest>>;
  beforeEach(async () => {
    emulator = await startKinesalite();
    stream = await streamUnderTest(emulator);
  });
  afterEach(async () => {
    await stream.close();
    await emulator.stop();
  });

  const aws = (status: number, type: string) => ({ status, body: { __type: type, message: 'said by the test' } });
  const count = (operation: string): number => emulator.requests.filter((each) => each.operation === operation).length;

  it('asks for a new iterator when its own has expired, and goes on where it was', async () => {
    await stream.put(0.1, 'a');
    const cursor = stream.reader.open(first, { type: 'trim-horizon' });
    const texts = (await cursor.read(signal)).records.map(({ bytes }) => Buffer.from(bytes).toString());
    await stream.put(0.1, 'b');
    let expired = 0;
    emulator.intercept = (operation) =>
      operation === 'GetRecords' && (expired += 1) === 1 ? aws(400, 'ExpiredIteratorException') : undefined;
    const page = await cursor.read(signal);
    expect([...texts, ...page.records.map(({ bytes }) => Buffer.from(bytes).toString())]).toEqual(['a', 'b']);
    expect(count('GetShardIterator')).toBe(2);
    expect(page.gap).toBe(false);
  });

  it.each<[string, number, string, object]>([
    ['a throttled read', 400, 'ProvisionedThroughputExceededException', { code: 'THROTTLED', retriable: true }],
    ['a refused read', 400, 'AccessDeniedException', { code: 'ACCESS_DENIED', retriable: false }],
    ['a failure of the service', 500, 'InternalFailure', { code: 'STREAM_UNAVAILABLE', retriable: true }],
  ])('tells %s by its code, with one attempt, and reads the same page next time', async (_, status, type, expected) => {
    await stream.put(0.1, 'a');
    const cursor = stream.reader.open(first, { type: 'trim-horizon' });
    emulator.intercept = (operation) => (operation === 'GetRecords' ? aws(status, type) : undefined);
    await expect(cursor.read(signal)).rejects.toMatchObject(expected);
    expect(count('GetRecords')).toBe(1);
    emulator.intercept = () => undefined;
    expect((await cursor.read(signal)).records).toHaveLength(1);
  });

  it('tells an unreachable service by its code', async () => {
    await emulator.stop();
    const cursor = stream.reader.open(first, { type: 'trim-horizon' });
    await expect(cursor.read(signal)).rejects.toMatchObject({ code: 'STREAM_UNAVAILABLE', retriable: true });
    await expect(stream.reader.listShards(signal)).rejects.toMatchObject({ code: 'STREAM_UNAVAILABLE' });
  });

  it('gives up a call that takes too long', async () => {
    const slow = new KinesisShardReader({ stream: 'stream', kinesis: kinesisConfig(emulator), timeoutMs: 50 });
    emulator.intercept = () => 'stall';
    await expect(slow.listShards(signal)).rejects.toMatchObject({ code: 'TIMEOUT', retriable: true });
    slow.close();
  });

  it('tells a stream that is not there', async () => {
    const other = new KinesisShardReader({ stream: 'other', kinesis: kinesisConfig(emulator) });
    await expect(other.describe(signal)).rejects.toMatchObject({ code: 'STREAM_MISSING' });
    await expect(other.listShards(signal)).rejects.toMatchObject({ code: 'STREAM_MISSING' });
    await expect(other.open(first, { type: 'trim-horizon' }).read(signal)).rejects.toMatchObject({
      code: 'STREAM_MISSING',
    });
    other.close();
  });

  it('refuses a stream that ignores partition keys', async () => {
    emulator.intercept = (operation) =>
      operation === 'DescribeStreamSummary'
        ? { status: 200, body: { StreamDescriptionSummary: { RecordDistributionStrategy: 'AUTO' } } }
        : undefined;
    await expect(stream.reader.describe(signal)).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      retriable: false,
    });
  });

  it('follows a listing over its pages, by token alone from the second on', async () => {
    const shard = (index: number) => ({
      ShardId: `shardId-00000000000${index}`,
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' },
      ...(index === 2 ? { ParentShardId: 'shardId-000000000000', AdjacentParentShardId: 'shardId-000000000009' } : {}),
    });
    emulator.intercept = (operation, { NextToken }) => {
      if (operation !== 'ListShards') return undefined;
      const page = Number(NextToken ?? 0);
      return { status: 200, body: { Shards: [shard(page)], ...(page < 2 ? { NextToken: String(page + 1) } : {}) } };
    };
    const shards = await stream.reader.listShards(signal);
    expect(shards.map(({ parents }) => parents)).toEqual([[], [], ['shardId-000000000000']]);
    const bodies = emulator.requests.filter(({ operation }) => operation === 'ListShards').map(({ body }) => body);
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/stream';
    expect(bodies.slice(-3)).toEqual([
      { StreamName: 'stream', StreamARN },
      { StreamARN, NextToken: '1' },
      { StreamARN, NextToken: '2' },
    ]);
  });

  it('does not end a shard that is listed, whatever a read says', async () => {
    const cursor = stream.reader.open(first, { type: 'trim-horizon' });
    emulator.intercept = (operation) =>
      operation === 'GetShardIterator' ? aws(400, 'ResourceNotFoundException') : undefined;
    await expect(cursor.read(signal)).rejects.toMatchObject({ code: 'STREAM_MISSING' });
  });

  it.each([
    ['an ARN of something else', { stream: 'arn:aws:s3:::bucket' }],
    ['no polling', { pollIntervalMs: 0 }],
    ['a page larger than Kinesis allows', { pageRecordsMax: 10_001 }],
  ])('refuses %s', (_, options) => {
    expect(() => new KinesisShardReader({ stream: 'stream', kinesis: {}, ...options })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });
});
