import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { EmbeddedAws } from './embedded-aws.js';
import { kinesisLocal } from './kinesis-local-endpoint.js';
import { openAws, type OpenAws } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
jest.setTimeout(60_000);

const us = 'us-east-1';
const eu = 'eu-west-1';
const StreamName = 'tidemark-cdc';
const shard = { StreamName, ShardId: 'shardId-000000000000' };
const ones = (count: number): { PartitionKey: string; Data: Buffer }[] =>
  Array.from({ length: count }, () => ({ PartitionKey: 'k', Data: Buffer.from('1') }));

describe('Kinesis by kinesis-local', () => {
  let stack: OpenAws;
  let kinesis: KinesisClient;

  beforeAll(async () => {
    stack = await openAws({ kinesisEndpoint: kinesisLocal() });
    kinesis = stack.kinesis(us);
    await stack.aws.createGlobalTable('permissions');
  });
  afterAll(() => stack?.close());

  it('takes the changes of each region into a stream of its own', async () => {
    await stack.dynamodb(us).send(new PutItemCommand({ TableName: 'permissions', Item: { key: { S: 'a' } } }));
    await stack.aws.drained();
    for (const region of [us, eu])
      expect(await stack.changes(region)).toMatchObject([{ awsRegion: region, eventName: 'INSERT' }]);
  });

  it('serves the region of the endpoint, whatever region the client signs for', async () => {
    await stack.kinesis(eu).send(new CreateStreamCommand({ StreamName: 'only-in-eu', ShardCount: 1 }));
    const strayed = new KinesisClient({ ...stack.aws.kinesisConfig(us), region: eu, maxAttempts: 1 });
    const described = strayed.send(new DescribeStreamSummaryCommand({ StreamName: 'only-in-eu' }));
    await expect(described).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    strayed.destroy();
  });

  it('refuses what AWS refuses: too many records, an iterator and a position that it never gave', async () => {
    await expect(kinesis.send(new PutRecordsCommand({ StreamName, Records: ones(501) }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    const invalid = { name: 'InvalidArgumentException' };
    await expect(kinesis.send(new GetRecordsCommand({ ShardIterator: 'AAAA' }))).rejects.toMatchObject(invalid);
    const foreign = {
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: '49590338271490256608559692538361571095921575989136588898',
    } as const;
    await expect(kinesis.send(new GetShardIteratorCommand({ ...shard, ...foreign }))).rejects.toMatchObject(invalid);
    await expect(
      kinesis.send(
        new GetShardIteratorCommand({ ...shard, ShardId: 'shardId-000000000777', ShardIteratorType: 'LATEST' }),
      ),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('is met by the faults, and a record whose answer was lost is there', async () => {
    const list = new ListShardsCommand({ StreamName });
    stack.aws.faults.throttle({ service: 'kinesis', operation: 'ListShards', region: us }, 1);
    await expect(kinesis.send(list)).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    await stack.kinesis(eu).send(list);
    const { ShardIterator } = await kinesis.send(
      new GetShardIteratorCommand({ ...shard, ShardIteratorType: 'LATEST' }),
    );
    stack.aws.faults.dropAnswer({ operation: 'PutRecords', resource: StreamName }, 1);
    const Records = [{ ExplicitHashKey: '0', PartitionKey: 'k', Data: Buffer.from('lost') }];
    await expect(kinesis.send(new PutRecordsCommand({ StreamName, Records }))).rejects.toThrow();
    const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    expect(page.Records?.map(({ Data }) => Buffer.from(Data ?? '').toString('utf8'))).toEqual(['lost']);
  });

  it('names the children of a shard that was closed', async () => {
    await createStream('resharded');
    const stream = { StreamName: 'resharded' };
    await kinesis.send(new PutRecordsCommand({ ...stream, Records: ones(3) }));
    const scaling = { TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' } as const;
    await kinesis.send(new UpdateShardCountCommand({ ...stream, ...scaling }));
    await eventually('the stream is active again', () => isActive('resharded'));
    let { ShardIterator } = await kinesis.send(
      new GetShardIteratorCommand({ ...shard, ...stream, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const children: unknown[] = [];
    for (let page = 0; page < 10 && ShardIterator !== undefined; page++) {
      const output = await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 2 }));
      ShardIterator = output.NextShardIterator;
      children.push(...(output.ChildShards ?? []));
    }
    expect(ShardIterator).toBeUndefined();
    expect(children).toMatchObject([
      { ShardId: 'shardId-000000000001', ParentShards: [shard.ShardId] },
      { ShardId: 'shardId-000000000002', ParentShards: [shard.ShardId] },
    ]);
  });

  it('fans out to a consumer, for as long as the consumer listens', async () => {
    await createStream('fanned');
    await kinesis.send(new PutRecordsCommand({ StreamName: 'fanned', Records: ones(3) }));
    const StreamARN = stack.aws.region(us).streamArn.replace(StreamName, 'fanned');
    const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }));
    const { EventStream = [] } = await kinesis.send(
      new SubscribeToShardCommand({
        ConsumerARN: Consumer?.ConsumerARN,
        ShardId: shard.ShardId,
        StartingPosition: { Type: 'TRIM_HORIZON' },
      }),
    );
    const texts: string[] = [];
    for await (const { SubscribeToShardEvent: event } of EventStream) {
      texts.push(...(event?.Records ?? []).map(({ Data }) => Buffer.from(Data ?? '').toString('utf8')));
      if (texts.length >= 3) break;
    }
    expect(texts).toEqual(['1', '1', '1']);
  });

  it('ends what it fans out of a shard with the shard, and names its children, as AWS does', async () => {
    await createStream('split');
    await kinesis.send(new PutRecordsCommand({ StreamName: 'split', Records: ones(1) }));
    const half = (1n << 127n).toString();
    const split = { StreamName: 'split', ShardToSplit: shard.ShardId, NewStartingHashKey: half };
    await kinesis.send(new SplitShardCommand(split));
    await eventually('the shard is split', () => isActive('split'));
    const events: SubscribeToShardEvent[] = [];
    for await (const { SubscribeToShardEvent: event } of await subscribe('split', { Type: 'TRIM_HORIZON' }))
      if (event !== undefined) events.push(event);
    expect(events.flatMap(({ Records }) => Records)).toHaveLength(1);
    expect(events.slice(0, -1).every(({ ChildShards }) => ChildShards === undefined)).toBe(true);
    expect(events.at(-1)).toMatchObject({
      ChildShards: [
        { ShardId: 'shardId-000000000001', ParentShards: [shard.ShardId] },
        { ShardId: 'shardId-000000000002', ParentShards: [shard.ShardId] },
      ],
    });
    expect(events.at(-1)?.ContinuationSequenceNumber).toBeUndefined();
  });

  it('refuses to fan out a shard, and a place in one, that is not there', async () => {
    await createStream('refusing');
    await kinesis.send(new PutRecordsCommand({ StreamName: 'refusing', Records: ones(1) }));
    const SequenceNumber = '49590338271490256608559692538361571095921575989136588898';
    await expect(subscribe('refusing', { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber })).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
    await expect(subscribe('refusing', { Type: 'LATEST' }, 'shardId-000000000777')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  async function subscribe(
    name: string,
    StartingPosition: StartingPosition,
    ShardId = shard.ShardId,
  ): Promise<AsyncIterable<SubscribeToShardEventStream>> {
    const StreamARN = stack.aws.region(us).streamArn.replace(StreamName, name);
    const registered = kinesis.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }));
    // It is there from the call before.
    const consumer = await registered.catch(() => undefined);
    const described = await kinesis.send(new DescribeStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }));
    const ConsumerARN = consumer?.Consumer?.ConsumerARN ?? described.ConsumerDescription?.ConsumerARN;
    const { EventStream = [] } = await kinesis.send(
      new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }),
    );
    return EventStream as AsyncIterable<SubscribeToShardEventStream>;
  }

  async function createStream(name: string): Promise<void> {
    await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }));
    await eventually('the stream is active', () => isActive(name));
  }

  async function isActive(name: string): Promise<boolean> {
    const output = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: name }));
    return output.StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
  }
});

describe('the life of kinesis-local', () => {
  it('is started by the first region, ended by the last, and can be started again', async () => {
    const kinesisEndpoint = kinesisLocal();
    for (let round = 0; round < 2; round++) {
      const aws = new EmbeddedAws({ kinesisEndpoint });
      await aws.start();
      const { kinesisEndpoint: url } = aws.region(us);
      await aws.stop();
      await expect(fetch(url)).rejects.toThrow();
    }
  });

  it('is given up at its deadline', async () => {
    const clock = new ManualClock();
    const aws = new EmbeddedAws({ kinesisEndpoint: kinesisLocal({ startTimeoutMs: 5_000, clock }) });
    const failed = expect(aws.start()).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'starting kinesis-local took longer than 5000 ms',
    });
    await eventually('the deadline is set', () => clock.pending > 0);
    await clock.advance(5_000);
    await failed;
  });

  it('ends with a stack that is stopped while it starts', async () => {
    const aws = new EmbeddedAws({ regions: [us], kinesisEndpoint: kinesisLocal() });
    const failed = expect(aws.start()).rejects.toMatchObject({ code: 'CLOSED' });
    await aws.stop();
    await failed;
  });

  it('refuses a deadline that is none', () => {
    expect(() => kinesisLocal({ startTimeoutMs: 0 })).toThrow(/startTimeoutMs: expected a number from 1/);
  });
});
