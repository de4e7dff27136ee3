import { describe, expect, it } from '@jest/globals';
import { writeImage } from '@tidemark/protocol';
import { image } from '../test/images.js';
import { readItem, readRefusingItem, readReplacedItem } from './read-item.js';

const item = writeImage(image());
const malformed = { ...item, value: { M: {} }, expiresAt: { S: 'soon' }, owner: { L: [] } };
const withoutId = { ...item, writeId: { N: '7' } };

describe('an item that was read', () => {
  it('is an image', () => {
    expect(readItem('t', item)).toEqual(image());
  });

  it.each([malformed, withoutId])('is refused when malformed', (raw) => {
    expect(() => readItem('t', raw)).toThrow(expect.objectContaining({ code: 'MALFORMED_ITEM', retriable: false }));
  });
});

describe('an item that was replaced', () => {
  it('loses its malformed attributes, its write id among them', () => {
    expect(readReplacedItem('t', item)).toEqual(image());
    expect(readReplacedItem('t', malformed)).toEqual(image({ value: null }));
    expect(readReplacedItem('t', withoutId)).toEqual(image({ writeId: null }));
    expect(readReplacedItem('t', undefined)).toBeUndefined();
  });
});

describe('an item that refused a write', () => {
  it('loses its malformed attributes', () => {
    expect(readRefusingItem('t', malformed)).toEqual(image({ value: null }));
    expect(readRefusingItem('t', undefined)).toBeUndefined();
  });

  it('without a usable write id is malformed', () => {
    expect(() => readRefusingItem('t', withoutId)).toThrow(
      expect.objectContaining({
        code: 'MALFORMED_ITEM',
        context: { table: 't', reason: 'attribute writeId: expected a string' },
      }),
    );
  });
});
