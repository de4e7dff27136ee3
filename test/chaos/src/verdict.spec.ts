import { describe, expect, it } from '@jest/globals';
import { judge, limits, type Outcome } from './verdict.js';

const right: Outcome = {
  ...{
    agreedMs: 100,
    divergent: [],
    caughtUpMs: 2_000,
    lost: [],
    unmoved: [],
    unready: [],
    violations: [],
    unhandled: [],
    deaths: [],
  },
  ...{ reads: 10, writes: 5, events: 20 },
};

describe('the verdict', () => {
  it('has nothing to say of a scenario in which all was right in time', () => {
    expect(judge(right)).toEqual([]);
    expect(judge({ ...right, agreedMs: limits.agreedMs, caughtUpMs: limits.caughtUpMs })).toEqual([]);
  });

  it.each([
    [
      'keys that never agreed',
      { agreedMs: null, divergent: ['k: stored a, served b'] },
      /1 divergent keys.*\n.*served b/,
    ],
    ['keys that agreed too late', { agreedMs: limits.agreedMs + 1 }, /not right before 10001 ms/],
    ['pods that never caught up', { caughtUpMs: null }, /have not caught up: not right at all/],
    ['pods that caught up too late', { caughtUpMs: limits.caughtUpMs + 1 }, /60000 ms allowed/],
    ['a move that does not end', { unmoved: ['not within 120 s'] }, /^the route stays: not within/],
    ['a role that does not work again', { unready: ['sync-1 for 90000 ms: x'] }, /^not ready: sync-1 for/],
    ['lost events', { lost: ['k = w1 (id)'] }, /1 lost events\n {2}k = w1/],
    [
      'a broken promise',
      { violations: [{ invariant: 'I3' as const, key: 'k', pod: 'p', what: 'served too old', involved: [] }] },
      /I3 watermark: key k, pod p: served too old/,
    ],
    ['a rejection that nobody handled', { unhandled: ['sync-1: unhandled rejection: x'] }, /nobody handled: sync-1/],
    ['a process that died', { deaths: ['sync-1 ended: 1'] }, /died: sync-1/],
    ['no reads', { reads: 0 }, /nothing happened/],
    ['no writes', { writes: 0 }, /nothing happened/],
    ['no events', { events: 0 }, /nothing happened/],
  ])('names %s', (_what, over: Partial<Outcome>, expected) => {
    expect(judge({ ...right, ...over })).toEqual([expect.stringMatching(expected)]);
  });
});
