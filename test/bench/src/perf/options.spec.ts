import { describe, expect, it } from '@jest/globals';
import { readOptions } from './options.js';

const names = ['hit-lru', 'get-vs-rival'];

describe('readOptions', () => {
  it('asks for everything by itself, and writes nothing', () => {
    expect(readOptions([], names)).toEqual({ quick: false, write: false });
  });

  it('reads every option', () => {
    expect(readOptions(['--quick', '--only', 'hit-lru,get-vs-rival', '--json', 'out.json'], names)).toEqual({
      ...{ quick: true, json: 'out.json', write: false },
      only: ['hit-lru', 'get-vs-rival'],
    });
  });

  it('names what is not a row, and the rows there are', () => {
    expect(() => readOptions(['--only', 'hit-lru,other'], names)).toThrow(
      '--only: expected some of hit-lru, get-vs-rival; got other',
    );
  });

  it('knows the rows of the traces that it is to read', () => {
    const traceNames = (folder: string): string[] => [`trace-${folder}`];
    const args = ['--only', 'trace-some', '--traces', 'some'];
    expect(readOptions(args, names, traceNames)).toMatchObject({ traces: 'some', only: ['trace-some'] });
    expect(() => readOptions(args.slice(0, 2), names, traceNames)).toThrow(/--only/);
  });

  it('refuses an option that it does not know', () => {
    expect(() => readOptions(['--fast'], names)).toThrow(/--fast/);
  });

  it.each([['--quick'], ['--only=hit-lru']])('writes no report of a part: %s', (part) => {
    expect(() => readOptions(['--write', part], names)).toThrow(/--write: expected a whole run/);
  });
});
