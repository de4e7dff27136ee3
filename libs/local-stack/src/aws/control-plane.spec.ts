import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DisableKinesisStreamingDestinationCommand,
  EnableKinesisStreamingDestinationCommand,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  UpdateKinesisStreamingDestinationCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { DescribeStreamSummaryCommand, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { openAws, type OpenAws } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const us = 'us-east-1';
const eu = 'eu-west-1';
const table = 'users';
const opened: OpenAws[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stack) => stack.close()));
});

async function open(options: EmbeddedAwsOptions = {}): Promise<OpenAws> {
  const stack = await openAws({ replicationDelayMs: 1, ...options });
  opened.push(stack);
  return stack;
}

/** A table made as a deployment tool would: regional first. */
async function openWithTable(options: EmbeddedAwsOptions = {}): Promise<OpenAws> {
  const stack = await open(options);
  await stack.dynamodb(us).send(
    new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await eventually('the table is active', async () => (await describeTable(stack, us))?.TableStatus === 'ACTIVE');
  return stack;
}

async function describeTable(stack: OpenAws, region: string) {
  return (await stack.dynamodb(region).send(new DescribeTableCommand({ TableName: table }))).Table;
}

function put(stack: OpenAws, region: string, key: string, attributes = {}): Promise<unknown> {
  return stack
    .dynamodb(region)
    .send(new PutItemCommand({ TableName: table, Item: { key: { S: key }, ...attributes } }));
}

function addReplica(stack: OpenAws): Promise<unknown> {
  return stack
    .dynamodb(us)
    .send(new UpdateTableCommand({ TableName: table, ReplicaUpdates: [{ Create: { RegionName: eu } }] }));
}

describe('ControlPlane: replicas', () => {
  it('makes a table global, brings what it holds to the new replica, and keeps both alike from then on', async () => {
    const stack = await openWithTable();
    await put(stack, us, 'before');
    await addReplica(stack);
    await put(stack, eu, 'after');
    await stack.aws.drained();
    expect([...(await stack.items(us, table)).keys()].sort()).toEqual(['{"S":"after"}', '{"S":"before"}']);
    expect(await stack.items(eu, table)).toEqual(await stack.items(us, table));
    expect(await describeTable(stack, eu)).toMatchObject({
      TableArn: `arn:aws:dynamodb:${eu}:000000000000:table/${table}`,
      GlobalTableVersion: '2019.11.21',
      Replicas: [{ RegionName: us, ReplicaStatus: 'ACTIVE' }],
    });
  });

  it('shows no replicas for a table of one region', async () => {
    const stack = await openWithTable();
    expect((await describeTable(stack, us))?.Replicas).toBeUndefined();
  });

  it('deletes a replica, and writes go nowhere then', async () => {
    const stack = await openWithTable();
    await addReplica(stack);
    const removal = { TableName: table, ReplicaUpdates: [{ Delete: { RegionName: eu } }] };
    const { TableDescription: description } = await stack.dynamodb(us).send(new UpdateTableCommand(removal));
    expect(description?.Replicas).toBeUndefined();
    await put(stack, us, 'a');
    expect(stack.aws.stats(us).replicationInFlight).toBe(0);
    await eventually('the replica is gone', async () => {
      return ((await stack.dynamodb(eu).send(new ListTablesCommand({}))).TableNames ?? []).length === 0;
    });
  });

  it('forgets what it knew of a table that a client deletes', async () => {
    const stack = await open();
    await stack.aws.createGlobalTable(table);
    await stack.dynamodb(us).send(new DeleteTableCommand({ TableName: table }));
    await put(stack, eu, 'a');
    await stack.aws.drained();
    expect((await describeTable(stack, eu))?.Replicas).toBeUndefined();
    await expect(put(stack, us, 'a')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('refuses a region it does not have and a table that is not there', async () => {
    const stack = await openWithTable();
    const mars = { TableName: table, ReplicaUpdates: [{ Create: { RegionName: 'mars-1' } }] };
    await expect(stack.dynamodb(us).send(new UpdateTableCommand(mars))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    await expect(stack.dynamodb(us).send(new DescribeTableCommand({ TableName: 'nothing' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

describe('ControlPlane: stream destinations', () => {
  const destination = (stack: OpenAws) => ({ TableName: table, StreamArn: stack.aws.region(us).streamArn });

  async function precisionsAndStamps(stack: OpenAws): Promise<unknown[]> {
    await stack.aws.drained();
    return (await stack.changes(us)).map(({ dynamodb }) => [
      dynamodb.ApproximateCreationDateTimePrecision,
      String(dynamodb.ApproximateCreationDateTime).length,
    ]);
  }

  it('streams milliseconds without saying so by default, and what the precision says after an update', async () => {
    const stack = await openWithTable({ shardCount: 1 });
    const client = stack.dynamodb(us);
    await put(stack, us, 'not yet streamed');
    const enabled = await client.send(new EnableKinesisStreamingDestinationCommand(destination(stack)));
    expect(enabled.DestinationStatus).toBe('ENABLING');
    await put(stack, us, 'a');
    const update = (precision: 'MICROSECOND' | 'MILLISECOND') =>
      client.send(
        new UpdateKinesisStreamingDestinationCommand({
          ...destination(stack),
          UpdateKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: precision },
        }),
      );
    await update('MICROSECOND');
    await put(stack, us, 'b');
    await expect(update('MICROSECOND')).rejects.toMatchObject({ name: 'ValidationException' });
    await update('MILLISECOND');
    await put(stack, us, 'c');
    expect(await precisionsAndStamps(stack)).toEqual([
      [undefined, 13],
      ['MICROSECOND', 16],
      ['MILLISECOND', 13],
    ]);
    const described = await client.send(new DescribeKinesisStreamingDestinationCommand({ TableName: table }));
    expect(described.KinesisDataStreamDestinations).toEqual([
      {
        StreamArn: destination(stack).StreamArn,
        DestinationStatus: 'ACTIVE',
        ApproximateCreationDateTimePrecision: 'MILLISECOND',
      },
    ]);
  });

  it('streams nothing once disabled, and may be enabled again', async () => {
    const stack = await openWithTable();
    const client = stack.dynamodb(us);
    await client.send(new EnableKinesisStreamingDestinationCommand(destination(stack)));
    await client.send(new DisableKinesisStreamingDestinationCommand(destination(stack)));
    await put(stack, us, 'a');
    await client.send(new EnableKinesisStreamingDestinationCommand(destination(stack)));
    await put(stack, us, 'b');
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => change.dynamodb.Keys)).toEqual([{ key: { S: 'b' } }]);
  });

  it('refuses to enable twice, in the wrong region, or into a stream that is not there', async () => {
    const stack = await openWithTable();
    const enable = (StreamArn: string): Promise<unknown> =>
      stack.dynamodb(us).send(new EnableKinesisStreamingDestinationCommand({ TableName: table, StreamArn }));
    const { streamArn } = stack.aws.region(us);
    await expect(enable(stack.aws.region(eu).streamArn)).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(enable(`${streamArn}-other`)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await enable(streamArn);
    await expect(enable(streamArn)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('knows streams by their ARN alone', async () => {
    const stack = await open();
    const { streamArn, streamName } = stack.aws.region(eu);
    const summary = await stack.kinesis(eu).send(new DescribeStreamSummaryCommand({ StreamARN: streamArn }));
    expect(summary.StreamDescriptionSummary).toMatchObject({ StreamName: streamName, StreamARN: streamArn });
  });

  it('keeps every change when shards are split and merged while it writes', async () => {
    const stack = await open({ shardCount: 2 });
    await stack.aws.createGlobalTable(table);
    const StreamName = stack.aws.region(us).streamName;
    const kinesis = stack.kinesis(us);
    const active = (openShards: number) => async () => {
      const { StreamDescriptionSummary: summary } = await kinesis.send(
        new DescribeStreamSummaryCommand({ StreamName }),
      );
      return summary?.StreamStatus === 'ACTIVE' && summary.OpenShardCount === openShards;
    };
    const keys = Array.from({ length: 60 }, (_unused, index) => `k${index}`);
    for (const [at, key] of keys.entries()) {
      await put(stack, us, key);
      const [left, right] = ['shardId-000000000000', 'shardId-000000000001'];
      if (at === 20) {
        await kinesis.send(new MergeShardsCommand({ StreamName, ShardToMerge: left, AdjacentShardToMerge: right }));
        await eventually('the shards are merged', active(1));
      }
      if (at === 40) {
        await kinesis.send(
          new SplitShardCommand({
            StreamName,
            ShardToSplit: 'shardId-000000000002',
            NewStartingHashKey: '9'.repeat(30),
          }),
        );
        await eventually('the shard is split', active(2));
      }
    }
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => change.dynamodb.Keys['key']?.['S']).sort()).toEqual(keys.sort());
  });
});

describe('ControlPlane: expiry', () => {
  const specification = { AttributeName: 'expiresAt', Enabled: true };
  const seconds = (clock: ManualClock, fromNow: number) => ({
    expiresAt: { N: String(Math.floor(clock.now() / 1000) + fromNow) },
  });

  async function openWithExpiry(clock: ManualClock, options: EmbeddedAwsOptions = {}): Promise<OpenAws> {
    const stack = await open({ clock, replicationDelayMs: 0, ...options });
    await stack.aws.createGlobalTable(table);
    const settings = { TableName: table, TimeToLiveSpecification: specification };
    await stack.dynamodb(us).send(new UpdateTimeToLiveCommand(settings));
    return stack;
  }

  /** Lets timers of the stack fire, without moving past them. */
  async function arrive(stack: OpenAws, clock: ManualClock): Promise<void> {
    await eventually('the writes have arrived', async () => {
      await clock.advance(1);
      return [us, eu].every((region) => {
        const { replicationInFlight, capturePending } = stack.aws.stats(region);
        return replicationInFlight + capturePending === 0;
      });
    });
  }

  it('tells of the setting in every region, and refuses to set it again', async () => {
    const stack = await openWithExpiry(new ManualClock());
    const describe = new DescribeTimeToLiveCommand({ TableName: table });
    const { TimeToLiveDescription: description } = await stack.dynamodb(eu).send(describe);
    expect(description).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' });
    const again = new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: specification });
    await expect(stack.dynamodb(eu).send(again)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('deletes what has expired, and names the service only in the region that did', async () => {
    const clock = new ManualClock();
    const stack = await openWithExpiry(clock);
    await put(stack, us, 'old', seconds(clock, 10));
    await put(stack, us, 'young', seconds(clock, 1_000));
    await put(stack, us, 'ancient', { expiresAt: { N: '1' } });
    await put(stack, us, 'lasting');
    await arrive(stack, clock);
    expect(await stack.aws.sweepExpired()).toBe(0);
    await clock.advance(12_000);
    const { Item: stillThere } = await stack
      .dynamodb(us)
      .send(new GetItemCommand({ TableName: table, Key: { key: { S: 'old' } } }));
    expect(stillThere).toBeDefined();
    expect(await stack.aws.sweepExpired()).toBe(1);
    await arrive(stack, clock);
    const removals = async (region: string) =>
      (await stack.changes(region))
        .filter((change) => change.eventName === 'REMOVE')
        .map((change) => [change.dynamodb.Keys, change.userIdentity]);
    const keys = { key: { S: 'old' } };
    expect(await removals(us)).toEqual([[keys, { type: 'Service', principalId: 'dynamodb.amazonaws.com' }]]);
    expect(await removals(eu)).toEqual([[keys, null]]);
    expect([stack.aws.stats(us).expired, stack.aws.stats(eu).expired]).toEqual([1, 0]);
  });

  it('sweeps by itself at the interval asked for', async () => {
    const clock = new ManualClock();
    const stack = await openWithExpiry(clock, { expirySweepMs: 1_000 });
    await put(stack, us, 'old', seconds(clock, 1));
    await arrive(stack, clock);
    await clock.advance(3_000);
    await eventually('the item is swept', () => stack.aws.stats(us).expired === 1);
  });
});
