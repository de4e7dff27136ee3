import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type WriteCondition } from '@tidemark/cache';
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
  it('hazard 2: is strong, and signed', async () => {
    server.play(json({ Item: { key: { S: 'u:1' }, value: { B: Buffer.from('hi').toString('base64') } } }));
    const item = await open().read(table, 'u:1', patient);
    expect(item?.value).toEqual(new Uint8Array([104, 105]));
    expect(item?.writeId).toBeNull();
    expect(server.received[0]?.body).toEqual({ TableName: table, Key: { key: { S: 'u:1' } }, ConsistentRead: true });
    expect(server.received[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=local/);
  });

  it('is eventually consistent only where that is asked for', async () => {
    server.play(json({}), json({}));
    const store = open();
    await store.read(table, 'u:1', { ...patient, consistency: 'strong' });
    await store.read(table, 'u:1', { ...patient, consistency: 'eventual' });
    expect(server.received.map(({ body }) => Reflect.get(Object(body), 'ConsistentRead') as unknown)).toEqual([
      true,
      false,
    ]);
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

  it.each<[WriteCondition, string, Record<string, string>, Record<string, unknown>]>([
    [{ type: 'replaces', writeId: 'zzz' }, '#w = :seen', { '#w': 'writeId' }, { ':seen': { S: 'zzz' } }],
    [
      { type: 'absent', than: writeId(2), now: 1_700_000_000 },
      '(attribute_not_exists(#v) OR #e <= :now) AND (attribute_not_exists(#w) OR #w < :w)',
      { '#v': 'value', '#w': 'writeId', '#e': 'expiresAt' },
      { ':w': { S: writeId(2) }, ':now': { N: '1700000000' } },
    ],
    [
      { type: 'matches', writeId: writeId(1), now: 1_700_000_000 },
      '#w = :seen AND attribute_exists(#v) AND (attribute_not_exists(#e) OR #e > :now)',
      { '#v': 'value', '#w': 'writeId', '#e': 'expiresAt' },
      { ':seen': { S: writeId(1) }, ':now': { N: '1700000000' } },
    ],
    [
      { type: 'leased', leaseId: 'mine' },
      '#l = :mine AND attribute_not_exists(#v)',
      { '#v': 'value', '#l': 'leaseId' },
      { ':mine': { S: 'mine' } },
    ],
  ])('goes out on %j, put or delete', async (condition, expression, names, values) => {
    server.play(json({}));
    const sent = {
      ConditionExpression: expression,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValues: 'ALL_OLD',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
    await open().put(table, image(), condition, patient);
    await store.delete(table, 'u:1', condition, patient);
    expect(server.received.map(({ body }) => body)).toEqual([
      { TableName: table, Item: writeImage(image()), ...sent },
      { TableName: table, Key: { key: { S: 'u:1' } }, ...sent },
    ]);
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

  it('hazard 34: is not sent when its image is too large', async () => {
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

describe('a lease', () => {
  const claim = {
    leaseId: 'mine',
    nowMs: 1_700_000_000_999,
    leaseUntil: 1_700_000_010_999,
    expiresAt: 1_700_086_401,
  } as const;
  const leased = image({ value: null, codec: null, leaseId: 'mine', leaseUntil: claim.leaseUntil });

  it('is taken by an update that writes no write id, and tells the item as it is then', async () => {
    server.play(json({ Attributes: writeImage(leased) }));
    await expect(open().acquireLease(table, 'u:1', claim, patient)).resolves.toEqual({
      type: 'acquired',
      image: leased,
    });
    expect(server.operations).toEqual(['UpdateItem']);
    expect(server.received[0]?.body).toEqual({
      TableName: table,
      Key: { key: { S: 'u:1' } },
      UpdateExpression: 'SET #l = :mine, #u = :until, #e = :expiresAt REMOVE #v, #c, #d',
      ConditionExpression: '(attribute_not_exists(#v) OR #e <= :now) AND (attribute_not_exists(#l) OR #u <= :nowMs)',
      ExpressionAttributeNames: {
        '#v': 'value',
        '#c': 'codec',
        '#d': 'loaded',
        '#e': 'expiresAt',
        '#l': 'leaseId',
        '#u': 'leaseUntil',
      },
      ExpressionAttributeValues: {
        ':mine': { S: 'mine' },
        ':until': { N: '1700000010999' },
        ':expiresAt': { N: '1700086401' },
        ':now': { N: '1700000000' },
        ':nowMs': { N: '1700000000999' },
      },
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('is refused by a live value or another lease, and tells it', async () => {
    const other = { ...leased, leaseId: 'theirs' };
    for (const old of [image(), other, undefined]) {
      server.play(awsError(400, 'ConditionalCheckFailedException', old && { Item: writeImage(old) }));
      await expect(open().acquireLease(table, 'u:1', claim, patient)).resolves.toEqual({ type: 'refused', old });
      expect(server.operations).toHaveLength(1);
    }
  });

  it('is told as taken though other attributes are malformed', async () => {
    server.play(json({ Attributes: { ...writeImage(leased), writtenBy: { N: '1' } } }));
    const outcome = await open().acquireLease(table, 'u:1', claim, patient);
    expect(outcome).toEqual({ type: 'acquired', image: { ...leased, writtenBy: null } });
  });

  it('whose answer holds no item may have been taken', async () => {
    server.play(json({}));
    await expect(open().acquireLease(table, 'u:1', claim, patient)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
  });

  it.each([
    ['with the item', null, 'DeleteItem', {}],
    ['from an item that stays', writeId(1), 'UpdateItem', { UpdateExpression: 'REMOVE #l, #u' }],
  ])('is given up %s, if it stands and no value does', async (_name, base, operation, more) => {
    server.play(json({}), awsError(400, 'ConditionalCheckFailedException'));
    const held = { leaseId: 'mine', writeId: base };
    await expect(open().releaseLease(table, 'u:1', held, patient)).resolves.toBeUndefined();
    await expect(store.releaseLease(table, 'u:1', held, patient)).resolves.toBeUndefined();
    const names = { '#v': 'value', '#l': 'leaseId', ...(base === null ? {} : { '#u': 'leaseUntil' }) };
    expect(server.operations).toEqual([operation, operation]);
    expect(server.received[0]?.body).toEqual({
      TableName: table,
      Key: { key: { S: 'u:1' } },
      ConditionExpression: '#l = :mine AND attribute_not_exists(#v)',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: { ':mine': { S: 'mine' } },
      ...more,
    });
  });
});

describe('a touch', () => {
  it('changes one attribute that nothing reads, of an item that is there', async () => {
    server.play(json({}), awsError(400, 'ConditionalCheckFailedException'));
    await expect(open().touch(table, 'u:1', 'm-1', patient)).resolves.toBe(true);
    await expect(store.touch(table, 'u:1', 'm-1', patient)).resolves.toBe(false);
    expect(server.received[0]?.body).toEqual({
      TableName: table,
      Key: { key: { S: 'u:1' } },
      UpdateExpression: 'SET #t = :mark',
      ConditionExpression: 'attribute_exists(#k)',
      ExpressionAttributeNames: { '#k': 'key', '#t': 'touched' },
      ExpressionAttributeValues: { ':mark': { S: 'm-1' } },
    });
  });
});

describe('a write', () => {
  const claim = { leaseId: 'mine', nowMs: 1, leaseUntil: 2, expiresAt: 3 };
  const calls: readonly [operation: string, send: () => Promise<unknown>][] = [
    ['PutItem', () => store.put(table, image(), newer, patient)],
    ['DeleteItem', () => store.delete(table, 'u:1', newer, patient)],
    ['UpdateItem', () => store.acquireLease(table, 'u:1', claim, patient)],
    ['DeleteItem', () => store.releaseLease(table, 'u:1', { leaseId: 'mine', writeId: null }, patient)],
    ['UpdateItem', () => store.releaseLease(table, 'u:1', { leaseId: 'mine', writeId: 'w' }, patient)],
    ['UpdateItem', () => store.touch(table, 'u:1', 'm-1', patient)],
  ];

  it.each([
    ['a throttle', throttled, 'THROTTLED'],
    ['a conflict of regions', awsError(400, 'ReplicatedWriteConflictException'), 'STORE_UNAVAILABLE'],
    ['a 500', awsError(500, 'InternalServerError'), 'AMBIGUOUS_WRITE'],
    ['a page of a proxy', plain(502, '<html>'), 'AMBIGUOUS_WRITE'],
    ['an answer that is no JSON', plain(200, '<html>'), 'AMBIGUOUS_WRITE'],
    ['a reset', reset, 'AMBIGUOUS_WRITE'],
    ['a connection that ends', hangUp, 'AMBIGUOUS_WRITE'],
    ['a reset within the answer', resetInAnswer, 'AMBIGUOUS_WRITE'],
  ])('hazard 11: is sent once whatever it is, and is told after %s', async (_name, failure, code) => {
    open();
    for (const [operation, send] of calls) {
      server.play(failure);
      await expect(send()).rejects.toMatchObject({ code });
      expect(server.operations).toEqual([operation]);
    }
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
