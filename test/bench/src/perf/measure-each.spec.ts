import { describe, expect, it } from '@jest/globals';
import { type Failure, measureEach } from './measure-each.js';

describe('measureEach', () => {
  it('goes on after one that fails, and says why it failed', async () => {
    const failures: Failure[] = [];
    const all = ['a', 'b', 'c'].map((name) => ({ name }));
    const measure = async ({ name }: { name: string }): Promise<string> => {
      if (name === 'b') throw new Error('row b tidemark: file:///child.js:3\n  throw x\n\nError: not live\n    at f');
      return `${name}!`;
    };
    expect(await measureEach(all, measure, failures)).toEqual(['a!', 'c!']);
    expect(failures).toEqual([{ name: 'b', reason: 'Error: not live' }]);
  });

  it('has a reason whatever was thrown', async () => {
    const failures: Failure[] = [];
    const thrown = new Error('row a rival: killed');
    expect(await measureEach([{ name: 'a' }], () => Promise.reject(thrown), failures)).toEqual([]);
    expect(failures).toEqual([{ name: 'a', reason: 'row a rival: killed' }]);
  });
});
