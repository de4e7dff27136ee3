import { describe, expect, it } from '@jest/globals';
import { CommitLog } from './commit-log.js';

describe('the log of commits', () => {
  const log = new CommitLog();
  log.committed('a', 0, 0, 10);
  log.committed('a', 1, 100, 110);
  log.committed('a', 3, 200, 230);

  it('counts a value’s age from the write that overwrote it first, not from the latest', () => {
    expect(log.age('a', 0, 1_000)).toEqual({ certainMs: 890, atMostMs: 900 });
    expect(log.age('a', 1, 1_000)).toEqual({ certainMs: 770, atMostMs: 800 });
    expect(log.age('a', 2, 1_000)).toEqual({ certainMs: 770, atMostMs: 800 });
  });

  it('has no age for the latest value, one not acknowledged yet, and an unknown key', () => {
    for (const [key, n] of [['a', 3] as const, ['a', 4] as const, ['b', 0] as const])
      expect(log.age(key, n, 1_000)).toEqual({ certainMs: 0, atMostMs: 0 });
  });

  it('has none either for a value that was overwritten while the read was under way', () => {
    expect(log.age('a', 1, 150)).toEqual({ certainMs: 0, atMostMs: 0 });
    expect(log.age('a', 1, 215)).toEqual({ certainMs: 0, atMostMs: 15 });
  });

  it('refuses a value that is not newer', () => {
    expect(() => log.committed('a', 3, 300, 310)).toThrow(/not newer/);
    expect(log.size).toBe(3);
  });
});
