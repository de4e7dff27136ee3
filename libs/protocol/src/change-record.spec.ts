import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes, itemImage, mutated, text, wellFormed } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import {
  binaryImage,
  changeRecord,
  type ChangeRecordJson,
  type ImageJson,
  textImage,
  writeIds,
} from '../test/change-records.js';
import { isForeign } from './cdc-event.js';
import { type ChangeRecordContext, translateChangeRecord, type Translation } from './change-record.js';
import { writeImage } from './item-attributes.js';
import { type ItemImage } from './item.js';

const context: ChangeRecordContext = { binary: 'base64-twice', region: 'eu-west-1', position: 'shardId-0:1' };
const old = textImage(writeIds.first, '{"a":1}');
const current = textImage(writeIds.second, '{"a":2}');

const translateJson = (json: unknown, binary = context.binary): Translation =>
  translateChangeRecord(Buffer.from(JSON.stringify(json)), { ...context, binary });
const translate = (change: ChangeRecordJson): Translation => translateJson(changeRecord(change));

describe('translateChangeRecord', () => {
  it('reads an insert: from nothing to the new write id', () => {
    expect(translate({ eventName: 'INSERT', newImage: current })).toEqual({
      ok: true,
      event: {
        table: 'permissions',
        key: 'user:42',
        kind: 'insert',
        from: null,
        to: writeIds.second,
        stampUs: 1_720_740_233_012_000,
        expiresAt: 1_720_743_833,
        codec: 'json',
        lane: 'cdc',
        region: 'eu-west-1',
        position: 'shardId-0:1',
        value: Buffer.from('{"a":2}'),
      },
    });
  });

  it('reads a modification: from the old write id to the new one', () => {
    expect(translate({ eventName: 'MODIFY', oldImage: old, newImage: current })).toMatchObject({
      ok: true,
      event: { kind: 'modify', from: writeIds.first, to: writeIds.second, value: Buffer.from('{"a":2}') },
    });
  });

  it('reads a removal: to nothing, without a value (hazard 3)', () => {
    expect(translate({ eventName: 'REMOVE', oldImage: old })).toMatchObject({
      ok: true,
      event: { kind: 'remove', from: writeIds.first, to: null, value: null, codec: null, expiresAt: null },
    });
  });

  it('reads an expiry as any other removal, whoever is said to have made it (hazard 20)', () => {
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' };
    expect(translate({ eventName: 'REMOVE', oldImage: old, userIdentity })).toEqual(
      translate({ eventName: 'REMOVE', oldImage: old }),
    );
  });

  it.each<[string, boolean, ImageJson | undefined, ImageJson]>([
    ['an item without a write id (hazard 14)', true, undefined, { key: { S: 'user:42' }, value: { S: 'x' } }],
    ['an update that kept the write id (hazard 15)', true, old, { ...old, value: { S: 'other' } }],
    ['an update that took the write id away', true, old, { key: { S: 'user:42' } }],
    ['an ordinary put', false, old, current],
    ['an ordinary put over a foreign item', false, { key: { S: 'user:42' } }, current],
  ])('%s: foreign is %s', (_, foreign, oldImage, newImage) => {
    const change: ChangeRecordJson =
      oldImage === undefined ? { eventName: 'INSERT', newImage } : { eventName: 'MODIFY', oldImage, newImage };
    const result = translate(change);
    expect(result.ok && isForeign(result.event)).toBe(foreign);
  });

  it.each<[string, ImageJson]>([
    ['a tombstone', { key: { S: 'user:42' }, writeId: { S: writeIds.second }, tombstone: { BOOL: true } }],
    ['a lease', { key: { S: 'user:42' }, leaseId: { S: 'l-1' }, leaseUntil: { N: '1720740243012' } }],
  ])('reads %s as an item without a value', (_, newImage) => {
    expect(translate({ eventName: 'MODIFY', oldImage: old, newImage })).toMatchObject({
      ok: true,
      event: { value: null },
    });
  });
});

describe('the stamp', () => {
  it.each<[string, Pick<ChangeRecordJson, 'at' | 'precision'>, number | null]>([
    ['µs, as the field says', { at: 1_720_740_233_012_995, precision: 'MICROSECOND' }, 1_720_740_233_012_995],
    ['ms, as the field says', { at: 1_720_740_233_012, precision: 'MILLISECOND' }, 1_720_740_233_012_000],
    ['ms without the field, as AWS means it', { at: 1_720_740_233_012 }, 1_720_740_233_012_000],
    ['µs digits without the field are never guessed at', { at: 1_720_740_233_012_995 }, null],
    ['an unknown precision', { at: 1_720_740_233, precision: 'NANOSECOND' as 'MICROSECOND' }, null],
    ['a text', { at: '1720740233012' as unknown as number }, null],
    ['a time before the epoch', { at: -1 }, null],
    ['a fraction of a µs', { at: 1.5, precision: 'MICROSECOND' }, null],
  ])('%s', (_, stamp, expected) => {
    const result = translate({ eventName: 'REMOVE', oldImage: old, ...stamp });
    expect(result.ok && result.event.stampUs).toBe(expected);
  });
});

describe('binary values', () => {
  it.each([
    ['once', 1, 'base64'],
    ['twice', 2, 'base64-twice'],
  ] as const)('encoded %s give back their bytes', (_, times, binary) => {
    fc.assert(
      fc.property(bytes, (value) => {
        const record = changeRecord({ eventName: 'INSERT', newImage: binaryImage(writeIds.second, value, times) });
        const result = translateJson(record, binary);
        return result.ok && Buffer.from(value).equals(result.event.value ?? Buffer.alloc(0));
      }),
      runs(2),
    );
  });

  it('encoded once are malformed, not other bytes, where twice is configured', () => {
    const newImage = binaryImage(writeIds.second, Buffer.from([0xff, 0, 1]), 1);
    expect(translate({ eventName: 'INSERT', newImage })).toEqual({
      ok: false,
      reason: 'NewImage: attribute value: expected a string or base64-twice',
      table: 'permissions',
      key: 'user:42',
    });
  });
});

describe('a record that cannot be trusted', () => {
  const insert = changeRecord({ eventName: 'INSERT', newImage: current });
  const inner = insert['dynamodb'] as Record<string, unknown>;

  it.each<[unknown, string, string | null, string | null]>([
    [[], 'expected a JSON object', null, null],
    ['x', 'expected a JSON object', null, null],
    [null, 'expected a JSON object', null, null],
    [{ ...insert, tableName: 7 }, 'tableName: expected a string', null, 'user:42'],
    [{ ...insert, tableName: '' }, 'tableName: expected a string', null, 'user:42'],
    [{ ...insert, dynamodb: undefined }, 'dynamodb.Keys.key: expected a string', 'permissions', null],
    [
      { ...insert, dynamodb: { ...inner, Keys: { id: { S: 'x' } } } },
      'dynamodb.Keys.key: expected a string',
      'permissions',
      null,
    ],
    [{ ...insert, eventName: 'UPSERT' }, 'eventName: expected INSERT, MODIFY or REMOVE', 'permissions', 'user:42'],
    [{ ...insert, eventName: 'constructor' }, 'eventName: expected INSERT, MODIFY or REMOVE', 'permissions', 'user:42'],
    [{ ...insert, eventName: '__proto__' }, 'eventName: expected INSERT, MODIFY or REMOVE', 'permissions', 'user:42'],
    [{ ...insert, eventName: ['INSERT'] }, 'eventName: expected INSERT, MODIFY or REMOVE', 'permissions', 'user:42'],
    [
      { ...insert, eventName: { toString: 1, valueOf: 1 } },
      'eventName: expected INSERT, MODIFY or REMOVE',
      'permissions',
      'user:42',
    ],
    [{ ...insert, awsRegion: 'us-east-1' }, 'awsRegion: expected eu-west-1', 'permissions', 'user:42'],
    [{ ...insert, eventName: 'MODIFY' }, 'OldImage: one expected for modify', 'permissions', 'user:42'],
    [{ ...insert, eventName: 'REMOVE' }, 'OldImage: one expected for remove', 'permissions', 'user:42'],
    [
      { ...insert, dynamodb: { ...inner, OldImage: old } },
      'OldImage: none expected for insert',
      'permissions',
      'user:42',
    ],
    [
      { ...insert, dynamodb: { ...inner, NewImage: null } },
      'NewImage: one expected for insert',
      'permissions',
      'user:42',
    ],
    [
      { ...insert, dynamodb: { ...inner, NewImage: { ...current, key: { S: 'user:43' } } } },
      'NewImage.key: expected the key of Keys',
      'permissions',
      'user:42',
    ],
    [
      { ...insert, dynamodb: { ...inner, NewImage: { ...current, writeId: { N: '1' } } } },
      'NewImage: attribute writeId: expected a string',
      'permissions',
      'user:42',
    ],
    [
      { ...insert, eventName: 'MODIFY', dynamodb: { ...inner, OldImage: { ...old, writeId: { N: '1' } } } },
      'OldImage: attribute writeId: expected a string',
      'permissions',
      'user:42',
    ],
    [
      { ...insert, eventName: 'REMOVE', dynamodb: { ...inner, OldImage: old } },
      'NewImage: none expected for remove',
      'permissions',
      'user:42',
    ],
  ])('%#: says why, and how much must be dropped', (json, reason, table, key) => {
    expect(translateJson(json)).toEqual({ ok: false, reason, table, key });
  });

  it('of another region is refused, so that regions never mix (hazard 37)', () => {
    const bytesOfRecord = Buffer.from(JSON.stringify(insert));
    expect(translateChangeRecord(bytesOfRecord, { ...context, region: 'us-east-1' })).toMatchObject({ ok: false });
  });
});

describe('any record', () => {
  const images = itemImage.map((image) => ({ ...image, key: image.key.toWellFormed() }));
  const asJson = ({ value, ...rest }: ItemImage): ImageJson => {
    const json: Record<string, Record<string, unknown>> = writeImage({ ...rest, value: null });
    if (typeof value === 'string') json['value'] = { S: value.toWellFormed() };
    else if (value !== null)
      json['value'] = { B: Buffer.from(Buffer.from(value).toString('base64')).toString('base64') };
    return json;
  };

  it('made of two images is the transition between them', () => {
    fc.assert(
      fc.property(images, images, (before, after) => {
        const result = translate({
          eventName: 'MODIFY',
          key: after.key,
          oldImage: { ...asJson(before), key: { S: after.key } },
          newImage: asJson(after),
        });
        if (!result.ok) throw new Error(result.reason);
        const stored = typeof after.value === 'string' ? Buffer.from(after.value) : after.value;
        const { from, to, codec, expiresAt, value } = result.event;
        return isDeepStrictEqual(
          { from, to, codec, expiresAt, value: value && Buffer.from(value) },
          {
            from: before.writeId,
            to: after.writeId,
            codec: after.codec,
            expiresAt: after.expiresAt,
            value: stored && Buffer.from(stored),
          },
        );
      }),
      runs(),
    );
  });

  const valid = fc
    .tuple(images, images, fc.constantFrom('INSERT' as const, 'MODIFY' as const, 'REMOVE' as const))
    .map(([before, after, eventName]) =>
      changeRecord({
        eventName,
        key: after.key,
        ...(eventName === 'INSERT' ? {} : { oldImage: asJson(wellFormed(before)) }),
        ...(eventName === 'REMOVE' ? {} : { newImage: asJson(wellFormed(after)) }),
      }),
    );

  const garbled = fc.record({
    awsRegion: fc.oneof(fc.constant('eu-west-1'), fc.jsonValue({ maxDepth: 1 })),
    eventName: fc.oneof(fc.constantFrom('INSERT', 'MODIFY', 'REMOVE'), fc.jsonValue({ maxDepth: 2 })),
    tableName: fc.oneof(text, fc.jsonValue({ maxDepth: 1 })),
    dynamodb: fc.record(
      {
        ApproximateCreationDateTime: fc.oneof(fc.double(), fc.jsonValue({ maxDepth: 1 })),
        Keys: fc.oneof(fc.constant({ key: { S: 'user:42' } }), fc.jsonValue({ maxDepth: 2 })),
        NewImage: fc.oneof(images.map(asJson), fc.jsonValue({ maxDepth: 2 })),
        OldImage: fc.oneof(images.map(asJson), fc.jsonValue({ maxDepth: 2 })),
      },
      { requiredKeys: [] },
    ),
  });

  it('is translated or refused, never thrown at: bytes, JSON, garbled fields, mutated bytes', () => {
    const record = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 3 }).map((json) => Buffer.from(json)),
      garbled.map((json) => Buffer.from(JSON.stringify(json))),
      mutated(valid.map((json) => Buffer.from(JSON.stringify(json)))),
    );
    fc.assert(
      fc.property(record, (raw) => {
        const result = translateChangeRecord(raw, context);
        if (!result.ok) return typeof result.reason === 'string';
        const { kind, stampUs } = result.event;
        return ['insert', 'modify', 'remove'].includes(kind) && (stampUs === null || Number.isSafeInteger(stampUs));
      }),
      runs(),
    );
  });

  it('with attributes named __proto__ changes no prototype', () => {
    const json = JSON.stringify(changeRecord({ eventName: 'INSERT', newImage: current })).replaceAll(
      '{"key":',
      '{"__proto__":{"M":{"isAdmin":{"BOOL":true}},"S":"x"},"key":',
    );
    const result = translateChangeRecord(Buffer.from(json), context);
    expect(result).toEqual(translate({ eventName: 'INSERT', newImage: current }));
    expect(result.ok && Object.getPrototypeOf(result.event)).toBe(Object.prototype);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});
