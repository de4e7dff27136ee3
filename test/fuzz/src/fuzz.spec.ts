import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fuzz, fuzzAsync } from './fuzz.js';

const corpus = [Buffer.from('{"name":"x","list":[1,2],"deep":{"a":{"b":true}}}'), Buffer.from('a;b;c')];

function inputsOf(seed: number, runs = 2_000): readonly string[] {
  const inputs: string[] = [];
  fuzz({ corpus, runs, seed }, (input) => inputs.push(Buffer.from(input).toString('latin1')));
  return inputs;
}

const { TIDEMARK_TEST_FUZZ: factor } = process.env;
beforeAll(() => {
  delete process.env['TIDEMARK_TEST_FUZZ'];
});
afterAll(() => {
  if (factor !== undefined) process.env['TIDEMARK_TEST_FUZZ'] = factor;
});

describe('fuzz', () => {
  it('makes the same mutants of the same seed, and others of another', () => {
    expect(inputsOf(1)).toEqual(inputsOf(1));
    expect(inputsOf(1)).not.toEqual(inputsOf(2));
  });

  it('makes mutants that are JSON and mutants that are not, with and without injected prototypes', () => {
    const inputs = inputsOf(3);
    const isJson = (text: string): boolean => {
      try {
        return typeof JSON.parse(text) === 'object';
      } catch {
        return false;
      }
    };
    expect(inputs.filter(isJson).length).toBeGreaterThan(200);
    expect(inputs.filter((text) => !isJson(text)).length).toBeGreaterThan(200);
    expect(inputs.filter((text) => isJson(text) && text.includes('"__proto__"')).length).toBeGreaterThan(5);
    expect(new Set(inputs).size).toBeGreaterThan(1_500);
  });

  it('fails with the seed and the smallest input that is as wrong', () => {
    const check = (input: Uint8Array): void => {
      if (Buffer.from(input).includes('__proto__')) throw new Error('tripped');
    };
    expect(() => fuzz({ corpus, runs: 10_000, seed: 4 }, check)).toThrow('seed 4: tripped\ninput "__proto__"');
  });

  it('fails when something is left on a prototype, or is another there', () => {
    const prototype = Object.prototype as { left?: boolean };
    const list = Array.prototype as { at: unknown };
    const { at } = list;
    try {
      expect(() => fuzz({ corpus, runs: 1 }, () => (prototype.left = true))).toThrow(/changed: Object.prototype.left/);
      delete prototype.left;
      expect(() => fuzz({ corpus, runs: 1 }, () => (list.at = () => 7))).toThrow(/changed: Array.prototype.at/);
    } finally {
      delete prototype.left;
      list.at = at;
    }
  });

  it('checks side by side what takes time, each mutant once', async () => {
    const inputs: string[] = [];
    let [atWork, most] = [0, 0];
    await fuzzAsync({ corpus, runs: 50, seed: 1, atOnce: 4 }, async (input) => {
      most = Math.max(most, (atWork += 1));
      await Promise.resolve();
      inputs.push(Buffer.from(input).toString('latin1'));
      atWork -= 1;
    });
    expect(most).toBe(4);
    expect(inputs).toEqual(inputsOf(1, 50));
    await expect(fuzzAsync({ corpus, runs: 5, seed: 1 }, () => Promise.reject(new Error('x')))).rejects.toThrow(
      /seed 1: x/,
    );
  });

  it('refuses an empty corpus', () => {
    expect(() => fuzz({ corpus: [], runs: 1 }, () => undefined)).toThrow(RangeError);
  });
});
