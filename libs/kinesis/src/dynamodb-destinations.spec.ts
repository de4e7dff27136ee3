import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dynamodbConfig, type Emulator, startDynalite } from '../test/emulators.js';
import { DynamoDBDestinations } from './dynamodb-destinations.js';
import { DynamoDBLeaseStore } from './dynamodb-lease-store.js';

const { signal } = new AbortController();
const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/changes';
let emulator: Emulator;
let leases: DynamoDBLeaseStore;
let destinations: DynamoDBDestinations;

beforeEach(async () => {
  emulator = await startDynalite();
  leases = new DynamoDBLeaseStore({ table: 'leases', dynamodb: dynamodbConfig(emulator), createTable: true });
  destinations = new DynamoDBDestinations({ streamArn, leaseTable: 'leases', dynamodb: dynamodbConfig(emulator) });
});

afterEach(async () => {
  destinations.close();
  leases.close();
  await emulator.stop();
});

/** What DynamoDB says of the destinations of any table. */
function described(...KinesisDataStreamDestinations: readonly object[]): void {
  emulator.intercept = (operation) =>
    operation === 'DescribeKinesisStreamingDestination'
      ? { status: 200, body: { TableName: 'users', KinesisDataStreamDestinations } }
      : undefined;
}

describe('hazard 51: DynamoDBDestinations, looking', () => {
  const ours = { StreamArn: streamArn, ApproximateCreationDateTimePrecision: 'MICROSECOND' };

  it.each<[string, object[], object]>([
    [
      'an active destination',
      [{ ...ours, DestinationStatus: 'ACTIVE' }],
      { status: 'ACTIVE', description: null, precision: 'MICROSECOND' },
    ],
    [
      'a disabled one, with what DynamoDB says about it',
      [{ ...ours, DestinationStatus: 'DISABLED', DestinationStatusDescription: 'by request' }],
      { status: 'DISABLED', description: 'by request', precision: 'MICROSECOND' },
    ],
    ['none at all', [], { status: 'NONE', description: null, precision: null }],
    [
      'one of another stream as none',
      [{ StreamArn: `${streamArn}-2`, DestinationStatus: 'ACTIVE' }],
      { status: 'NONE', description: null, precision: null },
    ],
    [
      'an active one and the trace of one that was disabled',
      [
        { ...ours, DestinationStatus: 'DISABLED' },
        { ...ours, DestinationStatus: 'ACTIVE' },
      ],
      { status: 'ACTIVE', description: 'beside one DISABLED', precision: 'MICROSECOND' },
    ],
  ])('tells %s', async (_, all, expected) => {
    described(...all);
    expect(await destinations.read('users', signal)).toEqual(expected);
    const { body } = emulator.requests.at(-1) ?? { body: {} };
    expect(body).toEqual({ TableName: 'users' });
  });

  it.each<[string, string, object]>([
    ['a table that is not there by its status', 'ResourceNotFoundException', { resolves: { status: 'TABLE_MISSING' } }],
    ['a missing permission by its code', 'AccessDeniedException', { rejects: { code: 'ACCESS_DENIED' } }],
    ['throttling by its code', 'ThrottlingException', { rejects: { code: 'THROTTLED', retriable: true } }],
  ])('tells %s', async (_, type, expected) => {
    emulator.intercept = () => ({ status: 400, body: { __type: type, message: 'said by the test' } });
    const outcome = await destinations.read('users', signal).then(
      (resolves) => ({ resolves }),
      (rejects: unknown) => ({ rejects }),
    );
    expect(outcome).toMatchObject(expected);
  });
});

describe('DynamoDBDestinations, remembering', () => {
  const look = { status: 'ACTIVE', description: null, precision: 'MICROSECOND', lookedAt: 1_000 };
  beforeEach(() => leases.list(signal));

  it('remembers the last look at each table, and nothing of another', async () => {
    expect(await destinations.get('users', signal)).toBeUndefined();
    const other = { status: 'DISABLED', description: 'by request', precision: null, lookedAt: 7 };
    await destinations.put('users', look, signal);
    await destinations.put('orders', other, signal);
    expect(await destinations.get('users', signal)).toEqual(look);
    expect(await destinations.get('orders', signal)).toEqual(other);
  });

  it('hazard 33: leaves a later look of another worker where it is', async () => {
    await destinations.put('users', { ...look, lookedAt: 2_000, status: 'DISABLED' }, signal);
    await destinations.put('users', look, signal);
    expect(await destinations.get('users', signal)).toMatchObject({ lookedAt: 2_000, status: 'DISABLED' });
    await destinations.put('users', { ...look, lookedAt: 3_000 }, signal);
    expect(await destinations.get('users', signal)).toEqual({ ...look, lookedAt: 3_000 });
  });

  it('reads strongly', async () => {
    await destinations.get('users', signal);
    expect(emulator.requests.at(-1)).toMatchObject({ operation: 'GetItem', body: { ConsistentRead: true } });
  });

  it('keeps its rows out of the leases that stand in the same table', async () => {
    await destinations.put('users', look, signal);
    expect(await leases.list(signal)).toEqual([]);
  });

  it('takes a row that it cannot read for none', async () => {
    emulator.intercept = (operation) =>
      operation === 'GetItem' ? { status: 200, body: { Item: { leaseKey: { S: 'destination:users' } } } } : undefined;
    expect(await destinations.get('users', signal)).toBeUndefined();
  });

  it('says that the lease table is not there', async () => {
    const other = new DynamoDBDestinations({ streamArn, leaseTable: 'other', dynamodb: dynamodbConfig(emulator) });
    await expect(other.get('users', signal)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    await expect(other.put('users', look, signal)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    other.close();
  });
});
