import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { type Entry } from '../entry.js';
import { entryOwnBytes, type Eviction, type L1, newL1 } from './l1.js';

const entry = (value: unknown, partition = 0): Entry => ({
  ...{ value, isPlain: true, writeId: 'A', stampUs: 0, expiresAt: 0, readAt: 1 },
  ...{ partition, source: 'fill' as const },
});

interface Step {
  readonly key: string;
  readonly absent: boolean;
  readonly bytes: number;
  readonly use: 'set' | 'get' | 'peek' | 'delete' | 'clear';
}

/** What an L1 was given last for each key. */
class Given {
  readonly #last = new Map<string, { readonly value: unknown; readonly bytes: number }>();

  do(l1: L1, { key, absent, bytes, use }: Step, given: Entry, own: number): void {
    if (use === 'get' || use === 'peek') l1[use](key);
    if (use === 'delete' || use === 'clear') l1[use](key);
    if (use === 'set') l1.set(key, given, bytes);
    if (use === 'set') this.#last.set(key, { value: given.value, bytes: absent ? 0 : own + bytes });
    else if (use === 'delete') this.#last.delete(key);
    else if (use === 'clear') this.#last.clear();
  }

  /** Each key as it was given, or not at all; and the figures that go with those that are there. */
  isHeldBy(l1: L1): boolean {
    const held = [...this.#last].filter(([key]) => l1.peek(key) !== undefined);
    return (
      held.every(([key, { value }]) => l1.peek(key)?.value === value) &&
      l1.entries === held.length &&
      l1.bytes === held.reduce((sum, [, { bytes }]) => sum + bytes, 0)
    );
  }
}

describe.each<Eviction>(['lru', 's3-fifo'])('an L1 with eviction %s', (eviction) => {
  const own = entryOwnBytes[eviction];
  const make = (maxEntries: number, maxBytes = 10_000): L1 => newL1({ eviction, maxEntries, maxBytes });

  it('hazard 38: stays within its entries, and keeps what is used', () => {
    const l1 = make(20);
    for (let i = 0; i < 20; i += 1) l1.set(`k${i}`, entry(i), 1);
    for (let use = 0; use < 3; use += 1) l1.get('k0');
    for (let i = 20; i < 39; i += 1) l1.set(`k${i}`, entry(i), 1);
    expect([l1.entries, l1.peek('k0')?.value]).toEqual([20, 0]);
  });

  it('hazard 38: a peek is no use', () => {
    const l1 = make(20);
    for (let i = 0; i < 20; i += 1) l1.set(`k${i}`, entry(i), 1);
    for (let peek = 0; peek < 3; peek += 1) l1.peek('k0');
    for (let i = 20; i < 39; i += 1) l1.set(`k${i}`, entry(i), 1);
    expect(l1.peek('k0')).toBeUndefined();
  });

  it('hazard 38: stays within its bytes', () => {
    const l1 = make(100, 1_000);
    for (let i = 0; i < 10; i += 1) l1.set(`k${i}`, entry(i), 300 - own);
    expect([l1.entries, l1.bytes]).toEqual([3, 900]);
  });

  it('hazard 38: never exceeds a bound, whatever it is given, and holds what it was given last or nothing', () => {
    const step: fc.Arbitrary<Step> = fc.record({
      key: fc.constantFrom(...'abcdefghijkl'),
      absent: fc.boolean(),
      bytes: fc.integer({ min: 1, max: 120 }),
      use: fc.constantFrom<Step['use']>('set', 'set', 'set', 'get', 'peek', 'delete', 'clear'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, maxEntries) => {
        const maxBytes = own * 4 + 100;
        const l1 = make(maxEntries, maxBytes);
        const given = new Given();
        return steps.every((each, index) => {
          given.do(l1, each, entry(each.absent ? undefined : index), own);
          return given.isHeldBy(l1) && l1.entries <= maxEntries + 1 && l1.bytes <= maxBytes;
        });
      }),
      runs(5),
    );
  });

  it('an entry that changes in its place keeps its place, and what it was changed to', () => {
    const l1 = make(2);
    l1.set('k', entry('v'), 1);
    const held = l1.peek('k');
    if (held !== undefined) held.stampUs = 7;
    expect([l1.peek('k')?.stampUs, l1.get('k')?.stampUs]).toEqual([7, 7]);
  });

  it('an entry too large for it leaves no older one behind', () => {
    const l1 = make(10);
    l1.set('k', entry('old'), 10);
    l1.set('k', entry('new'), 20_000);
    expect(l1.peek('k')).toBeUndefined();
    l1.set('k', entry(undefined), 10);
    l1.set('k', entry('new'), 20_000);
    expect([l1.peek('k'), l1.entries, l1.bytes]).toEqual([undefined, 0, 0]);
  });

  it('a value replaces an absence and the reverse; there is one of them', () => {
    const l1 = make(10);
    l1.set('k', entry(undefined), 1);
    l1.set('k', entry('v'), 1);
    expect([l1.get('k')?.value, l1.entries]).toEqual(['v', 1]);
    l1.set('k', entry(undefined), 1);
    expect([l1.get('k')?.value, l1.entries]).toEqual([undefined, 1]);
    expect([l1.delete('k'), l1.delete('k'), l1.entries]).toEqual([true, false, 0]);
  });

  it('absences push out no value', () => {
    const l1 = make(20);
    l1.set('k', entry('v'), 1);
    for (let i = 0; i < 100; i += 1) l1.set(`a${i}`, entry(undefined), 1);
    expect([l1.peek('k')?.value, l1.entries]).toEqual(['v', 3]);
  });

  it('deletes a partition, absences and what has no known partition included, and says how many', () => {
    const l1 = make(20);
    l1.set('a', entry('v', 1), 1);
    l1.set('b', entry(undefined, 1), 1);
    l1.set('c', entry('v', 2), 1);
    l1.set('d', entry('v', -1), 1);
    expect([l1.deletePartition(1), l1.deletePartition(1), l1.entries]).toEqual([3, 0, 1]);
    expect([l1.deletePartition(3), l1.deletePartition(2), l1.entries, l1.bytes]).toEqual([0, 1, 0, 0]);
    l1.set('a', entry('again', 1), 1);
    expect([l1.deletePartition(1), l1.clear()]).toEqual([1, 0]);
    l1.set('e', entry('v', -1), 1);
    expect([l1.deletePartition(7), l1.entries]).toEqual([1, 0]);
  });
});

describe('lru', () => {
  it('hazard 38: the least recently used goes first', () => {
    const l1 = newL1({ eviction: 'lru', maxEntries: 2, maxBytes: 10_000 });
    l1.set('a', entry(1), 1);
    l1.set('b', entry(2), 1);
    l1.get('a');
    l1.set('c', entry(3), 1);
    expect(['a', 'b', 'c'].map((key) => l1.peek(key)?.value)).toEqual([1, undefined, 3]);
  });
});

describe('s3-fifo', () => {
  const make = (): L1 => newL1({ eviction: 's3-fifo', maxEntries: 100, maxBytes: 1_000_000 });

  it('a scan pushes out nothing that is used', () => {
    const l1 = make();
    for (let i = 0; i < 80; i += 1) l1.set(`hot${i}`, entry(i), 1);
    for (let use = 0; use < 2; use += 1) for (let i = 0; i < 80; i += 1) l1.get(`hot${i}`);
    for (let i = 0; i < 10_000; i += 1) l1.set(`scan${i}`, entry(i), 1);
    const kept = Array.from({ length: 80 }, (_, i) => l1.peek(`hot${i}`)).filter((held) => held !== undefined);
    expect([kept.length, l1.entries]).toEqual([80, 100]);
  });

  it('what comes back soon after it left stays longer than what comes for the first time', () => {
    const l1 = make();
    for (let i = 0; i < 101; i += 1) l1.set(`k${i}`, entry(i), 1);
    expect(l1.peek('k0')).toBeUndefined();
    l1.set('k0', entry('back'), 1);
    for (let i = 0; i < 95; i += 1) l1.set(`new${i}`, entry(i), 1);
    expect(l1.peek('k0')?.value).toBe('back');
    expect(l1.peek('k90')).toBeUndefined();
  });
});
