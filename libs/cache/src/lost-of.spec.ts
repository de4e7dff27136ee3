import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { lostOf } from './lost-of.js';

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}
class Money {
  constructor(readonly cents: number) {}
  toJSON(): string {
    return `${this.cents / 100}`;
  }
}

describe('lostOf', () => {
  it('finds nothing in what JSON makes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        (value) => lostOf(throughJson(value), throughJson(value)) === undefined,
      ),
      runs(),
    );
  });

  it.each<[string, unknown]>([
    ['a property that is undefined', { a: undefined, b: 1 }],
    ['negative zero', { n: [-0] }],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['an object of a class', [new Point(1, 2)]],
    ['null', null],
  ])('takes %s', (_, value) => {
    expect(lostOf(value, throughJson(value))).toBeUndefined();
  });

  it.each<[string, unknown, string, string]>([
    ['a date', { created: { at: new Date(0) } }, 'created.at: ', 'Date'],
    ['a map', { rights: new Map([['a', 1]]) }, 'rights: ', 'Map'],
    ['an empty set', [1, new Set()], '1: ', 'Set'],
    ['bytes', { a: [{ b: Uint8Array.of(1) }] }, 'a.0.b: ', 'Uint8Array'],
    ['an address', { url: new URL('http://localhost/') }, 'url: ', 'URL'],
    ['an expression', [/a/], '0: ', 'RegExp'],
    ['an error', { cause: new TypeError('secret') }, 'cause: ', 'TypeError'],
    ['NaN', { n: Number.NaN }, 'n: ', 'NaN'],
    ['infinity', [[Number.NEGATIVE_INFINITY]], '0.0: ', '-Infinity'],
    ['undefined in an array', ['a', undefined], '1: ', 'undefined'],
    ['a hole in an array', Object.assign(['a'], { 2: 'b' }), '1: ', 'undefined'],
    ['a function', { f: () => 1 }, 'f: ', 'function'],
    ['a symbol', { s: Symbol('s') }, 's: ', 'symbol'],
    ['what says itself what it becomes', { price: new Money(100) }, 'price: ', 'Money'],
    ['the value itself', new Date(0), '', 'Date'],
  ])('finds %s', (_, value, path, what) => {
    expect(lostOf(value, throughJson(value))).toEqual({ path, what });
  });

  it('is content where it came back as the same all the same', () => {
    const at = { at: new Date(5), in: [new Map([['a', 1]])] };
    expect(lostOf(at, { at: new Date(5), in: [new Map([['a', 1]])] })).toBeUndefined();
    expect(lostOf(at, { at: new Date(6), in: [] })).toEqual({ path: 'at: ', what: 'Date' });
  });

  it.each<[unknown, unknown]>([
    [[1, 2], [1]],
    [{ a: [] }, { a: {} }],
    [{ a: {} }, { a: [] }],
    [{ a: {} }, { a: null }],
    [{ a: 1 }, {}],
    ['1', 1],
  ])('tells %j from %j', (value, back) => {
    expect(lostOf(value, back)).toBeDefined();
  });
});
