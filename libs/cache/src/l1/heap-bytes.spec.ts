import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { HeapEstimator, stringBytes } from './heap-bytes.js';

const bytesOf = (value: unknown): number => new HeapEstimator().bytesOf(value);

describe('HeapEstimator', () => {
  it.each<[string, unknown, number]>([
    ['nothing that is kept in the reference', [null, undefined, true, 0, -1, 2_147_483_647], 48 + 8 * 6],
    ['a number beyond 31 bits, or broken', 2_147_483_648, 16],
    ['minus zero, which is no small integer', -0, 16],
    ['numbers alone, which stand in their array', [1.5, 2, 3.25], 48 + 24],
    ['broken numbers among others, which have a box each', [1.5, 'aaaaaaaa'], 48 + 16 + 16 + 24],
    ['a text of bytes', 'a'.repeat(100), 16 + 104],
    ['a text with a character beyond them, which takes two for each', `${'a'.repeat(99)}€`, 16 + 200],
    ['a character, which is there already', 'a', 0],
    ['an empty object, made with room', {}, 56],
    ['an empty array', [], 32],
    ['bytes', new Uint8Array(1_000), 1_200],
    ['a map', new Map([['aaaaaaaa', 1]]), 100 + 40 + 24],
    ['a set, whose members count once', new Set(['aaaaaaaa']), 100 + 40 + 24],
    ['a large integer', 10n, 24],
  ])('counts %s', (_what, value, bytes) => {
    expect(bytesOf(value)).toBe(bytes);
  });

  it('counts the description of a shape once, and one of its own for each object whose names are data', () => {
    const estimator = new HeapEstimator();
    const alike = Array.from({ length: 10 }, (_, id) => estimator.bytesOf({ id, name: 'aaaaaaaa' }));
    expect(new Set(alike.slice(1))).toEqual(new Set([24 + 16 + 24]));
    expect(alike[0]).toBeGreaterThan(100);
    const ids = Array.from({ length: 10 }, (_, id) => estimator.bytesOf({ [`id-${id}`]: true }));
    expect(new Set(ids)).toEqual(new Set([24 + 8 + 36 + 24]));
  });

  it('remembers a bounded number of shapes', () => {
    const estimator = new HeapEstimator();
    const known = estimator.bytesOf({ known: 1 });
    expect(estimator.bytesOf({ known: 1 })).toBeLessThan(known);
    for (let id = 0; id < 5_000; id += 1) estimator.bytesOf({ [`id-${id}`]: true });
    expect(estimator.bytesOf({ known: 1 })).toBe(known);
  });

  it('ends on values that refer to themselves, and on deep ones', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(bytesOf(circle)).toBeLessThan(10_000);
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    expect(bytesOf(deep)).toBeLessThan(10_000);
  });

  it('is never less than the characters that a value of texts holds', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 2 })), (texts) => {
        const chars = texts.reduce((sum, text) => sum + text.length, 0);
        return bytesOf(texts) >= chars && texts.every((text) => stringBytes(text) >= 16 + text.length);
      }),
      runs(),
    );
  });
});
