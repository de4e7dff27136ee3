import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { itemImage, text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { writeImage } from './item-attributes.js';
import {
  imageBytes,
  isBucket,
  type ItemImage,
  itemKeyBytesMax,
  itemKeyOf,
  keyProblem,
  parseItemKey,
  payloadBytes,
} from './item.js';

const bucketLetters = 'abcdefghijklmnopqrstuvwxyz0123456789-';
const bucket = fc.string({ unit: fc.constantFrom(...bucketLetters), minLength: 1, maxLength: 64 });

describe('itemKeyOf', () => {
  it('gives 100,000 pairs of bucket and key as many item keys', () => {
    const pairs = awkwardPairs(100_000);
    const itemKeys = new Set(pairs.map(([b, k]) => itemKeyOf(b, k)));
    expect(itemKeys.size).toBe(pairs.length);
    expect(new Set(pairs.map(([b, k]) => b + k)).size).toBeLessThan(80_000);
  });

  it('gives two pairs one item key only where they are one pair', () => {
    const near = fc.tuple(
      fc.string({ unit: fc.constantFrom('a', '-'), minLength: 1, maxLength: 3 }),
      fc.string({ unit: fc.constantFrom('a', '-', ':', ';'), minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(near, near, ([b1, k1], [b2, k2]) => {
        return (itemKeyOf(b1, k1) === itemKeyOf(b2, k2)) === (b1 === b2 && k1 === k2);
      }),
      runs(),
    );
  });

  it('is undone by parseItemKey', () => {
    fc.assert(
      fc.property(bucket, text, (b, key) => {
        return isDeepStrictEqual(parseItemKey(itemKeyOf(b, key)), key === '' ? undefined : { bucket: b, key });
      }),
      runs(),
    );
  });
});

/** Different pairs over few letters, so that parts slide into each other wherever a separator is missing. */
function awkwardPairs(count: number): (readonly [string, string])[] {
  const over = (letters: string, n: number): string => {
    let made = '';
    for (let rest = n; rest > 0; rest = Math.floor((rest - 1) / letters.length))
      made += letters.charAt((rest - 1) % letters.length);
    return made;
  };
  const pairs: (readonly [string, string])[] = [];
  for (let b = 1; pairs.length < count; b += 1)
    for (let k = 1; k <= 500 && pairs.length < count; k += 1) pairs.push([over('a-0', b), over('a:-0', k)]);
  return pairs;
}

describe('parseItemKey', () => {
  it.each([
    ['user:42', { bucket: 'user', key: '42' }],
    ['user::', { bucket: 'user', key: ':' }],
    ['a-1:b:c', { bucket: 'a-1', key: 'b:c' }],
    ['user:', undefined],
    [':42', undefined],
    ['user', undefined],
    ['', undefined],
    ['User:42', undefined],
    ['us er:42', undefined],
    [`${'b'.repeat(65)}:1`, undefined],
  ])('%j', (itemKey, parts) => {
    expect(parseItemKey(itemKey)).toEqual(parts);
  });

  it('only ever gives parts that make the same item key again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.tuple(text, text).map(([a, b]) => `${a}:${b}`),
        ),
        (itemKey) => {
          const parts = parseItemKey(itemKey);
          return parts === undefined || itemKeyOf(parts.bucket, parts.key) === itemKey;
        },
      ),
      runs(),
    );
  });
});

describe('isBucket', () => {
  it.each(['a', '0', '-', 'user-roles', 'b'.repeat(64)])('allows %s', (name) => {
    expect(isBucket(name)).toBe(true);
  });

  it.each(['', 'A', 'a:b', 'a_b', 'a.b', 'a\n', 'é', 'b'.repeat(65)])('refuses %j', (name) => {
    expect(isBucket(name)).toBe(false);
  });
});

describe('keyProblem', () => {
  it.each<[unknown, string]>([
    [undefined, 'expected a string, got undefined'],
    [null, 'expected a string, got null'],
    [7, 'expected a string, got number'],
    ['', 'expected a non-empty string, got an empty one'],
    ['a\ud800', 'expected well-formed Unicode, got a lone surrogate'],
    ['k'.repeat(2_044), 'expected at most 2048 bytes with its bucket, got 2049'],
    ['é'.repeat(1_022), 'expected at most 2048 bytes with its bucket, got 2049'],
    ['€'.repeat(682), 'expected at most 2048 bytes with its bucket, got 2051'],
  ])('refuses %j', (key, problem) => {
    expect(keyProblem('user', key)).toBe(problem);
  });

  it.each(['k', ':', ' ', '\0', 'k'.repeat(2_043), 'é'.repeat(1_021), '€'.repeat(681), '😀'])('allows %j', (key) => {
    expect(keyProblem('user', key)).toBeUndefined();
  });

  it('allows exactly what fits into a partition key', () => {
    fc.assert(
      fc.property(bucket, fc.integer({ min: 500, max: 700 }), fc.constantFrom('k', 'é', '€', '😀'), (b, n, letter) => {
        const key = letter.repeat(n) + 'k'.repeat(n);
        const fits = Buffer.byteLength(itemKeyOf(b, key)) <= itemKeyBytesMax;
        return (keyProblem(b, key) === undefined) === fits;
      }),
      runs(10),
    );
  });
});

describe('imageBytes', () => {
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

  it.each<[string, Partial<ItemImage>, number]>([
    ['a bare key', {}, 6],
    ['a key outside ASCII', { key: 'u:é' }, 7],
    ['a text value', { value: 'é€😀' }, 6 + 5 + 9],
    ['a binary value', { value: new Uint8Array(10) }, 6 + 5 + 10],
    ['an empty value', { value: '' }, 6 + 5],
    ['codec', { codec: 'json' }, 6 + 5 + 4],
    ['a write id', { writeId: '0'.repeat(32) }, 6 + 7 + 32],
    ['a tombstone', { tombstone: true }, 6 + 10],
    ['a load mark', { loaded: true }, 6 + 7],
    ['numbers, at their largest', { expiresAt: 1, leaseUntil: 1 }, 6 + 9 + 9 + 10 + 9],
  ])('counts %s', (_, change, expected) => {
    expect(imageBytes({ ...bare, ...change })).toBe(expected);
  });

  it('never counts less than DynamoDB, and at most 16 bytes more', () => {
    fc.assert(
      fc.property(itemImage, (image) => {
        const over = imageBytes(image) - dynamodbBytes(image);
        return over >= 0 && over <= 16;
      }),
      runs(),
    );
  });

  it('never counts less than an independent emulator does', () => {
    const { itemSize } = createRequire(import.meta.url)('dynalite/db') as {
      itemSize: (item: Record<string, unknown>) => number;
    };
    fc.assert(
      fc.property(itemImage, (image) => {
        const item = Object.entries(writeImage(image)).map(([name, attribute]) => [
          name,
          'B' in attribute ? { B: Buffer.from(attribute.B).toString('base64') } : attribute,
        ]);
        return imageBytes(image) >= itemSize(Object.fromEntries(item) as Record<string, unknown>);
      }),
      runs(),
    );
  });
});

/** DynamoDB's published rules: UTF-8 of names and texts, bytes of binary, half a byte a significant digit and one more, one for a boolean. */
function dynamodbBytes(image: ItemImage): number {
  let total = 0;
  for (const [name, attribute] of Object.entries(writeImage(image))) {
    total += Buffer.byteLength(name);
    if ('S' in attribute) total += Buffer.byteLength(attribute.S);
    else if ('B' in attribute) total += attribute.B.byteLength;
    else if ('BOOL' in attribute) total += 1;
    else total += Math.ceil(attribute.N.replace(/0+$/, '').length / 2) + 1;
  }
  return total;
}

describe('payloadBytes', () => {
  it('is the UTF-8 of a text and the length of bytes', () => {
    expect([payloadBytes('é'), payloadBytes(''), payloadBytes(new Uint8Array(7))]).toEqual([2, 0, 7]);
  });
});
