import { describe, expect, it } from '@jest/globals';
import { until } from './until.js';

describe('until', () => {
  it('asks until the condition holds, and no longer', async () => {
    let asked = 0;
    await until('three', async () => (asked += 1) === 3);
    expect(asked).toBe(3);
  });

  it('gives up with what it waited for', async () => {
    await expect(until('the moon', () => Promise.resolve(false), 20)).rejects.toThrow('not within 20 ms: the moon');
  });

  it('gives up where asking fails', async () => {
    await expect(until('an answer', () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
  });
});
