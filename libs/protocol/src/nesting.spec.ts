import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runs } from '../test/runs.js';
import { mayNestDeeperThan, nestsDeeperThan } from './nesting.js';

/** Levels of objects and arrays of a JSON text, by its characters. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const part of text.match(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs) ?? []) {
    if (part === '{' || part === '[') depth += 1;
    if (part === '}' || part === ']') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

/** Texts full of what could be taken for structure. */
const awkward = fc.string({ unit: fc.constantFrom('{', '[', '}', ']', '"', '\\', ',', 'a'), maxLength: 6 });
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 8, withCrossShrink: true },
    fc.oneof(awkward, fc.integer(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(awkward, tie('value'), { maxKeys: 3 }),
  ),
})).value;

describe('nestsDeeperThan', () => {
  it('says of every JSON value what the brackets of its text say, and what may not nest so deep never does', () => {
    fc.assert(
      fc.property(json, fc.nat(9), (value, levels) => {
        const text = JSON.stringify(value);
        const isDeeper = depthOf(text) > levels;
        return nestsDeeperThan(value, levels) === isDeeper && (mayNestDeeperThan(text, levels) || !isDeeper);
      }),
      runs(),
    );
  });

  it.each([
    [nested(3), false, false],
    [nested(4), true, true],
    ['[[],[],{}]', false, true],
    ['[[[{}]]]', true, true],
    ['{"a":{"b":{"c":[]}}}', true, true],
    ['["[{["]', false, true],
    ['"["', false, false],
  ])('with three levels: %s', (text, expected, mayBe) => {
    expect(nestsDeeperThan(JSON.parse(text), 3)).toBe(expected);
    expect(mayNestDeeperThan(text, 3)).toBe(mayBe);
  });

  it('needs no stack for the deepest, and an end of a cycle it finds by itself', () => {
    expect(nestsDeeperThan(JSON.parse(nested(2_000_000)), 32)).toBe(true);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(nestsDeeperThan(cycle, 32)).toBe(true);
  });
});
