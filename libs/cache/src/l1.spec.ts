import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { type Entry, entryBytes } from './entry.js';
import { LruL1 } from './l1.js';

const entry = (value: unknown, partition = 0): Entry => ({
  ...{ value, writeId: 'A', stampUs: 0, expiresAt: 0, readAt: 1 },
  ...{ partition, source: 'fill' as const },
});

describe('LruL1', () => {
  it('hazard 38: the least recently used goes first, and a peek is no use', () => {
    const l1 = new LruL1({ maxEntries: 2, maxBytes: 1_000 });
    l1.set('a', entry(1), 1);
    l1.set('b', entry(2), 1);
    l1.get('a');
    l1.peek('b');
    l1.set('c', entry(3), 1);
    expect(['a', 'b', 'c'].map((key) => l1.peek(key)?.value)).toEqual([1, undefined, 3]);
  });

  it('hazard 38: stays within its bytes, keys included', () => {
    const l1 = new LruL1({ maxEntries: 100, maxBytes: 1_000 });
    for (let i = 0; i < 10; i += 1) l1.set(`k${i}`, entry(i), 300);
    expect([l1.entries, l1.bytes]).toEqual([3, 906]);
    l1.set('k'.repeat(900), entry('v'), 90);
    expect([l1.entries, l1.bytes]).toEqual([1, 990]);
  });

  it('hazard 38: never exceeds a bound, whatever it is given, and holds what it was given last', () => {
    const step = fc.record({
      key: fc.constantFrom(...'abcdefghijkl'),
      absent: fc.boolean(),
      bytes: fc.integer({ min: 1, max: 60 }),
      use: fc.constantFrom('set', 'set', 'set', 'get', 'delete'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (steps, maxEntries) => {
        const l1 = new LruL1({ maxEntries, maxBytes: 100 });
        return steps.every(({ key, absent, bytes, use }, index) => {
          const given = entry(absent ? undefined : index);
          if (use === 'get') l1.get(key);
          else if (use === 'delete') l1.delete(key);
          else l1.set(key, given, bytes);
          const isHeld = use === 'get' || l1.peek(key) === (use === 'set' ? given : undefined);
          return isHeld && l1.entries <= maxEntries + 1 && l1.bytes <= 100;
        });
      }),
      runs(5),
    );
  });

  it('an entry too large for it leaves no older one behind', () => {
    const l1 = new LruL1({ maxEntries: 10, maxBytes: 1_000 });
    l1.set('k', entry('old'), 10);
    l1.set('k', entry('new'), 2_000);
    expect(l1.peek('k')).toBeUndefined();
    l1.set('k', entry(undefined), 10);
    l1.set('k', entry('new'), 2_000);
    expect(l1.peek('k')).toBeUndefined();
  });

  it('a value replaces an absence and the reverse; there is one of them', () => {
    const l1 = new LruL1({ maxEntries: 10, maxBytes: 1_000 });
    l1.set('k', entry(undefined), 1);
    l1.set('k', entry('v'), 1);
    expect([l1.get('k')?.value, l1.entries]).toEqual(['v', 1]);
    l1.set('k', entry(undefined), 1);
    expect([l1.get('k')?.value, l1.entries]).toEqual([undefined, 1]);
    expect([l1.delete('k'), l1.delete('k'), l1.entries]).toEqual([true, false, 0]);
  });

  it('absences push out no value', () => {
    const l1 = new LruL1({ maxEntries: 20, maxBytes: 10_000 });
    l1.set('k', entry('v'), 1);
    for (let i = 0; i < 100; i += 1) l1.set(`a${i}`, entry(undefined), 1);
    expect([l1.peek('k')?.value, l1.entries]).toEqual(['v', 3]);
  });

  it('deletes what a test is true of, absences included, and says how many', () => {
    const l1 = new LruL1({ maxEntries: 20, maxBytes: 10_000 });
    l1.set('a', entry('v', 1), 1);
    l1.set('b', entry(undefined, 1), 1);
    l1.set('c', entry('v', 2), 1);
    expect(l1.deleteWhere(({ partition }) => partition === 1)).toBe(2);
    expect([l1.entries, l1.clear(), l1.entries]).toEqual([1, 1, 0]);
  });

  it('counts an entry as more than its payload', () => {
    expect(entryBytes(1_000)).toBeGreaterThanOrEqual(1_800);
    expect(entryBytes(0)).toBeGreaterThan(0);
  });
});
