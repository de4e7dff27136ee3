import { beforeEach, describe, expect, it } from '@jest/globals';
import { Fences, isClean } from './fences.js';
import { PartitionState } from './partition-state.js';

let fences: Fences;
let partition: PartitionState;

beforeEach(() => {
  fences = new Fences();
  partition = new PartitionState();
  partition.followed = 'topic';
});

describe('Fences', () => {
  it('a fence that nothing has touched closes clean', () => {
    expect(fences.close(fences.open('k', partition))).toBe(true);
  });

  it('hazard 1: what happens to the key makes it dirty, and to another key does not', () => {
    const [k, l] = [fences.open('k', partition), fences.open('l', partition)];
    fences.dirty('k');
    expect([isClean(k), isClean(l)]).toEqual([false, true]);
  });

  it('makes every operation on the key dirty', () => {
    const both = [fences.open('k', partition), fences.open('k', partition, 'w1')];
    fences.dirty('k');
    expect(both.map((fence) => fences.close(fence))).toEqual([false, false]);
  });

  it('hazard 10: spares the put of its own event alone', () => {
    const [put, other, fill, remove] = [
      fences.open('k', partition, 'w1'),
      fences.open('k', partition, 'w2'),
      fences.open('k', partition),
      fences.open('k', partition, undefined),
    ];
    fences.dirty('k', 'w1');
    expect([put, other, fill, remove].map(isClean)).toEqual([true, false, false, false]);
  });

  it('an event without a write id spares nobody', () => {
    const [put, remove] = [fences.open('k', partition, 'w1'), fences.open('k', partition)];
    fences.dirty('k', null);
    expect([isClean(put), isClean(remove)]).toEqual([false, false]);
  });

  it('hazard 45: a raised generation makes what began before it dirty, and nothing that begins after it', () => {
    const before = fences.open('k', partition);
    partition.raiseGeneration();
    expect([isClean(before), isClean(fences.open('k', partition))]).toEqual([false, true]);
  });

  it('hazard 25: is dirty from the start where nothing is followed', () => {
    const unfollowed = new PartitionState();
    const early = [fences.open('k', undefined), fences.open('k', unfollowed)];
    unfollowed.followed = 'topic';
    expect(early.map(isClean)).toEqual([false, false]);
  });

  it('is closed twice without harm: whoever gives up need not know whether the answer has come', () => {
    const fence = fences.open('k', partition);
    expect([fences.close(fence), fences.close(fence)]).toEqual([true, true]);
    expect(fences.size).toBe(0);
  });

  it('forgets a key with its last fence', () => {
    const [first, second] = [fences.open('k', partition), fences.open('k', partition)];
    fences.close(first);
    expect([fences.has('k'), fences.size]).toEqual([true, 1]);
    fences.close(second);
    expect([fences.has('k'), fences.size]).toEqual([false, 0]);
    expect(() => fences.dirty('k')).not.toThrow();
  });
});
