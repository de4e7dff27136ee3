import { describe, expect, it } from '@jest/globals';
import { checkVersion } from './format-version.js';

describe('checkVersion', () => {
  it.each(['1.0', '1.1', '1.9999'])('reads %s: a newer minor only adds', (version) => {
    expect(checkVersion(version, 1)).toEqual({ readable: true });
  });

  it.each([
    ['2.0', '2.0'],
    ['0.9', '0.9'],
    ['1', '1'],
    ['1.', '1.'],
    ['1.0.0', '1.0.0'],
    ['1.0\n', '1.0\n'],
    ['11.0', '11.0'],
    ['1.10000', '1.10000'],
    ['x'.repeat(100), 'x'.repeat(32)],
    [1, 'number'],
    [undefined, 'undefined'],
    [null, 'object'],
  ])('refuses %j and says what it saw', (version, seen) => {
    expect(checkVersion(version, 1)).toEqual({ readable: false, version: seen });
  });
});
