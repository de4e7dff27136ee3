import { constants } from 'node:http2';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ShardCursor } from '@tidemark/pipeline';
import { shardReaderContract } from '@tidemark/pipeline/testing';
import { eventually } from '@tidemark/runtime/testing';
import { type Emulator, kinesisConfig, startKinesalite, streamUnderTest } from '../test/emulators.js';
import { consumerArn, fannedOutStream, streamArn } from '../test/fan-out-stream.js';
import { PushServer } from './testing/push-server.js';
import { KinesisFanOutReader } from './kinesis-fan-out-reader.js';

jest.setTimeout(30_000);

const { signal } = new AbortController();
const first = 'shardId-000000000000';

describe('KinesisFanOutReader over HTTP/2', () => {
  for (const { name, run } of shardReaderContract(fannedOutStream)) it(name, run);
});

describe('KinesisFanOutReader', () => {
  let emulator: Emulator;
  let stream: Awaited<ReturnType<typeof streamUnderTest>>;
  let server: PushServer;
  let reader: KinesisFanOutReader;
  let cursor: ShardCursor;
  let described: number;

  beforeEach(async () => {
    emulator = await startKinesalite();
    stream = await streamUnderTest(emulator);
    server = await PushServer.start();
    described = 0;
    emulator.intercept = (operation) => {
      if (operation !== 'DescribeStreamConsumer') return undefined;
      described += 1;
      return { status: 200, body: { ConsumerDescription: { ConsumerARN: consumerArn, ConsumerStatus: 'ACTIVE' } } };
    };
    reader = new KinesisFanOutReader({
      streamArn,
      consumerName: 'tidemark',
      kinesis: kinesisConfig(emulator),
      subscribing: server.client(),
      subscribeIntervalMs: 20,
      silenceMaxMs: 1_000,
    });
    cursor = reader.open(first, { type: 'trim-horizon' });
  });
  afterEach(async () => {
    reader.close();
    await server.stop();
    await stream.close();
    await emulator.stop();
  });

  const data = (bytes: number): object => ({
    Records: [{ SequenceNumber: '5', PartitionKey: 'k', Data: Buffer.alloc(bytes, 7).toString('base64') }],
    ContinuationSequenceNumber: '5',
    MillisBehindLatest: 0,
  });

  it('subscribes as its consumer, and reads what is pushed', async () => {
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(10));
    };
    const page = await cursor.read(signal);
    expect(page).toMatchObject({ records: [{ sequenceNumber: '5' }], millisBehindLatest: 0, closed: false });
    expect(page.records[0]?.bytes).toHaveLength(10);
    expect(server.subscriptions[0]?.request).toEqual({
      ConsumerARN: consumerArn,
      ShardId: first,
      StartingPosition: { Type: 'TRIM_HORIZON' },
    });
  });

  it.each<[string, string, object]>([
    ['a refused call', 'AccessDeniedException', { code: 'ACCESS_DENIED', retriable: false }],
    ['a throttled call', 'LimitExceededException', { code: 'THROTTLED', retriable: true }],
    ['a failure of the service', 'InternalFailure', { code: 'STREAM_UNAVAILABLE', retriable: true }],
  ])('tells %s by its code, with one attempt', async (_, type, expected) => {
    server.onSubscribe = (pushing) => pushing.refuse(400, type);
    await expect(cursor.read(signal)).rejects.toMatchObject(expected);
    expect(server.subscriptions).toHaveLength(1);
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(1));
    };
    expect((await cursor.read(signal)).records).toHaveLength(1);
  });

  it.each<[string, object]>([
    ['KMSAccessDeniedException', { code: 'ACCESS_DENIED' }],
    ['KMSThrottlingException', { code: 'THROTTLED', retriable: true }],
    ['InternalFailureException', { code: 'STREAM_UNAVAILABLE', retriable: true }],
  ])('tells %s in place of an event by its code, and lets the connection go', async (type, expected) => {
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(1));
      pushing.exception(type);
    };
    await cursor.read(signal);
    await expect(cursor.read(signal)).rejects.toMatchObject(expected);
    await eventually('the connection is closed', () => server.connections === 0);
  });

  it('looks for its consumer again where Kinesis knows none', async () => {
    server.onSubscribe = (pushing) => pushing.refuse(400, 'ResourceNotFoundException');
    await expect(cursor.read(signal)).rejects.toMatchObject({ code: 'STREAM_MISSING', retriable: true });
    await expect(cursor.read(signal)).rejects.toMatchObject({ code: 'STREAM_MISSING' });
    expect(described).toBe(2);
  });

  it('goes on at the same place after a connection that was reset', async () => {
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(1));
    };
    await cursor.read(signal);
    const broken = expect(cursor.read(signal)).rejects.toMatchObject({ code: 'STREAM_UNAVAILABLE', retriable: true });
    server.subscriptions[0]?.stream.session?.destroy(new Error('reset'), constants.NGHTTP2_INTERNAL_ERROR);
    await broken;
    await cursor.read(signal);
    expect(server.subscriptions[1]?.request.StartingPosition).toEqual({
      Type: 'AFTER_SEQUENCE_NUMBER',
      SequenceNumber: '5',
    });
  });

  it('gives up a connection over which nothing comes', async () => {
    server.onSubscribe = (pushing) => pushing.open();
    const silent = expect(cursor.read(signal)).rejects.toMatchObject({ code: 'TIMEOUT', retriable: true });
    await silent;
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(1));
    };
    expect((await cursor.read(signal)).records).toHaveLength(1);
  });

  it('stops Kinesis where nobody reads: 8 MiB are pushed, and next to none of them are taken', async () => {
    const events = 64;
    const bytes = 128 * 1_024;
    server.onSubscribe = (pushing) => {
      pushing.open();
      for (let sent = 0; sent < events; sent += 1) pushing.event(data(bytes));
    };
    expect((await cursor.read(signal)).records).toHaveLength(1);
    const unsent = (): number => server.subscriptions[0]?.stream.writableLength ?? 0;
    let before = -1;
    await eventually('nothing more is taken', async () => {
      const is = unsent();
      const isStill = is === before;
      before = is;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return isStill;
    });
    expect(unsent()).toBeGreaterThan((events - 4) * bytes);
    for (let read = 1; read < events; read += 1) expect((await cursor.read(signal)).records).toHaveLength(1);
    expect(unsent()).toBe(0);
  });

  it('ends its subscriptions when a cursor is closed, and all of them when it is closed itself', async () => {
    const other = reader.open('shardId-000000000001', { type: 'trim-horizon' });
    server.onSubscribe = (pushing) => {
      pushing.open();
      pushing.event(data(1));
    };
    await Promise.all([cursor.read(signal), other.read(signal)]);
    expect(server.connections).toBe(2);
    cursor.close?.();
    await eventually('one is closed', () => server.connections === 1);
    reader.close();
    await eventually('both are closed', () => server.connections === 0);
  });

  it.each([
    ['a name instead of an ARN', { streamArn: 'stream' }],
    ['a consumer whose name Kinesis would refuse', { consumerName: 'a b' }],
    ['no silence at all', { silenceMaxMs: 0 }],
    ['a client without one for subscriptions', { kinesis: new KinesisClient({ region: 'us-east-1' }) }],
  ])('refuses %s', (_, options) => {
    expect(() => new KinesisFanOutReader({ streamArn, consumerName: 'tidemark', kinesis: {}, ...options })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });
});
