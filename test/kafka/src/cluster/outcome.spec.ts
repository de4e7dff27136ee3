import { describe, expect, it } from '@jest/globals';
import { figuresOf, type Loss, type Outcome, wrongWith } from './outcome.js';

const right: Outcome = {
  ...{
    writes: 100,
    reads: 300,
    events: 400,
    lost: [],
    undispatched: [],
    disordered: [],
    divergent: [],
    violations: [],
  },
  ...{ flushes: [0, 0], gaps: 0, longestGapMs: 1_234 },
};
const cut: Outcome = { ...right, undispatched: ['things:k by a'], flushes: [4, 4], gaps: 4 };

describe('the outcome of a fault', () => {
  it('is right where everything came, in order, and nobody was flushed', () => {
    expect(wrongWith(right, 'nothing')).toEqual([]);
    expect(wrongWith({ ...right, flushes: [8, 8] }, 'routes')).toEqual([]);
    expect(wrongWith(cut, 'events')).toEqual([]);
  });

  it.each<[string, Loss, Outcome, string]>([
    ['an event that the table topic lacks', 'nothing', { ...right, lost: ['k'] }, 'lost: k'],
    ['an event that the cache topic lacks', 'nothing', { ...right, undispatched: ['k'] }, 'not dispatched: k'],
    ['such an event while routes were gone', 'routes', { ...right, undispatched: ['k'] }, 'not dispatched: k'],
    ['events in another order', 'events', { ...cut, disordered: ['k'] }, 'out of order: k'],
    ['a pod that serves what is not stored', 'events', { ...cut, divergent: ['k'] }, 'divergent: k'],
    ['a flush of one pod', 'nothing', { ...right, flushes: [0, 1] }, 'flushed for nothing: 0 and 1, 0 holes'],
    ['a hole where none was made', 'nothing', { ...right, gaps: 1 }, 'flushed for nothing: 0 and 0, 1 holes'],
    ['a pod that was not told of a cut', 'events', { ...cut, flushes: [4, 0] }, 'pod-2 was not flushed'],
    ['a cut that no dispatcher met', 'events', { ...cut, gaps: 0 }, 'no dispatcher met a hole'],
    ['a run without events', 'nothing', { ...right, events: 0 }, 'nothing happened: 100, 300, 0'],
  ])('is wrong with %s', (_, loss, outcome, line) => {
    expect(wrongWith(outcome, loss)).toEqual([line]);
  });

  it('is counted in a line', () => {
    expect(figuresOf('a fault', 7, cut)).toBe(
      'FIGURES: kafka 7 a fault: 100 writes, 300 reads, 400 events; 1 events gone, 4 holes met, 4 and 4 flushes of the pods; longest time without an event 1.2 s',
    );
  });
});
