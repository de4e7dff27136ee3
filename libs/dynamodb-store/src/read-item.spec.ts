import { describe, expect, it } from '@jest/globals';
import { writeImage } from '@tidemark/protocol';
import { image, writeId } from '../test/images.js';
import { readItem, readRefusingItem, readWrittenItem } from './read-item.js';

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

describe('an item that a write met or made', () => {
  it('loses its malformed attributes, its write id among them', () => {
    expect(readWrittenItem('t', item)).toEqual(image());
    expect(readWrittenItem('t', malformed)).toEqual(image({ value: null }));
    expect(readWrittenItem('t', withoutId)).toEqual(image({ writeId: null }));
  });
});

describe('an item that refused a write', () => {
  const newer = { type: 'newer', than: writeId(1) } as const;

  it('loses its malformed attributes', () => {
    expect(readRefusingItem('t', malformed, newer)).toEqual(image({ value: null }));
  });

  it.each([
    [newer, withoutId, 'attribute writeId: expected a string'],
    [
      { type: 'absent', than: writeId(2), now: 0 } as const,
      malformed,
      'attribute value: expected a string or bytes; attribute expiresAt: expected a whole number',
    ],
    [
      { type: 'claimable', nowMs: 0 } as const,
      { key: item['key'], leaseId: { S: 'l' } },
      'attribute leaseUntil: expected a whole number beside leaseId',
    ],
  ])('is malformed where what is left would not tell why: %j', (condition, raw, reason) => {
    expect(() => readRefusingItem('t', raw, condition)).toThrow(
      expect.objectContaining({ code: 'MALFORMED_ITEM', context: { table: 't', reason } }),
    );
  });
});
