import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { isNewer, LastWriters, MicrosClock } from './last-writers.js';

describe('isNewer', () => {
  const at = (micros: number, region = 'a') => ({ micros, region });

  it('takes the later write, then the greater region, and never the same write twice', () => {
    expect(isNewer(at(2), at(1))).toBe(true);
    expect(isNewer(at(1), at(2))).toBe(false);
    expect(isNewer(at(1, 'b'), at(1, 'a'))).toBe(true);
    expect(isNewer(at(1, 'a'), at(1, 'b'))).toBe(false);
    expect(isNewer(at(1), at(1))).toBe(false);
    expect(isNewer(at(0), undefined)).toBe(true);
  });
});

describe('LastWriters', () => {
  it('lets a local write win over what came from a region whose clock is ahead', () => {
    const writers = new LastWriters('a');
    writers.record('t', 'k', { micros: 1_000, region: 'z' });
    expect(writers.recordLocal('t', 'k', 5)).toEqual({ micros: 1_001, region: 'a' });
    expect(writers.get('t', 'k')).toEqual({ micros: 1_001, region: 'a' });
  });

  it('forgets a table with its stamps', () => {
    const writers = new LastWriters('a');
    writers.recordLocal('t', 'k', 5);
    writers.recordLocal('u', 'k', 6);
    writers.forget('t');
    expect(writers.get('t', 'k')).toBeUndefined();
    expect(writers.get('u', 'k')?.micros).toBe(6);
  });
});

describe('MicrosClock', () => {
  it('grows while the wall clock stands still or goes back', () => {
    const clock = new ManualClock(1_000);
    const micros = new MicrosClock(clock);
    const stamps = [micros.next(), micros.next()];
    clock.jump(-500);
    stamps.push(micros.next());
    clock.jump(5_000);
    stamps.push(micros.next());
    expect(stamps).toEqual([1_000_000, 1_000_001, 1_000_002, 5_500_000]);
  });
});
