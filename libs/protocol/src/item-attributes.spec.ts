import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes, itemImage, text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { type Attributes, type BinaryEncoding, readImage, wellFormedPart, writeImage } from './item-attributes.js';
import { attributes, type ItemImage } from './item.js';

const bare: ItemImage = {
  key: 'u:1',
  value: null,
  codec: null,
  writeId: null,
  expiresAt: null,
  writtenBy: null,
  tombstone: false,
  leaseId: null,
  leaseUntil: null,
  loaded: false,
};

const encodings: Readonly<Record<BinaryEncoding, (value: Uint8Array) => unknown>> = {
  bytes: (value) => value,
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64-twice': (value) => Buffer.from(Buffer.from(value).toString('base64')).toString('base64'),
};
const encodingNames = Object.keys(encodings) as BinaryEncoding[];

function encoded(image: ItemImage, encoding: BinaryEncoding): unknown {
  const item: Record<string, unknown> = writeImage(image);
  if (image.value instanceof Uint8Array) item['value'] = { B: encodings[encoding](image.value) };
  return item;
}

/** The same bytes are equal whatever class holds them. */
function comparable(image: ItemImage): unknown {
  return { ...image, value: image.value instanceof Uint8Array ? [...image.value] : image.value };
}

describe('an item', () => {
  it('leaves out what does not apply', () => {
    expect(writeImage(bare)).toEqual({ key: { S: 'u:1' } });
  });

  it.each(encodingNames)('comes back from DynamoDB as it went, binary as %s', (encoding) => {
    fc.assert(
      fc.property(itemImage, (image) => {
        const result = readImage(encoded(image, encoding), encoding);
        return result.ok && isDeepStrictEqual(comparable(result.image), comparable(image));
      }),
      runs(2),
    );
  });

  it('keeps an empty value apart from none', () => {
    for (const value of ['', new Uint8Array(0)]) {
      const result = readImage(writeImage({ ...bare, value }), 'bytes');
      expect(result.ok && result.image.value).toEqual(value);
    }
  });

  it('ignores what a foreign writer put beside', () => {
    const result = readImage({ ...writeImage(bare), owner: { S: 'x' }, since: { S: 'y' } }, 'bytes');
    expect(result).toEqual({ ok: true, image: bare });
  });
});

describe('an image of unexpected types', () => {
  it.each<[string, unknown, string | null, string]>([
    ['no object', 7, null, 'attribute key: expected a string'],
    ['nothing', null, null, 'attribute key: expected a string'],
    ['no key', {}, null, 'attribute key: expected a string'],
    ['a number as key', { key: { N: '1' } }, null, 'attribute key: expected a string'],
    ['a key without a type', { key: 'u:1' }, null, 'attribute key: expected a string'],
    ['a number as value', { value: { N: '1' } }, 'u:1', 'attribute value: expected a string or bytes'],
    ['a map as value', { value: { M: {} } }, 'u:1', 'attribute value: expected a string or bytes'],
    ['text as bytes', { value: { B: 'AAAA' } }, 'u:1', 'attribute value: expected a string or bytes'],
    ['a number as write id', { writeId: { N: '1' } }, 'u:1', 'attribute writeId: expected a string'],
    ['a null codec', { codec: { NULL: true } }, 'u:1', 'attribute codec: expected a string'],
    ['text as expiry', { expiresAt: { S: '1' } }, 'u:1', 'attribute expiresAt: expected a whole number'],
    ['a fraction as expiry', { expiresAt: { N: '1.5' } }, 'u:1', 'attribute expiresAt: expected a whole number'],
    ['a negative expiry', { expiresAt: { N: '-1' } }, 'u:1', 'attribute expiresAt: expected a whole number'],
    ['16 digits', { leaseUntil: { N: '1'.repeat(16) } }, 'u:1', 'attribute leaseUntil: expected a whole number'],
    ['text as tombstone', { tombstone: { S: 'true' } }, 'u:1', 'attribute tombstone: expected a boolean'],
    ['a number as load mark', { loaded: { N: '1' } }, 'u:1', 'attribute loaded: expected a boolean'],
  ])('%s is malformed, and the reason names the attribute', (_, change, key, reason) => {
    const raw = key === null ? change : { ...writeImage(bare), ...(change as Record<string, unknown>) };
    expect(readImage(raw, 'bytes')).toEqual({ ok: false, reason, key });
  });

  it.each<[BinaryEncoding, string]>([
    ['base64', 'no base64!'],
    ['base64', 'AAA'],
    ['base64', 'AA==AAAA'],
    ['base64-twice', 'AAAA'],
    ['base64-twice', Buffer.from('AAA').toString('base64')],
  ])('%s: %j is not taken for bytes', (encoding, value) => {
    const reason = `attribute value: expected a string or ${encoding}`;
    expect(readImage({ key: { S: 'u:1' }, value: { B: value } }, encoding)).toEqual({ ok: false, reason, key: 'u:1' });
  });

  it('tells a stream that encodes once from one that encodes twice, unless a value is base64 text itself', () => {
    fc.assert(
      fc.property(
        bytes.filter((value) => value.some((byte) => byte > 127)),
        (value) => {
          const once = { key: { S: 'u:1' }, value: { B: encodings.base64(value) } };
          return !readImage(once, 'base64-twice').ok;
        },
      ),
      runs(),
    );
  });

  it('is well formed but for what is named, which is left out', () => {
    const item = { ...writeImage({ ...bare, codec: 'own' }), owner: { L: [] } };
    expect(wellFormedPart(item, 'bytes')).toEqual({ item, problems: [] });
    expect(wellFormedPart({ ...item, value: { N: '1' }, writeId: { N: '2' } }, 'bytes')).toEqual({
      item,
      problems: ['attribute value: expected a string or bytes', 'attribute writeId: expected a string'],
    });
  });

  it('never throws, whatever the attributes hold', () => {
    const attribute = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.dictionary(
        fc.constantFrom('S', 'N', 'B', 'BOOL', 'NULL', 'M', '__proto__'),
        fc.oneof(text, fc.boolean(), bytes),
      ),
    );
    const item = fc.dictionary(fc.oneof(fc.constantFrom(...Object.values(attributes), '__proto__'), text), attribute);
    fc.assert(
      fc.property(fc.oneof(item, fc.anything()), fc.constantFrom(...encodingNames), (raw, encoding) => {
        const result = readImage(raw, encoding);
        if (
          !result.ok &&
          result.key !== null &&
          !readImage(wellFormedPart(raw as Attributes, encoding).item, encoding).ok
        )
          return false;
        return result.ok ? isPlain(result.image) : /^attribute \w+: expected/.test(result.reason);
      }),
      runs(),
    );
  });
});

/** Whether it has the fields of an image, of its own, and no others. */
function isPlain(image: ItemImage): boolean {
  return (
    Object.getPrototypeOf(image) === Object.prototype &&
    isDeepStrictEqual(Object.keys(image).sort(), Object.keys(bare).sort())
  );
}

describe('an attribute named __proto__', () => {
  const hostile =
    '{"key":{"S":"u:1"},"value":{"S":"v"},"__proto__":{"M":{"isAdmin":{"BOOL":true}},"S":"x","codec":{"S":"evil"}}}';

  it('changes no prototype, whether it came as its own property or as the prototype itself', () => {
    const own = JSON.parse(hostile) as Record<string, unknown>;
    const inherited: unknown = Object.assign(Object.create({ codec: { S: 'evil' }, isAdmin: true }) as object, {
      key: { S: 'u:1' },
      value: { S: 'v' },
    });
    for (const raw of [own, inherited]) {
      const result = readImage(raw, 'base64');
      expect(result).toEqual({ ok: true, image: { ...bare, value: 'v' } });
      expect(result.ok && isPlain(result.image)).toBe(true);
    }
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});
