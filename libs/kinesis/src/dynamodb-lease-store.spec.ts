import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ShardLease } from '@tidemark/pipeline';
import { leaseStoreContract } from '@tidemark/pipeline/testing';
import { dynamodbConfig, type Emulator, startDynalite } from '../test/emulators.js';
import { DynamoDBLeaseStore } from './dynamodb-lease-store.js';
import { toItem } from './lease-item.js';

const { signal } = new AbortController();
let emulator: Emulator;
let store: DynamoDBLeaseStore;

beforeEach(async () => {
  emulator = await startDynalite();
  store = new DynamoDBLeaseStore({ table: 'leases', dynamodb: dynamodbConfig(emulator), createTable: true });
});

afterEach(async () => {
  store.close();
  await emulator.stop();
});

const lease: ShardLease = {
  shardId: 's1',
  streamId: 'stream:1',
  owner: null,
  counter: 0,
  checkpoint: 'TRIM_HORIZON',
  writtenCheckpoint: 'TRIM_HORIZON',
  ownerSwitches: 0,
  parents: ['s0'],
  startHash: '0',
  endHash: '9',
  readUpTo: null,
};

describe('DynamoDBLeaseStore on dynalite', () => {
  for (const { name, run } of leaseStoreContract(async () => store)) it(name, run);
});

describe('DynamoDBLeaseStore', () => {
  const loseAnswerOf = (operation: string, times: number): void => {
    let lost = 0;
    emulator.intercept = (name) => (name === operation && (lost += 1) <= times ? 'lose-answer' : undefined);
  };
  const taken = async (): Promise<ShardLease> => {
    await store.create(lease, signal);
    const row = await store.take(lease, 'me', signal);
    if (row === undefined) throw new Error('not taken');
    return row;
  };
  const row = async (): Promise<ShardLease | undefined> => (await store.list(signal))[0];

  it.each<[string, (row: ShardLease) => Promise<ShardLease | undefined>, Partial<ShardLease>]>([
    ['renewal', (held) => store.renew(held, 70, signal), { readUpTo: 70, counter: 2 }],
    ['checkpoint', (held) => store.checkpoint(held, '5', 70, signal), { checkpoint: '5', readUpTo: 70, counter: 2 }],
    ['release', (held) => store.release(held, signal), { owner: null, counter: 2 }],
    ['take-over', (held) => store.take(held, 'you', signal), { owner: 'you', counter: 2 }],
  ])('recognises its own %s when the first answer was lost', async (_, write, expected) => {
    const held = await taken();
    loseAnswerOf('UpdateItem', 1);
    const written = await write(held);
    expect(written).toMatchObject(expected);
    expect(await row()).toEqual(written);
    expect(emulator.requests.filter(({ operation }) => operation === 'UpdateItem').length).toBeGreaterThanOrEqual(3);
  });

  it('recognises its own question for a lease, and its own hand-over, when the first answer was lost', async () => {
    const held = await taken();
    loseAnswerOf('UpdateItem', 1);
    const asked = await store.ask(held, 'you', signal);
    expect(asked).toMatchObject({ owner: 'you', checkpointOwner: 'me', counter: held.counter });
    if (asked === undefined) throw new Error('not asked');
    loseAnswerOf('UpdateItem', 1);
    const over = await store.handOver(asked, '5', 70, signal);
    expect(over).toMatchObject({ owner: 'you', checkpoint: '5', readUpTo: 70, counter: held.counter + 1 });
    expect(await row()).toEqual(over);
  });

  it('tells the owner that its lease is asked for, also behind a write of its own whose answer never came', async () => {
    const held = await taken();
    loseAnswerOf('UpdateItem', 2);
    await expect(store.renew(held, 70, signal)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    emulator.intercept = () => undefined;
    const renewed = await row();
    if (renewed === undefined) throw new Error('no row');
    const asked = await store.ask(renewed, 'you', signal);
    expect(asked).toMatchObject({ owner: 'you', counter: held.counter + 1 });
    expect(await store.checkpoint(held, '5', 80, signal)).toEqual(asked);
    expect(await store.release(held, signal)).toEqual(asked);
    expect(await row()).toEqual(asked);
  });

  it('keeps attributes of a row that it does not know', async () => {
    const held = await taken();
    const client = new DynamoDBClient(dynamodbConfig(emulator));
    await client.send(
      new UpdateItemCommand({
        TableName: 'leases',
        Key: { leaseKey: { S: 's1' } },
        UpdateExpression: 'SET throughputKBps = :n, pendingCheckpoint = :s',
        ExpressionAttributeValues: { ':n': { N: '5' }, ':s': { S: 'x' } },
      }),
    );
    const renewed = await store.renew(held, 70, signal);
    expect(renewed).toBeDefined();
    const { Item } = await client.send(
      new GetItemCommand({ TableName: 'leases', Key: { leaseKey: { S: 's1' } }, ConsistentRead: true }),
    );
    client.destroy();
    expect(Item).toMatchObject({ throughputKBps: { N: '5' }, pendingCheckpoint: { S: 'x' }, readUpTo: { N: '70' } });
  });

  it('writes on top of its own earlier write whose answer never came', async () => {
    const held = await taken();
    loseAnswerOf('UpdateItem', 2);
    await expect(store.renew(held, 70, signal)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    emulator.intercept = () => undefined;
    const written = await store.checkpoint(held, '5', 80, signal);
    expect(written).toMatchObject({ checkpoint: '5', readUpTo: 80, counter: 3, owner: 'me' });
    expect(await row()).toEqual(written);
  });

  it('hazard 33: does not take another worker’s write for its own', async () => {
    const held = await taken();
    const stolen = await store.take(held, 'thief', signal);
    expect(await store.checkpoint(held, '5', 80, signal)).toBeUndefined();
    expect(await store.release(held, signal)).toBeUndefined();
    expect(await row()).toEqual(stolen);
  });

  it('keeps the items of the Kinesis Client Library, with three attributes more', async () => {
    await taken();
    emulator.requests.length = 0;
    let item: unknown;
    emulator.intercept = (operation, body) => {
      if (operation === 'PutItem') item = body['Item'];
      return undefined;
    };
    await store.create({ ...lease, shardId: 's2', owner: 'w', readUpTo: 12, checkpoint: '77' }, signal);
    expect(item).toEqual({
      leaseKey: { S: 's2' },
      leaseOwner: { S: 'w' },
      leaseCounter: { N: '0' },
      checkpoint: { S: '77' },
      checkpointSubSequenceNumber: { N: '0' },
      ownerSwitchesSinceCheckpoint: { N: '0' },
      parentShardId: { SS: ['s0'] },
      startingHashKey: { S: '0' },
      endingHashKey: { S: '9' },
      readUpTo: { N: '12' },
      streamId: { S: 'stream:1' },
      writtenCheckpoint: { S: 'TRIM_HORIZON' },
    });
  });

  it('reads strongly', async () => {
    await row();
    expect(
      emulator.requests
        .filter(({ operation }) => operation === 'Scan')
        .every(({ body }) => body['ConsistentRead'] === true),
    ).toBe(true);
  });

  it('lists an item it cannot read by its shard and what is wrong with it, beside the others', async () => {
    const healthy = { ...lease, shardId: 's2' };
    await store.list(signal);
    emulator.intercept = (operation) =>
      operation === 'Scan'
        ? {
            status: 200,
            body: {
              Items: [{ leaseKey: { S: 's1' }, leaseCounter: { S: 'many' }, checkpoint: { S: '1' } }, toItem(healthy)],
            },
          }
        : undefined;
    const rows = await store.list(signal);
    expect(rows).toMatchObject([
      { shardId: 's1', problem: 'the lease of s1: leaseCounter: expected a whole number' },
      healthy,
    ]);
  });

  it('names a table that holds something else than leases', async () => {
    await store.list(signal);
    emulator.intercept = (operation) =>
      operation === 'Scan' ? { status: 200, body: { Items: [{ key: { S: 'users:1' } }] } } : undefined;
    await expect(store.list(signal)).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringMatching(/^\S+ has an item without a leaseKey: is it a lease table\?$/) as unknown,
    });
  });

  it('says that the table is not there, and which, unless it may make it', async () => {
    const other = new DynamoDBLeaseStore({ table: 'other', dynamodb: dynamodbConfig(emulator) });
    await expect(other.list(signal)).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message: expect.stringContaining('lease table other') as unknown,
    });
    other.close();
  });

  it('makes the table once, however many ask at a time', async () => {
    const others = [1, 2, 3].map(
      () => new DynamoDBLeaseStore({ table: 'shared', dynamodb: dynamodbConfig(emulator), createTable: true }),
    );
    expect(await Promise.all(others.map((other) => other.list(signal)))).toEqual([[], [], []]);
    for (const other of others) other.close();
  });

  it('tells throttling by its code', async () => {
    await store.list(signal);
    emulator.intercept = () => ({ status: 400, body: { __type: 'ThrottlingException', message: 'slow down' } });
    await expect(store.list(signal)).rejects.toMatchObject({ code: 'THROTTLED', retriable: true });
  });
});
