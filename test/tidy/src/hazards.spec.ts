import { describe, expect, it } from '@jest/globals';
import { hazards, namedIn, namingTests } from './tools.mjs';

describe('hazards', () => {
  const known = hazards();
  const tests = namingTests();

  it('are the 68 of docs/hazards.md', () => {
    expect(known.map(({ number }) => number)).toEqual(Array.from({ length: 68 }, (_, index) => index + 1));
  });

  it('have each a test that names it', () => {
    expect(known.filter(({ number }) => !tests.some((test) => test.number === number))).toEqual([]);
  });

  it('are all that tests name', () => {
    expect(tests.filter(({ number }) => number < 1 || number > known.length)).toEqual([]);
  });
});

describe('the reader of titles', () => {
  it.each([
    ["it('hazard 12: a late put', () => {", [12]],
    ["['a lost answer (hazards 9, 10 and 42)', options],", [9, 10, 42]],
    ["  'hazards 9 and 53: never again': async (subject) => {", [9, 53]],
    ['it("hazard 1: the pod’s", () => {', [1]],
    ['// hazard 12 is told apart here', []],
    [' * as in hazard 12', []],
    ['const hazard = 12;', []],
  ])('finds in %j the numbers %j', (line, numbers) => {
    expect(namedIn('a.spec.ts', line).map(({ number }) => number)).toEqual(numbers);
  });

  it('tells the title and where it stands', () => {
    expect(namedIn('a.spec.ts', "\nit('hazard 3: x', run);")).toEqual([
      { number: 3, title: 'hazard 3: x', at: 'a.spec.ts:2' },
    ]);
  });

  it('takes every row of a table that begins with a number', () => {
    const page = '| # | what |\n| --- | --- |\n| 2 | two | x |\n| 1   | one   | y |\n| other | row |\n';
    expect(hazards(page)).toEqual([
      { number: 1, name: 'one' },
      { number: 2, name: 'two' },
    ]);
  });
});
