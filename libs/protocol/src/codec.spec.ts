import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runs, text } from '../test/arbitraries.js';
import { jsonCodec } from './codec.js';

describe('jsonCodec', () => {
  it('gives back every JSON value it took', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const safe = JSON.stringify(value);
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(safe));
        return isDeepStrictEqual(jsonCodec.decode(jsonCodec.encode(value)), JSON.parse(safe));
      }),
      { numRuns: runs },
    );
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
      { numRuns: runs },
    );
  });
});
