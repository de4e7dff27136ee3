import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { imageBytes, imageBytesMax, writeImage } from '@tidemark/protocol';
import { image, patient, writeId } from '../test/images.js';
import { awsError, hangUp, json, plain, reset, resetInAnswer, ScriptedServer } from '../test/scripted-server.js';
import { DynamoDbStore } from './dynamodb-store.js';

const table = 'permissions';
let server: ScriptedServer;
let store: DynamoDbStore;

beforeAll(async () => {
  server = await ScriptedServer.start();
});

afterAll(() => server.close());

afterEach(() => store.close());

function open(): DynamoDbStore {
  store = new DynamoDbStore({ config: server.config, backoffInitialMs: 1, backoffMaxMs: 2 });
  return store;
}

const newer = { type: 'newer', than: writeId(2) } as const;
const throttled = awsError(400, 'ProvisionedThroughputExceededException');
const hotKey = awsError(400, 'ThrottlingException', {
  ThrottlingReasons: [{ reason: 'TableReadKeyRangeThroughputExceeded', resource: 'arn:t' }],
});

describe('a read', () => {
  it('is strong, and signed', async () => {
    server.play(json({ Item: { key: { S: 'u:1' }, value: { B: Buffer.from('hi').toString('base64') } } }));
    const item = await open().read(table, 'u:1', patient);
    expect(item?.value).toEqual(new Uint8Array([104, 105]));
    expect(item?.writeId).toBeNull();
    expect(server.received[0]?.body).toEqual({ TableName: table, Key: { key: { S: 'u:1' } }, ConsistentRead: true });
    expect(server.received[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=local/);
  });

  it('of nothing is undefined', async () => {
    server.play(json({}));
    await expect(open().read(table, 'u:1', patient)).resolves.toBeUndefined();
  });

  it.each([
    ['a throttle', throttled],
    ['a 500', awsError(500, 'InternalServerError')],
    ['a page of a proxy', plain(502, '<html>')],
    ['a reset', reset],
    ['a connection that ends', hangUp],
    ['a reset within the answer', resetInAnswer],
    ['an answer that is no JSON', plain(200, '<html>')],
  ])('is repeated after %s', async (_name, failure) => {
    server.play(failure, failure, json({ Item: { key: { S: 'u:1' } } }));
    await expect(open().read(table, 'u:1', patient)).resolves.toMatchObject({ key: 'u:1' });
    expect(server.operations).toEqual(['GetItem', 'GetItem', 'GetItem']);
  });

  it('gives up after its attempts', async () => {
    server.play(throttled);
    await expect(open().read(table, 'u:1', patient)).rejects.toMatchObject({ code: 'THROTTLED', retriable: true });
    expect(server.operations).toHaveLength(3);
  });

  it.each([
    ['a hot key', hotKey, 'THROTTLED'],
    ['a missing table', awsError(400, 'ResourceNotFoundException'), 'TABLE_MISSING'],
    ['missing permission', awsError(400, 'AccessDeniedException'), 'ACCESS_DENIED'],
    ['a malformed item', json({ Item: { key: { S: 'u:1' }, value: { N: '1' } } }), 'MALFORMED_ITEM'],
  ])('is not repeated after %s', async (_name, failure, code) => {
    server.play(failure);
    await expect(open().read(table, 'u:1', patient)).rejects.toMatchObject({ code });
    expect(server.operations).toHaveLength(1);
  });

  it('of a malformed item names table and reason, and nothing of the item', async () => {
    server.play(json({ Item: { key: { S: 'u:secret' }, value: { S: 'secret' }, expiresAt: { S: 'secret' } } }));
    const error = await open()
      .read(table, 'u:secret', patient)
      .catch((thrown: unknown) => thrown);
    const reason = 'attribute expiresAt: expected a whole number';
    expect(error).toMatchObject({ code: 'MALFORMED_ITEM', context: { table, reason } });
    expect((error as Error).message + JSON.stringify(error)).not.toContain('secret');
  });
});

describe('a put', () => {
  it('replaces the whole item on its condition, and asks for the old one either way', async () => {
    server.play(json({}));
    const put = image({ writeId: writeId(2), expiresAt: 1_800_000_000, tombstone: true });
    await expect(open().put(table, put, newer, patient)).resolves.toEqual({ type: 'committed', old: undefined });
    expect(server.operations).toEqual(['PutItem']);
    expect(server.received[0]?.body).toEqual({
      TableName: table,
      Item: writeImage(put),
      ConditionExpression: 'attribute_not_exists(#w) OR #w < :w',
      ExpressionAttributeNames: { '#w': 'writeId' },
      ExpressionAttributeValues: { ':w': { S: writeId(2) } },
      ReturnValues: 'ALL_OLD',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('compares and sets a malformed write id', async () => {
    server.play(json({}));
    await open().put(table, image(), { type: 'replaces', writeId: 'zzz' }, patient);
    expect(server.received[0]?.body).toMatchObject({
      ConditionExpression: '#w = :seen',
      ExpressionAttributeValues: { ':seen': { S: 'zzz' } },
    });
  });

  it('tells what it replaced', async () => {
    server.play(json({ Attributes: writeImage(image()) }));
    await expect(open().put(table, image(), newer, patient)).resolves.toEqual({ type: 'committed', old: image() });
  });

  it('tells what refused it', async () => {
    server.play(awsError(400, 'ConditionalCheckFailedException', { Item: writeImage(image()) }));
    await expect(open().put(table, image(), newer, patient)).resolves.toEqual({ type: 'refused', old: image() });
    expect(server.operations).toHaveLength(1);
  });

  it('is told as committed though what it replaced is malformed', async () => {
    server.play(
      json({ Attributes: { key: { S: 'u:1' }, value: { N: '1' }, expiresAt: { S: 'x' }, writeId: { S: 'w' } } }),
    );
    const outcome = await open().put(table, image(), newer, patient);
    expect(outcome).toMatchObject({ type: 'committed', old: { writeId: 'w', value: null, expiresAt: null } });
  });

  it('cannot get past a write id that is no string', async () => {
    const item = { key: { S: 'u:1' }, writeId: { N: '7' } };
    server.play(awsError(400, 'ConditionalCheckFailedException', { Item: item }));
    await expect(open().put(table, image(), newer, patient)).rejects.toMatchObject({
      code: 'MALFORMED_ITEM',
      context: { table, reason: 'attribute writeId: expected a string' },
    });
  });

  it('is not sent when its image is too large', async () => {
    server.play(json({}));
    const rest = imageBytes(image({ value: '' }));
    const fits = image({ value: 'x'.repeat(imageBytesMax - rest) });
    const above = image({ value: 'x'.repeat(imageBytesMax - rest + 1) });
    await expect(open().put(table, above, newer, patient)).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
      retriable: false,
      context: { bytes: imageBytesMax + 1, bytesMax: imageBytesMax },
    });
    expect(server.operations).toEqual([]);
    await store.put(table, fits, newer, patient);
    expect(server.operations).toEqual(['PutItem']);
  });
});

describe('a delete', () => {
  it('is conditional like a put', async () => {
    server.play(json({ Attributes: writeImage(image()) }));
    await expect(open().delete(table, 'u:1', newer, patient)).resolves.toEqual({ type: 'committed', old: image() });
    expect(server.operations).toEqual(['DeleteItem']);
    expect(server.received[0]?.body).toEqual({
      TableName: table,
      Key: { key: { S: 'u:1' } },
      ConditionExpression: 'attribute_not_exists(#w) OR #w < :w',
      ExpressionAttributeNames: { '#w': 'writeId' },
      ExpressionAttributeValues: { ':w': { S: writeId(2) } },
      ReturnValues: 'ALL_OLD',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('tells that nothing refused it when nothing stands there', async () => {
    server.play(awsError(400, 'ConditionalCheckFailedException'));
    const condition = { type: 'replaces', writeId: 'zzz' } as const;
    await expect(open().delete(table, 'u:1', condition, patient)).resolves.toEqual({ type: 'refused', old: undefined });
  });
});

describe('a write', () => {
  it.each([
    ['a throttle', throttled, 'THROTTLED'],
    ['a conflict of regions', awsError(400, 'ReplicatedWriteConflictException'), 'STORE_UNAVAILABLE'],
    ['a 500', awsError(500, 'InternalServerError'), 'AMBIGUOUS_WRITE'],
    ['a page of a proxy', plain(502, '<html>'), 'AMBIGUOUS_WRITE'],
    ['an answer that is no JSON', plain(200, '<html>'), 'AMBIGUOUS_WRITE'],
    ['a reset', reset, 'AMBIGUOUS_WRITE'],
    ['a connection that ends', hangUp, 'AMBIGUOUS_WRITE'],
    ['a reset within the answer', resetInAnswer, 'AMBIGUOUS_WRITE'],
  ])('is sent once, and is told after %s', async (_name, failure, code) => {
    server.play(failure);
    await expect(open().put(table, image(), newer, patient)).rejects.toMatchObject({ code });
    await expect(store.delete(table, 'u:1', newer, patient)).rejects.toMatchObject({ code });
    expect(server.operations).toEqual(['PutItem', 'DeleteItem']);
  });
});

describe('check', () => {
  const description = {
    TableStatus: 'ACTIVE',
    KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
  };

  it('passes a table that has the key', async () => {
    server.play(throttled, json({ Table: description }));
    await expect(open().check(table, patient)).resolves.toBeUndefined();
    expect(server.operations).toEqual(['DescribeTable', 'DescribeTable']);
  });

  it('refuses one of another key, and asks no further', async () => {
    server.play(json({ Table: { ...description, KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] } }));
    await expect(open().check(table, patient)).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    expect(server.operations).toHaveLength(1);
  });

  it('fails without the table', async () => {
    server.play(awsError(400, 'ResourceNotFoundException'));
    await expect(open().check(table, patient)).rejects.toMatchObject({ code: 'TABLE_MISSING', context: { table } });
  });
});
