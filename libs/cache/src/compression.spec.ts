import { randomBytes } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { compress, compressedName, decompress, decompressedBytesMax, partsOfName } from './compression.js';
import { defineCache } from './define-cache.js';
import { trust } from './standard-schema.js';
import { ValueCodec } from './value-codec.js';

describe('compress', () => {
  it('makes nothing of what is short, or would stay as it is', () => {
    expect(compress('a'.repeat(999), 1_000)).toBeUndefined();
    expect(compress(randomBytes(2_000), 1_000)).toBeUndefined();
    expect(compress('a'.repeat(1_000), 1_000)?.byteLength).toBeLessThan(100);
    expect(compress('a'.repeat(1_000), Infinity)).toBeUndefined();
  });

  it('counts bytes, not characters', () => {
    expect(compress('€'.repeat(400), 1_000)).toBeDefined();
    expect(compress('€'.repeat(300), 1_000)).toBeUndefined();
  });

  it('makes nothing of what it would refuse to read', () => {
    expect(compress('a'.repeat(decompressedBytesMax + 1), 1)).toBeUndefined();
  });
});

describe('decompress', () => {
  it('gives back what was compressed', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50, unit: 'binary' }), fc.integer({ min: 20, max: 60 }), (text, times) => {
        const whole = text.repeat(times);
        const compressed = compress(whole, 1);
        return compressed === undefined || Buffer.from(decompress(compressed)).equals(Buffer.from(whole));
      }),
      runs(),
    );
  });

  it('refuses what would grow beyond its bound, what is none, and a text', () => {
    const bomb = brotliCompressSync(Buffer.alloc(decompressedBytesMax + 1));
    expect(bomb.byteLength).toBeLessThan(1_000);
    expect(() => decompress(bomb)).toThrow();
    expect(() => decompress(Uint8Array.of(1, 2, 3))).toThrow();
    expect(() => decompress('text')).toThrow('expected bytes');
  });
});

it('a name says whether it is compressed', () => {
  expect(partsOfName(compressedName('json'))).toEqual({ name: 'json', isCompressed: true });
  expect(partsOfName('json')).toEqual({ name: 'json', isCompressed: false });
});

describe('a cache that compresses', () => {
  const definition = defineCache({ name: 'things', table: 'things', schema: trust(), compress: '1kb' });
  const codec = new ValueCodec(definition);
  const plain = new ValueCodec(defineCache({ name: 'things', table: 'things', schema: trust() }));
  const large = { text: 'a'.repeat(5_000) };

  it('stores large values so, and small ones as they are', () => {
    expect(codec.encode(large)).toMatchObject({ codec: 'json+br', value: large, payload: expect.any(Uint8Array) });
    expect(codec.encode({ n: 1 })).toEqual({ codec: 'json', payload: '{"n":1}', value: { n: 1 } });
  });

  it('is read by one that does not, and reads it', () => {
    const { payload, codec: name } = codec.encode(large);
    expect(plain.decode(payload, name)).toEqual(large);
    expect(codec.decode(plain.encode(large).payload, 'json')).toEqual(large);
  });

  it('refuses a payload that is not what its name says', () => {
    expect(() => codec.decode('{"n":1}', 'json+br')).toThrow(expect.objectContaining({ code: 'MALFORMED_ITEM' }));
    expect(() => codec.decode('{"n":1}', 'other+br')).toThrow(expect.objectContaining({ code: 'MALFORMED_ITEM' }));
    const bomb = brotliCompressSync(Buffer.alloc(decompressedBytesMax + 1, '1'));
    expect(() => codec.decode(bomb, 'json+br')).toThrow(expect.objectContaining({ code: 'MALFORMED_ITEM' }));
  });
});
