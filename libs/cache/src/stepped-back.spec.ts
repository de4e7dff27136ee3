import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { SteppedBack } from './stepped-back.js';

const steps = (ids: readonly (string | null)[]): { from: string | null; to: string | null }[] =>
  ids.slice(1).map((to, at) => ({ from: ids[at] ?? null, to }));

describe('SteppedBack', () => {
  it('covers nothing while a key goes up', () => {
    const back = new SteppedBack();
    for (const step of steps([null, 'A', 'B', 'C'])) {
      back.note('k', step);
      expect(back.covers('k', step)).toBe(false);
    }
    expect(back.size).toBe(0);
  });

  it.each<[string, string | null]>([
    ['a lower id', 'A'],
    ['a removal, or an item without an id', null],
  ])('covers a step to %s, and all that lies below', (_name, to) => {
    const back = new SteppedBack();
    back.note('k', { from: 'C', to });
    const covered = [
      { from: 'C', to },
      { from: null, to: 'C' },
      { from: 'B', to: 'D' },
      { from: 'D', to: 'B' },
    ].map((step) => back.covers('k', step));
    expect(covered).toEqual([true, true, true, true]);
    expect(back.covers('k', { from: 'D', to: 'E' })).toBe(false);
    expect(back.covers('k', { from: null, to: 'D' })).toBe(false);
    expect(back.covers('other', { from: 'C', to })).toBe(false);
  });

  it('keeps the highest, whichever came last', () => {
    const back = new SteppedBack();
    for (const from of ['B', 'D', 'C']) back.note('k', { from, to: 'A' });
    expect(back.highest('k')).toBe('D');
  });

  it.each<[string, string | null, string | null, boolean]>([
    ['a lower id than was held', 'A', 'C', true],
    ['no id where one was held', null, 'C', true],
    ['what was held', 'C', 'C', false],
    ['a higher id', 'D', 'C', false],
    ['an id where nothing was held', 'A', null, false],
  ])('a read that finds %s', (_name, found, held, covers) => {
    const back = new SteppedBack();
    back.noteRead('k', found, held);
    expect(back.covers('k', { from: 'A', to: 'B' })).toBe(covers);
  });

  it('a read that finds a lower id than this pod wrote is a step back from that one, whatever is held', () => {
    const back = new SteppedBack();
    for (const id of ['B', 'C', 'A']) back.noteWritten('k', id);
    expect(back.written('k')).toBe('C');
    back.noteRead('k', 'C', null);
    back.noteRead('other', 'A', null);
    expect(back.size).toBe(0);
    back.noteRead('k', 'B', 'A');
    expect(back.highest('k')).toBe('C');
  });

  it('remembers so many keys of its own writes', () => {
    const back = new SteppedBack(2);
    for (const key of ['a', 'b', 'a', 'c']) back.noteWritten(key, 'B');
    expect(['a', 'b', 'c'].map((key) => back.written(key))).toEqual(['B', undefined, 'B']);
  });

  it('forgets the key that went back longest ago when it is full', () => {
    const back = new SteppedBack(2);
    for (const key of ['a', 'b', 'a', 'c']) back.note(key, { from: 'B', to: 'A' });
    expect(['a', 'b', 'c'].map((key) => back.highest(key))).toEqual(['B', undefined, 'B']);
    expect(back.size).toBe(2);
  });

  it('hazard 16: once all steps are noted, in whatever order, covers every step of an id that stands there twice', () => {
    const history = fc
      .array(fc.option(fc.constantFrom<string>('A', 'B', 'C', 'D')), { minLength: 2, maxLength: 8 })
      .map((ids) => ids.filter((id, at) => id !== ids[at - 1]));
    fc.assert(
      fc.property(history, fc.integer(), (ids, seed) => {
        const all = steps(ids);
        const back = new SteppedBack();
        const noted = [...all].sort((a, b) => mixed(a, seed) - mixed(b, seed));
        for (const step of noted) back.note('k', step);
        for (const [at, step] of all.entries()) {
          const returns = step.from !== null && ids.slice(at + 1).includes(step.from);
          if (returns) expect(back.covers('k', step)).toBe(true);
        }
      }),
      runs(),
    );
  });
});

/** Some order of steps for each seed. */
function mixed(step: { from: string | null; to: string | null }, seed: number): number {
  let hash = seed;
  for (const char of JSON.stringify(step)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash;
}
