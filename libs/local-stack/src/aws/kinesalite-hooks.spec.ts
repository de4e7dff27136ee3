import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createKinesalite, type KinesaliteInstance } from './kinesalite-hooks.js';
import { callListener } from './listener-call.js';

const StreamName = 's';
const startMs = 1_700_000_000_500;
const highest = String((1n << 128n) - 1n);

afterEach(() => {
  jest.restoreAllMocks();
});

/** kinesalite reads the time of the process. */
function setClock(): { at: number } {
  const clock = { at: startMs };
  jest.spyOn(Date, 'now').mockImplementation(() => clock.at);
  return clock;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function ask(kinesis: KinesaliteInstance, operation: string, input: object): Promise<Record<string, unknown>> {
  const { statusCode, body } = await callListener(kinesis.listener, {
    method: 'POST',
    url: '/',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
      'x-amz-date': '20260101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0',
    },
    operation,
    body: Buffer.from(JSON.stringify(input)),
  });
  if (statusCode !== 200) throw new Error(body.toString());
  return body.length === 0 ? {} : (JSON.parse(body.toString()) as Record<string, unknown>);
}

async function untilActive(kinesis: KinesaliteInstance): Promise<void> {
  for (;;) {
    const { StreamDescription } = await ask(kinesis, 'DescribeStream', { StreamName });
    if ((StreamDescription as { StreamStatus: string }).StreamStatus === 'ACTIVE') return;
    await nextTurn();
  }
}

async function streamOf(shardCount: number): Promise<KinesaliteInstance> {
  const kinesis = createKinesalite('us-east-1', '000000000000');
  await ask(kinesis, 'CreateStream', { StreamName, ShardCount: shardCount });
  await untilActive(kinesis);
  return kinesis;
}

async function iteratorOf(kinesis: KinesaliteInstance, shard: number): Promise<unknown> {
  const at = { ShardId: `shardId-00000000000${shard}`, ShardIteratorType: 'TRIM_HORIZON' };
  return (await ask(kinesis, 'GetShardIterator', { StreamName, ...at }))['ShardIterator'];
}

/** Puts a record into the shard at the upper end of the key space. */
function put(kinesis: KinesaliteInstance, text: string): Promise<unknown> {
  const record = { PartitionKey: 'k', ExplicitHashKey: highest, Data: Buffer.from(text).toString('base64') };
  return ask(kinesis, 'PutRecord', { StreamName, ...record });
}

interface Page {
  readonly Records: readonly { readonly Data: string }[];
  readonly NextShardIterator: unknown;
}

async function read(kinesis: KinesaliteInstance, ShardIterator: unknown): Promise<Page> {
  return (await ask(kinesis, 'GetRecords', { ShardIterator })) as unknown as Page;
}

async function texts(kinesis: KinesaliteInstance, from: unknown): Promise<readonly string[]> {
  const found: string[] = [];
  let iterator = from;
  for (let page = 0; page < 3; page++) {
    const { Records, NextShardIterator } = await read(kinesis, iterator);
    found.push(...Records.map(({ Data }) => Buffer.from(Data, 'base64').toString('utf8')));
    iterator = NextShardIterator;
  }
  return found;
}

describe('the first record of a stream', () => {
  it.each([
    ['one shard', 1],
    ['shards of a second counter', 6],
  ])('is read from an iterator that waited for it while the clock was set back: %s', async (_what, shardCount) => {
    const clock = setClock();
    const kinesis = await streamOf(shardCount);
    clock.at += 10_000;
    const { NextShardIterator } = await read(kinesis, await iteratorOf(kinesis, shardCount - 1));
    clock.at -= 5_000;
    await put(kinesis, 'first');
    await put(kinesis, 'second');
    clock.at += 10_000;
    expect(await texts(kinesis, NextShardIterator)).toEqual(['first', 'second']);
  });

  it('is read from an iterator that waited in a shard of a split, too', async () => {
    const clock = setClock();
    const kinesis = await streamOf(5);
    const range = { ShardToSplit: 'shardId-000000000004', NewStartingHashKey: String((1n << 128n) - 1_000n) };
    await ask(kinesis, 'SplitShard', { StreamName, ...range });
    await untilActive(kinesis);
    clock.at += 10_000;
    const { NextShardIterator } = await read(kinesis, await iteratorOf(kinesis, 6));
    clock.at -= 5_000;
    await put(kinesis, 'first');
    clock.at += 10_000;
    expect(await texts(kinesis, NextShardIterator)).toEqual(['first']);
  });
});
