import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { type Entry } from '../entry.js';
import { entryOwnBytes } from './column-l1.js';
import { aside, none } from './columns.js';
import { stringBytes } from './heap-bytes.js';
import { type Eviction, type L1, newL1 } from './l1.js';

const entry = (value: unknown, partition = 0): Entry => ({
  ...{ value, isPlain: true, writeId: 'A', stampUs: 0, expiresAt: 0, readAt: 1 },
  ...{ partition, source: 'fill' as const },
});

/** Of an entry without its value. */
const ownOf = (key: string): number => entryOwnBytes + stringBytes(key) + stringBytes('A1');

const keysOf = (l1: L1, max: number): string[] => [...l1.keySlices(max, max)].flat();

/** A use of the key, and what it finds. */
function get(l1: L1, key: string): Entry | undefined {
  return l1.use(key) === none ? undefined : l1.peek(key);
}

interface Step {
  readonly key: string;
  readonly absent: boolean;
  readonly bytes: number;
  readonly use: 'set' | 'get' | 'peek' | 'delete' | 'clear';
}

/** What an L1 was given last for each key. */
class Given {
  readonly #last = new Map<string, { readonly value: unknown; readonly bytes: number }>();

  do(l1: L1, { key, bytes, use }: Step, given: Entry): void {
    if (use === 'get') l1.use(key);
    if (use === 'peek') l1.peek(key);
    if (use === 'delete' || use === 'clear') l1[use](key);
    if (use === 'set') l1.set(key, given, bytes);
    if (use === 'set') this.#last.set(key, { value: given.value, bytes: ownOf(key) + bytes });
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
  const own = ownOf('k0');
  const make = (maxEntries: number, maxBytes = 10_000): L1 => newL1({ eviction, maxEntries, maxBytes });

  it('hazard 38: stays within its entries, and keeps what is used', () => {
    const l1 = make(20);
    for (let i = 0; i < 20; i += 1) l1.set(`k${i}`, entry(i), 1);
    for (let use = 0; use < 3; use += 1) get(l1, 'k0');
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
        const maxBytes = own * 12;
        const l1 = make(maxEntries, maxBytes);
        const given = new Given();
        return steps.every((each, index) => {
          given.do(l1, each, entry(each.absent ? undefined : index));
          return given.isHeldBy(l1) && l1.entries <= maxEntries + 1 && l1.bytes <= maxBytes;
        });
      }),
      runs(5),
    );
  });

  it('an entry that changes in its place keeps its place, and what it was changed to', () => {
    const l1 = make(2);
    l1.set('k', entry('v'), 1);
    l1.stamp(l1.find('k'), 7);
    l1.stamp(l1.find('k'), 6);
    l1.noteRead(l1.find('k'), 9);
    l1.noteRead(l1.find('k'), 8);
    expect(get(l1, 'k')).toEqual({ ...entry('v'), stampUs: 7, readAt: 9 });
  });

  it('another image in a slot is no use of it, and counts with its own size', () => {
    const l1 = make(20);
    for (let i = 0; i < 20; i += 1) l1.set(`k${i}`, entry(i), 1);
    for (let time = 0; time < 3; time += 1) l1.replace(l1.find('k0'), { ...entry(`new${time}`), writeId: 'B' }, 5);
    expect(l1.peek('k0')).toEqual({ ...entry('new2'), writeId: 'B' });
    expect(l1.bytes).toBe(20 * (own + 1) + 4);
    for (let i = 20; i < 39; i += 1) l1.set(`k${i}`, entry(i), 1);
    expect(l1.peek('k0')).toBeUndefined();
  });

  it('an image that is an absence, or too large, leaves no value', () => {
    const l1 = make(20);
    l1.set('k', entry('v'), 1);
    l1.replace(l1.find('k'), entry(undefined), 0);
    expect([l1.peek('k')?.value, l1.entries, l1.bytes, keysOf(l1, 9)]).toEqual([undefined, 1, ownOf('k'), []]);
    l1.set('l', entry('v'), 1);
    l1.replace(l1.find('l'), entry('large'), 20_000);
    expect([l1.find('l'), l1.entries, l1.bytes]).toEqual([none, 1, ownOf('k')]);
  });

  it('names them in slices, while it changes, in the order as it was', () => {
    const l1 = make(100);
    for (let n = 0; n < 9; n += 1) l1.set(`k${n}`, entry('v'), 1);
    const before = keysOf(l1, 9);
    const slices = l1.keySlices(7, 3);
    expect(slices.next().value).toEqual(before.slice(0, 3));
    l1.delete(before[4] ?? '');
    for (const key of [before[0] ?? '', before[3] ?? '']) l1.use(key);
    expect(slices.next().value).toEqual([before[3], before[5]]);
    l1.clear();
    expect([slices.next().value, slices.next().done]).toEqual([[], true]);
  });

  it('names the keys of its values, as many as are asked for', () => {
    const l1 = make(20);
    for (let i = 0; i < 5; i += 1) l1.set(`k${i}`, entry(i), 1);
    l1.set('absent', entry(undefined), 1);
    expect([keysOf(l1, 2), keysOf(l1, 9)]).toEqual([
      ['k4', 'k3'],
      ['k4', 'k3', 'k2', 'k1', 'k0'],
    ]);
  });

  it('keeps what it holds while it grows, and begins anew after a clear', () => {
    const l1 = make(1_000, 1_000_000);
    for (const round of [0, 1]) {
      for (let i = 0; i < 900; i += 1) l1.set(`k${i}`, { ...entry(i, i % 7), stampUs: i, readAt: round }, 1);
      for (let i = 0; i < 90; i += 1) l1.set(`a${i}`, entry(undefined, 7), 1);
      for (let i = 0; i < 900; i += 1)
        expect(l1.peek(`k${i}`)).toEqual({ ...entry(i, i % 7), stampUs: i, readAt: round });
      expect([l1.entries, l1.bytes, l1.clear(), l1.entries, l1.bytes]).toEqual([990, 990 * (own + 1), 990, 0, 0]);
    }
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
    expect([get(l1, 'k')?.value, l1.entries]).toEqual(['v', 1]);
    l1.set('k', entry(undefined), 1);
    expect([get(l1, 'k')?.value, l1.entries]).toEqual([undefined, 1]);
    expect([l1.delete('k'), l1.delete('k'), l1.entries]).toEqual([true, false, 0]);
  });

  it('a use tells whether the value is given as it stands, be it a value or an absence', () => {
    const l1 = make(10);
    for (const value of ['v', undefined]) {
      l1.set('k', entry(value), 1);
      expect(l1.use('k')).toBe(l1.find('k'));
      l1.set('k', { ...entry(value), isPlain: false }, 1);
      expect([l1.use('k'), aside(l1.use('k'))]).toEqual([aside(l1.find('k')), l1.find('k')]);
      expect(l1.use('k')).toBeLessThan(none);
    }
    expect(l1.use('other')).toBe(none);
  });

  it.each<Entry['source']>(['fill', 'put', 'event', 'local'])('keeps where an entry comes from: %s', (source) => {
    const l1 = make(10);
    l1.set('k', { ...entry('v'), source }, 1);
    expect(l1.peek('k')?.source).toBe(source);
  });

  it('what was brought in for others is among no keys until it is used or set here, whatever events bring to it', () => {
    const l1 = make(10);
    for (const key of ['a', 'b', 'c']) l1.set(key, entry('v'), 1);
    for (const key of ['a', 'b', 'absent']) l1.markUnasked(key);
    expect(keysOf(l1, 9)).toEqual(['c']);
    l1.replace(l1.find('a'), entry('w'), 1);
    l1.stamp(l1.find('a'), 5);
    expect(keysOf(l1, 9)).toEqual(['c']);
    expect([l1.use('a'), l1.use('a')]).toEqual([l1.find('a'), l1.find('a')]);
    l1.set('b', entry('x'), 1);
    expect(keysOf(l1, 9).sort()).toEqual(['a', 'b', 'c']);
    l1.markUnasked('c');
    l1.delete('c');
    l1.set('c', entry('v'), 1);
    expect(keysOf(l1, 9).sort()).toEqual(['a', 'b', 'c']);
  });

  it('absences push out no value', () => {
    const l1 = make(20);
    l1.set('k', entry('v'), 1);
    for (let i = 0; i < 100; i += 1) l1.set(`a${i}`, entry(undefined), 1);
    expect([l1.peek('k')?.value, l1.entries]).toEqual(['v', 3]);
  });

  it('hazard 38: absences count with their keys, and take a tenth of the bytes at most', () => {
    const l1 = make(1_000, 10_000);
    for (let i = 0; i < 20; i += 1) l1.set(`k${i}`, entry('v'), 400 - own);
    for (let i = 0; i < 100; i += 1) l1.set(`a${i}`, entry(undefined), 300 - own);
    expect([l1.entries, l1.bytes]).toEqual([23, 8_900]);
    l1.set('long', entry(undefined), 1_000);
    expect([l1.find('long'), l1.entries]).toEqual([none, 23]);
    for (let i = 20; i < 40; i += 1) l1.set(`k${i}`, entry('v'), 400 - own);
    expect([l1.entries, l1.bytes]).toEqual([25, 9_700]);
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
  it('hazard 38: holds what lru-cache holds, in its order, whatever is done', () => {
    const step = fc.record({
      key: fc.constantFrom(...'abcdefghijkl'),
      bytes: fc.integer({ min: 1, max: 2 * entryOwnBytes }),
      use: fc.constantFrom('set', 'set', 'get', 'peek', 'delete'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, maxEntries) => {
        const maxBytes = entryOwnBytes * 8;
        const l1 = newL1({ eviction: 'lru', maxEntries, maxBytes });
        const oracle = new LRUCache<string, object>({ max: maxEntries, maxSize: maxBytes });
        for (const { key, bytes, use } of steps) {
          const value = {};
          if (use === 'set') l1.set(key, entry(value), bytes);
          if (use === 'set') oracle.set(key, value, { size: ownOf(key) + bytes });
          else if (use === 'get') expect(get(l1, key)?.value).toBe(oracle.get(key));
          else if (use === 'peek') expect(l1.peek(key)?.value).toBe(oracle.peek(key));
          else expect(l1.delete(key)).toBe(oracle.delete(key));
        }
        expect([keysOf(l1, 100), l1.bytes]).toEqual([[...oracle.keys()], oracle.calculatedSize]);
      }),
      runs(5),
    );
  });

  it('hazard 38: the least recently used goes first', () => {
    const l1 = newL1({ eviction: 'lru', maxEntries: 2, maxBytes: 10_000 });
    l1.set('a', entry(1), 1);
    l1.set('b', entry(2), 1);
    get(l1, 'a');
    l1.set('c', entry(3), 1);
    expect(['a', 'b', 'c'].map((key) => l1.peek(key)?.value)).toEqual([1, undefined, 3]);
  });
});

describe('s3-fifo', () => {
  const make = (): L1 => newL1({ eviction: 's3-fifo', maxEntries: 100, maxBytes: 1_000_000 });

  it('a scan pushes out nothing that is used', () => {
    const l1 = make();
    for (let i = 0; i < 80; i += 1) l1.set(`hot${i}`, entry(i), 1);
    for (let use = 0; use < 2; use += 1) for (let i = 0; i < 80; i += 1) get(l1, `hot${i}`);
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
