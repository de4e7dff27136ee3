import { describe, expect, it } from '@jest/globals';
import { itemKeyBytesMax } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { decodeToken, encodeToken, type TokenParts } from './version-token.js';

const parts: TokenParts = {
  table: 'things',
  itemKey: 'things:ключ',
  region: 'eu-west-1',
  writeId: 'a'.repeat(32),
  at: 1,
};

describe('a version token', () => {
  it('says what it was made of, and fits in an HTTP header', () => {
    fc.assert(
      fc.property(
        fc.record({
          table: fc.string(),
          itemKey: fc.string({ unit: 'grapheme', maxLength: 500 }),
          region: fc.string(),
          writeId: fc.option(fc.string()),
          at: fc.maxSafeNat(),
        }),
        (each) => {
          const token = encodeToken(each);
          expect(token).toMatch(/^[\w-]+$/);
          expect(decodeToken(token)).toEqual(each);
        },
      ),
      runs(10),
    );
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 5],
    ['other text', 'hello'],
    ['a long text', 'x'.repeat(20_001)],
    ['no list', Buffer.from('{}').toString('base64url')],
    ['another version', Buffer.from('[2,"t","k","r",null,1]').toString('base64url')],
    ['a broken field', Buffer.from('[1,"t","k","r",5,1]').toString('base64url')],
    ['half of one', encodeToken(parts).slice(0, 20)],
  ])('refuses %s', (_name, token) => {
    expect(() => decodeToken(token)).toThrow(expect.objectContaining({ code: 'INVALID_TOKEN', retriable: false }));
  });

  it('is read again whatever its key holds', () => {
    for (const character of ['\0', '"', '\\', '\u2028', 'я', '😀']) {
      const key = character.repeat(Math.floor(itemKeyBytesMax / Buffer.byteLength(character)));
      const longest = {
        ...parts,
        table: 't'.repeat(200),
        itemKey: key,
        region: 'r'.repeat(100),
        at: Number.MAX_SAFE_INTEGER,
      };
      expect(decodeToken(encodeToken(longest))).toEqual(longest);
    }
  });

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.anything()), (text) => {
        try {
          decodeToken(text);
          return false;
        } catch (error) {
          return (error as { code?: unknown }).code === 'INVALID_TOKEN';
        }
      }),
      runs(5),
    );
  });
});
