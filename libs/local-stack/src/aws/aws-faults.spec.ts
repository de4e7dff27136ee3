import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeStreamSummaryCommand, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { openAws, type OpenAws, type StreamedChange } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const us = 'us-east-1';
const eu = 'eu-west-1';
const table = 'permissions';
/** How the AWS SDK reports a connection that was closed before the answer. */
const hungUp = { message: expect.stringContaining('socket hang up') };
const opened: OpenAws[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stack) => stack.close()));
});

async function open(options: EmbeddedAwsOptions = {}, maxAttempts = 1): Promise<OpenAws> {
  const stack = await openAws({ replicationDelayMs: 1, ...options }, { maxAttempts });
  opened.push(stack);
  await stack.aws.createGlobalTable(table);
  return stack;
}

function put(stack: OpenAws, region: string, key: string, value: string): Promise<unknown> {
  return stack
    .dynamodb(region)
    .send(new PutItemCommand({ TableName: table, Item: { key: { S: key }, v: { S: value } } }));
}

async function read(stack: OpenAws, region: string, key: string): Promise<string | undefined> {
  const answer = await stack.dynamodb(region).send(new GetItemCommand({ TableName: table, Key: { key: { S: key } } }));
  return answer.Item?.['v']?.S;
}

function values(changes: readonly StreamedChange[]): (string | undefined)[] {
  return changes.map((change) => change.dynamodb.NewImage?.['v']?.['S'] as string | undefined);
}

async function putMany(stack: OpenAws, count: number): Promise<readonly string[]> {
  const written = Array.from({ length: count }, (_unused, index) => String(index));
  for (const value of written) await put(stack, us, 'a', value);
  return written;
}

describe('AwsFaults: how the stream distributes records', () => {
  it('says AUTO in one region for as long as it is set, and nothing else changes', async () => {
    const stack = await open();
    const strategies = (): Promise<readonly unknown[]> =>
      Promise.all(
        [us, eu].map(async (region) => {
          const { streamArn: StreamARN } = stack.aws.region(region);
          const answer = await stack.kinesis(region).send(new DescribeStreamSummaryCommand({ StreamARN }));
          expect(answer.StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 2 });
          return answer.StreamDescriptionSummary?.RecordDistributionStrategy;
        }),
      );
    const [before] = await strategies();
    stack.aws.faults.distributeRecords('AUTO', us);
    stack.aws.faults.distributeRecords('AUTO', us);
    expect(await strategies()).toEqual(['AUTO', before]);
    stack.aws.faults.distributeRecords('USER_PARTITION_KEY');
    expect(await strategies()).toEqual([before, before]);
  });
});

describe('AwsFaults: change records', () => {
  it('repeats records with the probability asked for', async () => {
    const stack = await open({ regions: [us] });
    stack.aws.faults.duplicateRecords(0.5);
    const written = await putMany(stack, 40);
    await stack.aws.drained();
    const changes = await stack.changes(us);
    const { duplicated, captured, published } = stack.aws.stats(us);
    expect(captured).toBe(40);
    expect(published).toBe(40 + duplicated);
    expect(changes).toHaveLength(published);
    expect(duplicated).toBeGreaterThan(10);
    expect(duplicated).toBeLessThan(30);
    expect([...new Set(changes.map((change) => change.eventID))]).toHaveLength(40);
    expect(
      values(changes.filter((change, at) => changes.findIndex((c) => c.eventID === change.eventID) === at)),
    ).toEqual(written);
  });

  it('reorders the records of one key, loses none, and stops when told to', async () => {
    const stack = await open({ regions: [us], shardCount: 1 });
    stack.aws.faults.reorderRecords(5);
    const written = await putMany(stack, 40);
    await stack.aws.drained();
    const shuffled = values(await stack.changes(us));
    expect(shuffled).not.toEqual(written);
    expect([...shuffled].sort()).toEqual([...written].sort());
    for (const [at, value] of shuffled.entries()) expect(at - Number(value)).toBeLessThan(10);
    stack.aws.faults.reorderRecords(1);
    await put(stack, us, 'a', 'x');
    await put(stack, us, 'a', 'y');
    await stack.aws.drained();
    expect(values(await stack.changes(us)).slice(40)).toEqual(['x', 'y']);
  });

  it('does the same again for the same seed', async () => {
    const run = async (seed: number): Promise<unknown[]> => {
      // On a clock that stands still, since held records go on after a while.
      const stack = await open({ regions: [us], shardCount: 1, seed, clock: new ManualClock() });
      stack.aws.faults.pauseCapture();
      stack.aws.faults.duplicateRecords(0.3);
      stack.aws.faults.reorderRecords(60);
      await putMany(stack, 30);
      stack.aws.faults.reorderRecords(1);
      stack.aws.faults.resumeCapture();
      await stack.aws.drained();
      return (await stack.changes(us)).map((change) => [change.eventID, change.dynamodb.NewImage]);
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect(await run(4)).not.toEqual(first);
  });

  it('skips records silently when told to', async () => {
    const stack = await open({ regions: [us] });
    await put(stack, us, 'a', '1');
    stack.aws.faults.skipRecords(1);
    await put(stack, us, 'a', '2');
    await put(stack, us, 'a', '3');
    await stack.aws.drained();
    expect(values(await stack.changes(us))).toEqual(['1', '3']);
    expect(stack.aws.stats(us).skipped).toBe(1);
  });

  it('leaves a hole in the stream while it is disabled, in the region named only', async () => {
    const stack = await open();
    stack.aws.faults.disableStream(table, us);
    await put(stack, us, 'a', '1');
    stack.aws.faults.enableStream(table, us);
    await put(stack, us, 'a', '2');
    await stack.aws.drained();
    expect(values(await stack.changes(us))).toEqual(['2']);
    expect(values(await stack.changes(eu))).toEqual(['1', '2']);
  });

  it('tries throttled, dropped and unanswered records again until the stream has them', async () => {
    const stack = await open({ regions: [us], shardCount: 1 });
    const target = { service: 'kinesis', operation: 'PutRecords', region: us } as const;
    const throttled = stack.aws.faults.throttle(target, 2);
    const dropped = stack.aws.faults.dropConnection(target, 1);
    await put(stack, us, 'a', '1');
    await stack.aws.drained();
    const unanswered = stack.aws.faults.dropAnswer(target, 1);
    await put(stack, us, 'a', '2');
    await stack.aws.drained();
    expect(values(await stack.changes(us))).toEqual(['1', '2', '2']);
    expect([throttled.hits, dropped.hits, unanswered.hits]).toEqual([2, 1, 1]);
    expect(stack.aws.stats(us).publishRetries).toBe(4);
  });
});

describe('AwsFaults: requests', () => {
  it('throttles the next requests of one operation, and no others', async () => {
    const stack = await open({ regions: [us] });
    const fault = stack.aws.faults.throttle({ operation: 'PutItem', resource: table }, 2);
    expect(await read(stack, us, 'a')).toBeUndefined();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(put(stack, us, 'a', '1')).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    }
    await put(stack, us, 'a', '1');
    expect(await read(stack, us, 'a')).toBe('1');
    expect(fault.hits).toBe(2);
  });

  it('meets only requests for the resource named', async () => {
    const stack = await open({ regions: [us] });
    await stack.aws.createTable(us, 'leases');
    stack.aws.faults.throttle({ resource: 'leases' }, 1);
    await put(stack, us, 'a', '1');
    await expect(stack.items(us, 'leases')).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  });

  it('drops a connection before the write is done', async () => {
    const stack = await open({ regions: [us] });
    stack.aws.faults.dropConnection({ operation: 'PutItem' }, 1);
    await expect(put(stack, us, 'a', '1')).rejects.toMatchObject(hungUp);
    expect(await read(stack, us, 'a')).toBeUndefined();
    expect(stack.aws.stats(us).captured).toBe(0);
  });

  it('drops the answer after the write is done: an ambiguous write', async () => {
    const stack = await open();
    stack.aws.faults.dropAnswer({ operation: 'PutItem', region: us }, 1);
    await expect(put(stack, us, 'a', '1')).rejects.toMatchObject(hungUp);
    expect(await read(stack, us, 'a')).toBe('1');
    await stack.aws.drained();
    expect(values(await stack.changes(eu))).toEqual(['1']);
  });

  it('lets a client that retries write through an ambiguous answer, streaming the change once', async () => {
    const stack = await open({ regions: [us] }, 3);
    stack.aws.faults.dropAnswer({ operation: 'PutItem' }, 1);
    await put(stack, us, 'a', '1');
    await stack.aws.drained();
    expect(values(await stack.changes(us))).toEqual(['1']);
  });

  it('stalls one region until the fault is cleared, and serves then what it held', async () => {
    const stack = await open();
    const stall = stack.aws.faults.stall({ service: 'dynamodb', region: eu });
    let done = false;
    const held = put(stack, eu, 'a', 'eu').then(() => (done = true));
    await eventually('the request is held', () => stall.hits === 1);
    await put(stack, us, 'b', 'us');
    await stack.aws.drained();
    expect(done).toBe(false);
    stall.clear();
    await held;
    expect(await read(stack, eu, 'a')).toBe('eu');
    expect(await read(stack, eu, 'b')).toBe('us');
  });

  it('stops while requests are stalled', async () => {
    const stack = await open({ regions: [us] });
    const stall = stack.aws.faults.stall({ region: us });
    const held = put(stack, us, 'a', '1').catch((error: unknown) => error);
    await eventually('the request is held', () => stall.hits === 1);
    await stack.aws.stop();
    expect(await held).toMatchObject(hungUp);
  });

  it('delays an operation by the time asked for, until cleared', async () => {
    const stack = await open({ regions: [us] });
    const fault = stack.aws.faults.delay({ operation: 'GetItem' }, 60);
    const startMs = performance.now();
    await read(stack, us, 'a');
    // Timers may fire up to a millisecond early.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(59);
    fault.clear();
    await read(stack, us, 'a');
    expect(fault.hits).toBe(1);
  });

  it('answers with any error of AWS, for Kinesis too', async () => {
    const stack = await open({ regions: [us] });
    const error = { statusCode: 400, type: 'LimitExceededException', message: 'too many' };
    stack.aws.faults.fail({ service: 'kinesis', operation: 'ListStreams' }, error, 1);
    const failure = await stack
      .kinesis(us)
      .send(new ListStreamsCommand({}))
      .catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ name: 'LimitExceededException', message: 'too many' });
    expect((await stack.kinesis(us).send(new ListStreamsCommand({}))).StreamNames).toEqual(['tidemark-cdc']);
  });
});

describe('AwsFaults: replication', () => {
  it('holds writes in one direction while the other goes on', async () => {
    const stack = await open();
    stack.aws.faults.pauseReplication(us, eu);
    await put(stack, us, 'a', 'us');
    await put(stack, eu, 'b', 'eu');
    await eventually('eu has reached us', async () => (await read(stack, us, 'b')) === 'eu');
    expect(await read(stack, eu, 'a')).toBeUndefined();
    expect(stack.aws.stats(us).replicationInFlight).toBe(1);
    stack.aws.faults.resumeReplication(us, eu);
    await stack.aws.drained();
    expect(await read(stack, eu, 'a')).toBe('us');
  });

  it('changes the delay of one direction while it runs', async () => {
    const stack = await open({ replicationDelayMs: 60_000 });
    await put(stack, us, 'slow', '1');
    stack.aws.faults.setReplicationDelay(0, us, eu);
    await put(stack, us, 'fast', '1');
    await eventually('the fast write has arrived', async () => (await read(stack, eu, 'fast')) === '1');
    expect(await read(stack, eu, 'slow')).toBeUndefined();
    expect(() => stack.aws.faults.setReplicationDelay(0, us, 'mars-1')).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });
});
