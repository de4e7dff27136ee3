import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { jsonCodec, jsonDepthMax } from './codec.js';

/** What JSON cannot hold as it is, deep down in what it can. */
const awkward: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.constantFrom(-0, Number.NaN, Infinity, 10n, undefined, Symbol('s'), new Date(Number.NaN), '__proto__', '\ud800'),
    fc.array(fc.constantFrom('a', '', '\u2028', 'constructor', 'toJSON', '0'), { maxLength: 6 }),
  )
  .map(([leaf, path]) => path.reduce<unknown>((inner, name) => ({ [name]: inner, list: [inner] }), leaf));

describe('jsonCodec', () => {
  it('gives back every JSON value it took', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const safe = JSON.stringify(value);
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(safe));
        return isDeepStrictEqual(jsonCodec.decode(jsonCodec.encode(value)), JSON.parse(safe));
      }),
      runs(),
    );
  });

  it('gives back what JSON holds of anything it took, and that for good; else refuses it by a TypeError or for its names', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(fc.oneof(anything, awkward), (value) => {
        let once: unknown;
        try {
          once = jsonCodec.decode(jsonCodec.encode(value));
        } catch (error) {
          return error instanceof TypeError || /property name \w+ is refused$/.test((error as Error).message);
        }
        return isDeepStrictEqual(jsonCodec.decode(jsonCodec.encode(once)), once);
      }),
      runs(),
    );
  });

  it.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('refuses what nests deeper than it may, however deep, on its way in and out: %s', (_, open, close) => {
    const nested = (levels: number): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
    const refused = { name: 'SyntaxError', message: 'expected at most 32 levels of objects and arrays, got more' };
    const deepest = JSON.parse(nested(jsonDepthMax)) as unknown;
    expect(jsonCodec.decode(jsonCodec.encode(deepest))).toEqual(deepest);
    for (const levels of [jsonDepthMax + 1, 200_000]) {
      expect(() => jsonCodec.decode(nested(levels))).toThrow(expect.objectContaining(refused));
      expect(() => jsonCodec.decode(Buffer.from(nested(levels)))).toThrow(expect.objectContaining(refused));
      const poisoned = nested(levels).replace('1', '{"__proto__":1}');
      expect(() => jsonCodec.decode(poisoned)).toThrow(expect.objectContaining(refused));
    }
    let value: unknown = 1;
    for (let level = 0; level < 200_000; level += 1) value = open === '[' ? [value] : { a: value };
    expect(() => jsonCodec.encode(value)).toThrow(expect.objectContaining(refused));
  });

  it.each([
    [-0, 0],
    [Number.NaN, null],
    [Number.NEGATIVE_INFINITY, null],
    [1e21, 1e21],
    [5e-324, 5e-324],
    [2 ** 53 + 2, 2 ** 53 + 2],
    ['\u2028\ud83d', '\u2028\ud83d'],
    [{ a: undefined, b: 1 }, { b: 1 }],
    [
      [undefined, () => 1],
      [null, null],
    ],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
  ])('of %j keeps %j', (value, kept) => {
    expect(jsonCodec.decode(jsonCodec.encode(value))).toStrictEqual(kept);
  });

  it('reads bytes as it reads text', () => {
    expect(jsonCodec.decode(Buffer.from('{"a":"é"}'))).toEqual({ a: 'é' });
    expect(jsonCodec.decode(new Uint8Array([0, 0x5b, 0x31, 0x5d, 0]).subarray(1, 4))).toEqual([1]);
  });

  it.each([
    '{"__proto__":{"isAdmin":true}}',
    '{"a":[{"b":{"__proto__":1}}]}',
    '{"constructor":{"prototype":{"isAdmin":true}}}',
    '{"prototype":1}',
    '{"__proto\\u005f_":{"isAdmin":true}}',
    '{"\\u0063onstructor":1}',
  ])('refuses the property names of %s, read or written', (json) => {
    expect(() => jsonCodec.decode(json)).toThrow(/property name \w+ is refused/);
    expect(() => jsonCodec.encode(JSON.parse(json))).toThrow(/property name \w+ is refused/);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('allows the same words as values', () => {
    const value = { role: 'constructor', words: ['__proto__', 'prototype'] };
    expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(value);
  });

  it.each([[undefined], [() => 1], [Symbol('s')]])('refuses to write what JSON cannot hold: %p', (value) => {
    expect(() => jsonCodec.encode(value)).toThrow(TypeError);
  });

  it.each(['secret-word', '{"a":secret-word}', '"secret-word', '{"__proto__":secret-word}'])(
    'says nothing of the text when it is no JSON: %s',
    (payload) => {
      expect(() => jsonCodec.decode(payload)).toThrow(/^expected JSON$/);
    },
  );

  it('throws a SyntaxError, and nothing else, on text that is no JSON', () => {
    fc.assert(
      fc.property(text, (payload) => {
        try {
          jsonCodec.decode(payload);
          return true;
        } catch (error) {
          return (error as Error).name === 'SyntaxError';
        }
      }),
      runs(),
    );
  });
});
