import { describe, expect, it } from '@jest/globals';
import { Recoveries } from './recoveries.js';
import { Unready } from './unready.js';

describe('what a process said while it did not work', () => {
  it('is told by how often and when, whatever the numbers in it, the last of it in any case', () => {
    const said = new Unready();
    for (const n of [1, 2, 3]) said.note(`no answer for ${n}00 ms`, n * 1_000);
    for (const why of ['b', 'b', 'c', 'c', 'd', 'd']) said.note(why, 4_000);
    said.note('e', 5_000);
    said.late(70);
    said.late(20);
    expect(said.describe()).toBe(
      [
        '3 of 10 looks, 1.0 s to 3.0 s: no answer for 300 ms',
        ...['b', 'c', 'd'].map((why) => `2 of 10 looks, 4.0 s to 4.0 s: ${why}`),
        '1 of 10 looks, 5.0 s to 5.0 s: e',
        'the test itself was 45 ms late on average, 70 at most',
      ].join('; '),
    );
  });

  it('keeps some reasons, however many there are', () => {
    const said = new Unready();
    for (let n = 0; n < 1_000; n += 1) said.note('x'.repeat(n), n);
    said.note('', 1_000_000);
    expect(said.describe()).toMatch(/^2 of 1001 looks, 0\.0 s to 1000\.0 s: ;/);
    expect(said.describe().length).toBeLessThan(500);
  });
});

describe('recoveries', () => {
  it('name the role that did not work in time, and what it said', async () => {
    const recoveries = new Recoveries({ whyNotReady: () => Promise.resolve('503: no lease') }, 0);
    recoveries.note({ do: 'resume', role: 'sync-1' });
    expect(await recoveries.all()).toEqual({
      longestMs: { 'sync-1': null },
      unready: [expect.stringMatching(/^sync-1 for 0 ms: 1 of 1 looks, 0\.0 s to 0\.0 s: 503: no lease; /)],
    });
  });

  it('have nothing to name once the role works', async () => {
    const answers = ['not running', undefined];
    const recoveries = new Recoveries({ whyNotReady: () => Promise.resolve(answers.shift()) }, 60_000);
    recoveries.note({ do: 'heal', link: { role: 'pod-2', to: 'kafka' } });
    expect(await recoveries.all()).toEqual({ longestMs: { 'pod-2': expect.any(Number) }, unready: [] });
  });
});
