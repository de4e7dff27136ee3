import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { type StreamUnderTest } from '@tidemark/pipeline/testing';
import { KinesisFanOutReader } from '../src/kinesis-fan-out-reader.js';
import { makeKinesisClient } from '../src/kinesis-client.js';
import { kinesisConfig, startKinesalite, streamUnderTest } from './emulators.js';
import { type Pushing, PushServer } from '../src/testing/push-server.js';

export const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/stream';
export const consumerArn = `${streamArn}/consumer/tidemark:1`;

const idleMs = 50;
const pageMax = 4;

/** Enhanced fan-out as AWS documents it, over HTTP/2, in front of a Kinesis that has none. */
export async function fannedOutStream(): Promise<StreamUnderTest> {
  const emulator = await startKinesalite();
  const stream = await streamUnderTest(emulator);
  const server = await PushServer.start();
  const client = makeKinesisClient(kinesisConfig(emulator));
  const active = { ConsumerARN: consumerArn, ConsumerName: 'tidemark', ConsumerStatus: 'ACTIVE' };
  emulator.intercept = (operation) =>
    operation === 'DescribeStreamConsumer' ? { status: 200, body: { ConsumerDescription: active } } : undefined;
  const busy = new Map<string, Pushing>();
  server.onSubscribe = (pushing) => {
    const { ShardId } = pushing.request;
    const other = busy.get(ShardId);
    // AWS ends the subscription before.
    if (other?.stream.destroyed === false) other.exception('ResourceInUseException');
    busy.set(ShardId, pushing);
    void push(pushing, client).catch((error: unknown) => {
      const { name = 'InternalFailureException' } = error as Error;
      if (!pushing.stream.headersSent) pushing.refuse(400, name);
    });
  };
  const reader = new KinesisFanOutReader({
    streamArn,
    consumerName: 'tidemark',
    kinesis: client,
    subscribing: server.client(),
    subscribeIntervalMs: 20,
  });
  return {
    ...stream,
    reader,
    pageMax,
    pushed: true,
    close: async () => {
      reader.close();
      client.destroy();
      await server.stop();
      await stream.close();
      await emulator.stop();
    },
  };
}

async function push(pushing: Pushing, client: KinesisClient): Promise<void> {
  const { ShardId, StartingPosition: at } = pushing.request;
  const StreamName = 'stream';
  let { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName,
      ShardId,
      ShardIteratorType: at.Type === 'TRIM_HORIZON' ? 'TRIM_HORIZON' : 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: at.SequenceNumber,
    }),
  );
  pushing.open();
  let continuation = at.SequenceNumber ?? '0';
  while (!pushing.stream.destroyed) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator, Limit: pageMax }));
    ShardIterator = page.NextShardIterator;
    const { Records = [] } = page;
    continuation = Records.at(-1)?.SequenceNumber ?? continuation;
    const event = {
      Records: Records.map((record) => ({
        ...record,
        Data: Buffer.from(record.Data ?? '').toString('base64'),
        ApproximateArrivalTimestamp: (record.ApproximateArrivalTimestamp?.getTime() ?? 0) / 1_000,
      })),
      MillisBehindLatest: Records.length === pageMax ? 1 : 0,
    };
    if (ShardIterator === undefined) {
      pushing.event({ ...event, ChildShards: await childrenOf(client, ShardId) });
      return pushing.end();
    }
    pushing.event({ ...event, ContinuationSequenceNumber: continuation });
    if (Records.length === 0) await new Promise((resolve) => setTimeout(resolve, idleMs));
  }
}

async function childrenOf(client: KinesisClient, parent: string): Promise<readonly object[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: 'stream' }));
  return Shards.flatMap(({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange }) => {
    const ParentShards = [ParentShardId, AdjacentParentShardId].filter((each) => each !== undefined);
    return ParentShards.includes(parent) ? [{ ShardId, ParentShards, HashKeyRange }] : [];
  });
}
