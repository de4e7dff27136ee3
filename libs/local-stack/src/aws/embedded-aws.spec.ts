import {
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@tidemark/runtime';
import { EmbeddedAws } from './embedded-aws.js';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { KinesaliteEndpoint } from './kinesalite-endpoint.js';
import { type KinesisEndpoint, type KinesisEndpointContext } from './kinesis-endpoint.js';
import { openAws, type OpenAws, type StreamedChange } from './open-aws.js';
import { seededRandom } from './seeded-random.js';
import { canonical, type WireItem } from './wire-item.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const us = 'us-east-1';
const eu = 'eu-west-1';
const table = 'permissions';
const opened: OpenAws[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stack) => stack.close()));
});

async function open(options: EmbeddedAwsOptions = {}): Promise<OpenAws> {
  const stack = await openAws({ replicationDelayMs: 1, ...options });
  opened.push(stack);
  await stack.aws.createGlobalTable(table);
  return stack;
}

function put(stack: OpenAws, region: string, key: string, value: string): Promise<unknown> {
  return stack
    .dynamodb(region)
    .send(new PutItemCommand({ TableName: table, Item: { key: { S: key }, v: { S: value } } }));
}

function brief({ eventName, dynamodb }: StreamedChange): unknown[] {
  return [eventName, dynamodb.Keys['key']?.['S'], dynamodb.OldImage?.['v']?.['S'], dynamodb.NewImage?.['v']?.['S']];
}

/** The table that a reader of the stream would end up with. */
function replayed(changes: readonly StreamedChange[]): Map<string, WireItem> {
  const items = new Map<string, WireItem>();
  for (const { dynamodb } of changes) {
    const id = canonical(dynamodb.Keys['key']);
    if (dynamodb.NewImage === undefined) items.delete(id);
    else items.set(id, dynamodb.NewImage);
  }
  return items;
}

describe('EmbeddedAws: capture', () => {
  it('streams the exact images of every write of a key, in order, and nothing for a write that changes nothing', async () => {
    const stack = await open({ shardCount: 3 });
    const client = stack.dynamodb(us);
    await put(stack, us, 'a', '1');
    await put(stack, us, 'a', '1');
    await put(stack, us, 'a', '2');
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { key: { S: 'a' } },
        UpdateExpression: 'SET v = :v',
        ExpressionAttributeValues: { ':v': { S: '3' } },
      }),
    );
    await client.send(new DeleteItemCommand({ TableName: table, Key: { key: { S: 'a' } } }));
    await client.send(new DeleteItemCommand({ TableName: table, Key: { key: { S: 'a' } } }));
    await stack.aws.drained();
    expect((await stack.changes(us)).map(brief)).toEqual([
      ['INSERT', 'a', undefined, '1'],
      ['MODIFY', 'a', '1', '2'],
      ['MODIFY', 'a', '2', '3'],
      ['REMOVE', 'a', '3', undefined],
    ]);
  });

  it('writes records in the shape of AWS, with stamps that only grow', async () => {
    const startMicros = Date.now() * 1000;
    const stack = await open();
    await put(stack, us, 'a', 'one');
    await put(stack, us, 'a', 'two');
    await stack.aws.drained();
    const [first, second] = await stack.changes(us);
    expect(second).toEqual({
      awsRegion: us,
      eventID: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      eventName: 'MODIFY',
      userIdentity: null,
      recordFormat: 'application/json',
      tableName: table,
      dynamodb: {
        ApproximateCreationDateTime: expect.any(Number),
        ApproximateCreationDateTimePrecision: 'MICROSECOND',
        Keys: { key: { S: 'a' } },
        OldImage: { key: { S: 'a' }, v: { S: 'one' } },
        NewImage: { key: { S: 'a' }, v: { S: 'two' } },
        SizeBytes: 4 + 8 + 8,
      },
      eventSource: 'aws:dynamodb',
    });
    expect(first?.dynamodb.OldImage).toBeUndefined();
    const stamps = [first, second].map((change) => change?.dynamodb.ApproximateCreationDateTime ?? 0);
    expect(stamps[0]).toBeGreaterThanOrEqual(startMicros);
    expect(stamps[1]).toBeGreaterThan(stamps[0] ?? Infinity);
  });

  it.each([
    ['twice', Buffer.from('hi').toString('base64')],
    ['once', 'hi'],
  ] as const)('encodes binary values %s', async (binaryEncoding, decodedOnce) => {
    const stack = await open({ binaryEncoding });
    const bytes = Buffer.from('hi');
    await stack.dynamodb(us).send(
      new PutItemCommand({
        TableName: table,
        Item: { key: { S: 'a' }, b: { B: bytes }, deep: { M: { list: { L: [{ B: bytes }] }, set: { BS: [bytes] } } } },
      }),
    );
    await stack.aws.drained();
    const [change] = await stack.changes(us);
    const wire = Buffer.from(decodedOnce).toString('base64');
    expect(change?.dynamodb.NewImage).toMatchObject({
      b: { B: wire },
      deep: { M: { list: { L: [{ B: wire }] }, set: { BS: [wire] } } },
    });
  });

  it('captures every write of a batch', async () => {
    const stack = await open();
    const requests = ['a', 'b', 'c'].map((key) => ({ PutRequest: { Item: { key: { S: key }, v: { S: '1' } } } }));
    await stack.dynamodb(us).send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => change.dynamodb.Keys['key']?.['S']).sort()).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('streams a change only once a reader of the table sees it', async () => {
    const seen: unknown[] = [];
    const clients: DynamoDBClient[] = [];
    const kinesisEndpoint = (context: KinesisEndpointContext): KinesisEndpoint => {
      const endpoint = new KinesaliteEndpoint(context);
      const putRecords = endpoint.putRecords.bind(endpoint);
      endpoint.putRecords = async (streamName, records) => {
        for (const record of records) {
          const { dynamodb } = JSON.parse(record.bytes.toString('utf8')) as StreamedChange;
          const read = await clients[0]?.send(new GetItemCommand({ TableName: table, Key: dynamodb.Keys as never }));
          seen.push([dynamodb.NewImage, read?.Item]);
        }
        return putRecords(streamName, records);
      };
      return endpoint;
    };
    const stack = await open({ regions: [us], kinesisEndpoint });
    clients.push(stack.dynamodb(us));
    for (const key of ['a', 'b', 'c']) await put(stack, us, key, 'first');
    await stack.aws.drained();
    expect(seen).toEqual(['a', 'b', 'c'].map((key) => [0, 1].map(() => ({ key: { S: key }, v: { S: 'first' } }))));
  });

  it('streams nothing for a write whose condition fails, and answers with the item that is there when asked', async () => {
    const stack = await open();
    await put(stack, us, 'a', '1');
    const attempt = new PutItemCommand({
      TableName: table,
      Item: { key: { S: 'a' }, v: { S: '2' } },
      ConditionExpression: 'attribute_not_exists(#k)',
      ExpressionAttributeNames: { '#k': 'key' },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    const failure = await stack
      .dynamodb(us)
      .send(attempt)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConditionalCheckFailedException);
    expect((failure as ConditionalCheckFailedException).Item).toEqual({ key: { S: 'a' }, v: { S: '1' } });
    await stack.aws.drained();
    expect(await stack.changes(us)).toHaveLength(1);
  });

  it('does not return the item of a failed condition to who did not ask', async () => {
    const stack = await open();
    await put(stack, us, 'a', '1');
    const failure = await stack
      .dynamodb(us)
      .send(
        new DeleteItemCommand({
          TableName: table,
          Key: { key: { S: 'a' } },
          ConditionExpression: 'v = :v',
          ExpressionAttributeValues: { ':v': { S: '9' } },
        }),
      )
      .catch((error: unknown) => error);
    expect((failure as ConditionalCheckFailedException).Item).toBeUndefined();
    expect(stack.aws.stats(us).captured).toBe(1);
  });

  it('skips a change whose record is too large for the stream, and says so in the statistics only', async () => {
    const stack = await open();
    const large = 'x'.repeat(390_000);
    for (const suffix of ['1', '2', '3']) {
      await stack
        .dynamodb(us)
        .send(
          new PutItemCommand({ TableName: table, Item: { key: { S: 'a' }, v: { B: Buffer.from(large + suffix) } } }),
        );
    }
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => change.eventName)).toEqual(['INSERT']);
    expect(stack.aws.stats(us)).toMatchObject({ captured: 3, skipped: 2 });
  });
});

describe('EmbeddedAws: replication', () => {
  it('brings a write to the other region, whose stream tells of it as of a write of its own', async () => {
    const stack = await open();
    await put(stack, us, 'a', '1');
    await stack.aws.drained();
    const { Item: item } = await stack
      .dynamodb(eu)
      .send(new GetItemCommand({ TableName: table, Key: { key: { S: 'a' } } }));
    expect(item).toEqual({ key: { S: 'a' }, v: { S: '1' } });
    expect((await stack.changes(eu)).map((change) => [change.awsRegion, ...brief(change)])).toEqual([
      [eu, 'INSERT', 'a', undefined, '1'],
    ]);
    expect(stack.aws.stats(eu)).toMatchObject({ replicatedIn: 1, olderVetoed: 0 });
  });

  it('drops a replicated write that is older than what the region holds', async () => {
    const stack = await open();
    stack.aws.faults.pauseReplication(us, eu);
    await put(stack, us, 'a', 'older');
    await put(stack, eu, 'a', 'newer');
    stack.aws.faults.resumeReplication();
    await stack.aws.drained();
    expect(stack.aws.stats(eu)).toMatchObject({ replicatedIn: 0, olderVetoed: 1 });
    for (const region of [us, eu]) {
      expect([...(await stack.items(region, table)).values()]).toEqual([{ key: { S: 'a' }, v: { S: 'newer' } }]);
    }
    expect((await stack.changes(eu)).map(brief)).toEqual([['INSERT', 'a', undefined, 'newer']]);
    expect((await stack.changes(us)).map(brief)).toEqual([
      ['INSERT', 'a', undefined, 'older'],
      ['MODIFY', 'a', 'older', 'newer'],
    ]);
  });

  it('keeps a deleted item deleted when an older put arrives after the delete', async () => {
    const stack = await open();
    const delaysMs = [50, 0];
    stack.aws.faults.setReplicationDelay(() => delaysMs.shift() ?? 0);
    await put(stack, us, 'a', '1');
    await stack.dynamodb(us).send(new DeleteItemCommand({ TableName: table, Key: { key: { S: 'a' } } }));
    await stack.aws.drained();
    expect((await stack.items(eu, table)).size).toBe(0);
    expect(stack.aws.stats(eu)).toMatchObject({ olderVetoed: 1, captured: 0 });
  });

  it('replicates a delete of an item', async () => {
    const stack = await open();
    await put(stack, us, 'a', '1');
    await stack.aws.drained();
    await stack.dynamodb(eu).send(new DeleteItemCommand({ TableName: table, Key: { key: { S: 'a' } } }));
    await stack.aws.drained();
    expect((await stack.items(us, table)).size).toBe(0);
    expect((await stack.changes(us)).map(brief)).toContainEqual(['REMOVE', 'a', '1', undefined]);
  });

  it('converges under racing writers, and the stream of each region, replayed, equals its table', async () => {
    const delays = seededRandom(7);
    const stack = await open({ replicationDelayMs: () => delays() * 100 });
    const writer = async (region: string, seed: number): Promise<void> => {
      const random = seededRandom(seed);
      for (let write = 0; write < 300; write++) {
        const key = `k${Math.floor(random() * 30)}`;
        if (random() < 0.15) {
          await stack.dynamodb(region).send(new DeleteItemCommand({ TableName: table, Key: { key: { S: key } } }));
        } else {
          await put(stack, region, key, `${region}-${write}`);
        }
      }
    };
    await Promise.all([writer(us, 1), writer(eu, 2)]);
    await stack.aws.drained({ timeoutMs: 30_000 });
    const [usItems, euItems] = await Promise.all([us, eu].map((region) => stack.items(region, table)));
    expect(usItems?.size).toBeGreaterThan(10);
    expect(usItems).toEqual(euItems);
    expect(replayed(await stack.changes(us))).toEqual(usItems);
    expect(replayed(await stack.changes(eu))).toEqual(euItems);
    expect(stack.aws.stats(us).olderVetoed + stack.aws.stats(eu).olderVetoed).toBeGreaterThan(0);
  }, 60_000);

  it('serves writers that know nothing of Tidemark: other attributes, other tables, no stream for a plain table', async () => {
    const stack = await open();
    expect(await stack.aws.createTable(us, 'leases', { hashKey: 'leaseKey' })).toBe('created');
    await stack.dynamodb(us).send(new PutItemCommand({ TableName: 'leases', Item: { leaseKey: { S: 'shard-0' } } }));
    const item = { key: { S: 'a' }, tags: { SS: ['x', 'y'] }, n: { N: '12345678901234567890' }, none: { NULL: true } };
    await stack.dynamodb(us).send(new PutItemCommand({ TableName: table, Item: item }));
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => [change.tableName, change.dynamodb.NewImage])).toEqual([
      [table, item],
    ]);
    expect([...(await stack.items(eu, table)).values()].map(canonical)).toEqual([canonical(item)]);
    await expect(stack.items(eu, 'leases')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('EmbeddedAws: life', () => {
  it('runs two stacks side by side that do not see each other', async () => {
    const [one, two] = await Promise.all([open(), open({ streamName: 'other' })]);
    await put(one, us, 'a', 'one');
    await put(two, us, 'a', 'two');
    await Promise.all([one.aws.drained(), two.aws.drained()]);
    for (const [stack, value] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      expect((await stack.changes(us)).map(brief)).toEqual([['INSERT', 'a', undefined, value]]);
      expect((await stack.changes(eu)).map(brief)).toEqual([['INSERT', 'a', undefined, value]]);
    }
  });

  it('names what is left when it does not drain in time', async () => {
    const stack = await open();
    stack.aws.faults.pauseReplication(us);
    stack.aws.faults.pauseCapture(us);
    await put(stack, us, 'a', '1');
    await expect(stack.aws.drained({ timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      context: { left: [`1 writes from ${us} to ${eu} (paused)`, `1 changes of ${us} (paused)`] },
    });
    stack.aws.faults.resumeReplication();
    stack.aws.faults.resumeCapture();
    await stack.aws.drained();
    expect(await stack.changes(eu)).toHaveLength(1);
  });

  it('rejects a wait for draining when it stops', async () => {
    const stack = await open();
    stack.aws.faults.pauseReplication();
    await put(stack, us, 'a', '1');
    const drained = stack.aws.drained();
    const outcome = expect(drained).rejects.toMatchObject({ code: 'CLOSED' });
    await stack.aws.stop();
    await outcome;
    expect(() => stack.aws.region(us)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('throttles writers when too many changes wait, and loses none of those it took', async () => {
    const stack = await open({ captureQueueMax: 2 });
    stack.aws.faults.pauseCapture(us);
    await put(stack, us, 'a', '1');
    await put(stack, us, 'b', '1');
    await expect(put(stack, us, 'c', '1')).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    stack.aws.faults.resumeCapture();
    await stack.aws.drained();
    await put(stack, us, 'c', '1');
    await stack.aws.drained();
    expect((await stack.changes(us)).map((change) => change.dynamodb.Keys['key']?.['S']).sort()).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('says that a table exists, and refuses regions and options it does not know', async () => {
    const stack = await open();
    expect(await stack.aws.createGlobalTable(table)).toBe('exists');
    expect(() => stack.aws.region('mars-1')).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    expect(() => new EmbeddedAws({ regions: [us, us] })).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    expect(() => new EmbeddedAws({ shardCount: 0, clock: systemClock })).toThrow(
      expect.objectContaining({ context: expect.objectContaining({ option: 'shardCount', got: 0 }) }),
    );
  });
});
