import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { KnownSet } from './known-set.js';

describe('KnownSet', () => {
  it('knows what was added, and nothing else', () => {
    const known = new KnownSet();
    known.add('a');
    expect([known.has('a'), known.has('b')]).toEqual([true, false]);
  });

  it('hazard 43: never knows the missing id', () => {
    const known = new KnownSet();
    known.add('null');
    expect(known.has(null)).toBe(false);
  });

  it('forgets the oldest when it is full', () => {
    const known = new KnownSet(2);
    for (const id of ['a', 'b', 'c']) known.add(id);
    expect(['a', 'b', 'c'].map((id) => known.has(id))).toEqual([false, true, true]);
    expect(known.size).toBe(2);
  });

  it('an id that is added again is young again', () => {
    const known = new KnownSet(2);
    for (const id of ['a', 'b', 'a', 'c']) known.add(id);
    expect(['a', 'b', 'c'].map((id) => known.has(id))).toEqual([true, false, true]);
  });

  it('knows exactly the last ids that were added, each counted once', () => {
    const ids = fc.array(fc.constantFrom(...'abcdefgh'), { maxLength: 30 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 5 }), (added, max) => {
        const known = new KnownSet(max);
        for (const id of added) known.add(id);
        const last = new Set([...new Set(added.toReversed())].slice(0, max));
        return known.size === last.size && [...'abcdefgh'].every((id) => known.has(id) === last.has(id));
      }),
      runs(),
    );
  });
});
