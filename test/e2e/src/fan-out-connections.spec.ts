import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KinesisFanOutReader } from '@tidemark/kinesis';
import { eventMessage, PushServer } from '@tidemark/kinesis/testing';
import { TcpProxy } from '@tidemark/local-stack';
import { type ShardCursor, type ShardPage } from '@tidemark/pipeline';
import { eventually } from '@tidemark/runtime/testing';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';

jest.setTimeout(30_000);

const { signal } = new AbortController();
const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/stream';
const consumer = { ConsumerARN: `${streamArn}/consumer/tidemark:1`, ConsumerStatus: 'ACTIVE' };
const shard = 'shardId-000000000000';
/** Far less than the silence that is allowed here, so that a test that meets its deadline has not met that. */
const unansweredMaxMs = 2_000;
const silenceMaxMs = 25_000;

let aws: Server;
let server: PushServer;
let proxy: TcpProxy;
let reader: KinesisFanOutReader;
let cursor: ShardCursor;

beforeEach(async () => {
  aws = await startAws();
  server = await PushServer.start();
  server.onSubscribe = (pushing) => pushing.open();
  proxy = await TcpProxy.start({ target: { host: '127.0.0.1', port: server.port } });
  const { port } = aws.address() as AddressInfo;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  reader = new KinesisFanOutReader({
    streamArn,
    consumerName: 'tidemark',
    kinesis: { region: 'us-east-1', endpoint: `http://127.0.0.1:${port}`, credentials },
    subscribing: server.client(proxy.port),
    subscribeIntervalMs: 20,
    unansweredMaxMs,
    silenceMaxMs,
  });
  cursor = reader.open(shard, { type: 'trim-horizon' });
});
afterEach(async () => {
  reader.close();
  await proxy.close();
  await server.stop();
  await new Promise((resolve) => aws.close(resolve));
});

/** What the reader asks beside its subscriptions: its consumer, which is there, and the shards. */
async function startAws(): Promise<Server> {
  const answering = createServer((request, response) => {
    request.resume().on('end', () => {
      const isList = String(request.headers['x-amz-target']).endsWith('ListShards');
      const open = { ShardId: shard, HashKeyRange: {}, SequenceNumberRange: { StartingSequenceNumber: '0' } };
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(isList ? { Shards: [open] } : { ConsumerDescription: consumer }));
    });
  });
  await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve));
  return answering;
}

const eventOf = (number: string, bytes = 10): object => ({
  Records: [{ SequenceNumber: number, PartitionKey: 'k', Data: Buffer.alloc(bytes, 7).toString('base64') }],
  ContinuationSequenceNumber: number,
  MillisBehindLatest: 0,
});
const messageOf = (event: object): Buffer =>
  eventMessage({ ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' }, event);
const numbers = ({ records }: ShardPage): readonly string[] => records.map(({ sequenceNumber }) => sequenceNumber);

/** The subscription that is open, which the reader has by now. */
async function subscription(number: number): Promise<(typeof server.subscriptions)[number]> {
  await eventually(`subscription ${number}`, () => server.subscriptions.length >= number);
  return server.subscriptions[number - 1] ?? Promise.reject(new Error('there is none'));
}

/** Reads until a page comes, as sync does: what fails is asked for again. */
async function readOn(): Promise<{ readonly page: ShardPage; readonly codes: readonly unknown[] }> {
  const codes: unknown[] = [];
  for (;;) {
    try {
      return { page: await cursor.read(signal), codes };
    } catch (error) {
      codes.push((error as { readonly code?: unknown }).code);
      if (codes.length > 5) throw error;
    }
  }
}

/** A page is read, and the reader waits for the next. */
async function atWork(): Promise<{ readonly next: ReturnType<typeof readOn> }> {
  const first = cursor.read(signal);
  (await subscription(1)).event(eventOf('5'));
  expect(numbers(await first)).toEqual(['5']);
  return { next: readOn() };
}

describe('a fan-out subscription over a network', () => {
  it.each(['before an event', 'in the middle of an event'])(
    'is made again within a stated time where the other end has vanished without a word, %s',
    async (when) => {
      const { next } = await atWork();
      if (when !== 'before an event') {
        const whole = messageOf(eventOf('6', 10_000));
        (await subscription(1)).stream.write(whole.subarray(0, 5_000));
        await eventually('a part of the event is here', () => cursor.pageBytesMax === whole.byteLength);
      }
      const sinceMs = performance.now();
      proxy.halfOpen();
      const again = await subscription(2);
      expect(performance.now() - sinceMs).toBeGreaterThan(unansweredMaxMs / 2);
      expect(performance.now() - sinceMs).toBeLessThan(silenceMaxMs / 2);
      expect(again.request.StartingPosition).toEqual({ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '5' });
      again.event(eventOf('6', 10_000));
      expect(await next).toMatchObject({
        codes: ['TIMEOUT'],
        page: { records: [{ sequenceNumber: '6' }], gap: false },
      });
    },
  );

  it('that is cut in the middle of an event is made again where the last whole one ended', async () => {
    const { next } = await atWork();
    const whole = messageOf(eventOf('6', 10_000));
    (await subscription(1)).stream.write(whole.subarray(0, whole.byteLength - 1));
    await eventually('a part of the event is here', () => cursor.pageBytesMax === whole.byteLength);
    proxy.cut();
    await eventually('the connection is broken', () => proxy.connections === 0);
    proxy.heal();
    const again = await subscription(2);
    expect(again.request.StartingPosition).toEqual({ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '5' });
    again.event(eventOf('6', 10_000));
    const { page, codes } = await next;
    expect(page.records[0]?.bytes).toHaveLength(10_000);
    expect(new Set(codes)).toEqual(new Set(['STREAM_UNAVAILABLE']));
  });

  it('with a long way reads what is pushed, and claims nothing younger than what Kinesis saw before the window of the connection held it back', async () => {
    proxy.latency(400, 100);
    const first = cursor.read(signal);
    const pushing = await subscription(1);
    const pushedAt = Date.now();
    for (const number of ['5', '6', '7']) pushing.event(eventOf(number, 60_000));
    const pages = [await first, await cursor.read(signal), await cursor.read(signal)];
    expect(pages.flatMap(numbers)).toEqual(['5', '6', '7']);
    for (const { askedAt } of pages) expect(askedAt).toBeLessThanOrEqual(pushedAt);
    expect(server.subscriptions).toHaveLength(1);
  });

  it('that stands still for less than the stated time goes on as if nothing had been', async () => {
    const { next } = await atWork();
    proxy.stall();
    (await subscription(1)).event(eventOf('6'));
    await eventually('the event is held', () => proxy.heldBytes > 0);
    proxy.heal();
    expect(await next).toMatchObject({ codes: [], page: { records: [{ sequenceNumber: '6' }] } });
    expect(server.subscriptions).toHaveLength(1);
  });
});
