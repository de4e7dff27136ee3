import { formatWriteId, isWriteId, WriteClock, type WriteId } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type WriteCondition } from './backend.js';
import { itemOf } from './testing/scripted-store.js';
import { afterRefusal, firstAttempt, isLive, type WriteIntent } from './write-plan.js';

const nowMs = 1_700_000_000_500;
const nowS = 1_700_000_000;
const idAt = (aheadMs: number): string => (nowMs + aheadMs).toString(16).padStart(12, '0') + '0000' + 'b'.repeat(16);
let clock: WriteClock;
beforeEach(() => {
  clock = new WriteClock('00000000000000aa', () => nowMs);
});

describe('the first attempt', () => {
  it.each<[WriteIntent, object]>([
    [{ type: 'replace' }, { type: 'newer' }],
    [{ type: 'if-absent' }, { type: 'absent', now: nowS }],
    [
      { type: 'if-version', writeId: idAt(10) },
      { type: 'matches', writeId: idAt(10), now: nowS },
    ],
    [
      { type: 'leased', leaseId: 'l', base: idAt(10) },
      { type: 'leased', leaseId: 'l' },
    ],
  ])('%j goes out under its condition', (intent, condition) => {
    const attempt = firstAttempt(intent, clock, nowMs);
    expect(attempt.condition).toMatchObject(condition);
    if ('than' in attempt.condition) expect(attempt.condition.than).toBe(attempt.writeId);
  });

  it.each([idAt(10), idAt(10_000_000)])('is past the id that it replaces (hazard 17): %s', (writeId) => {
    expect(firstAttempt({ type: 'if-version', writeId }, clock, nowMs).writeId > writeId).toBe(true);
    expect(clock.mint() < idAt(1_000)).toBe(true);
  });

  it.each([null, idAt(10), idAt(10_000_000), 'zzz'])(
    'of a load is a well-formed id past that of the leased item (hazard 17): %s',
    (base) => {
      const { writeId } = firstAttempt({ type: 'leased', leaseId: 'l', base }, clock, nowMs);
      expect(isWriteId(writeId)).toBe(true);
      if (base !== null && isWriteId(base)) expect(writeId > base).toBe(true);
      expect(clock.mint() < idAt(1_000)).toBe(true);
    },
  );
});

describe('after a refusal', () => {
  it('ifVersion and a lost lease end at once', () => {
    const winner = itemOf('k', '"v"', { writeId: idAt(10) });
    expect(afterRefusal({ type: 'if-version', writeId: 'A' }, winner, clock, nowMs)).toEqual({
      ...{ type: 'ended', reason: 'version-mismatch' },
    });
    expect(afterRefusal({ type: 'leased', leaseId: 'l', base: null }, winner, clock, nowMs)).toEqual({
      ...{ type: 'ended', reason: 'lease-lost' },
    });
  });

  it('putIfAbsent ends at a live value, and gets past anything else', () => {
    const intent: WriteIntent = { type: 'if-absent' };
    const live = itemOf('k', '"v"', { writeId: idAt(10), expiresAt: nowS + 1 });
    expect(afterRefusal(intent, live, clock, nowMs)).toEqual({ type: 'ended', reason: 'exists' });
    for (const winner of [
      itemOf('k', '"v"', { writeId: idAt(10), expiresAt: nowS }),
      itemOf('k', null, { writeId: idAt(10), tombstone: true }),
    ]) {
      const refusal = afterRefusal(intent, winner, clock, nowMs);
      expect(refusal).toMatchObject({ type: 'retry', attempt: { condition: { type: 'absent', now: nowS } } });
      expect(refusal.type === 'retry' && refusal.attempt.writeId > idAt(10)).toBe(true);
    }
  });

  it.each<[string, ReturnType<typeof itemOf> | undefined, boolean]>([
    ['nothing', undefined, false],
    ['a put', itemOf('k', '"v"', { writeId: idAt(10) }), true],
    ['a delete that left a tombstone', itemOf('k', null, { writeId: idAt(10), tombstone: true }), true],
    ['hazard 58: a loaded value', itemOf('k', '"v"', { writeId: idAt(10), loaded: true }), false],
    ['hazard 58: a leased tombstone', itemOf('k', null, { writeId: idAt(10), leaseId: 'l' }), false],
  ])('whether a put was beaten for good by %s', (_name, winner, final) => {
    expect(afterRefusal({ type: 'replace' }, winner, clock, nowMs)).toMatchObject({ type: 'retry', final });
  });

  it('hazard 11: never goes out twice with one id', () => {
    const ids = new Set([firstAttempt({ type: 'replace' }, clock, nowMs).writeId]);
    for (const seen of [null, idAt(10), idAt(10), idAt(10_000_000), idAt(10_000_000), 'zzz']) {
      const refusal = afterRefusal({ type: 'replace' }, itemOf('k', '"v"', { writeId: seen }), clock, nowMs);
      if (refusal.type === 'retry') ids.add(refusal.attempt.writeId);
    }
    expect(ids.size).toBe(7);
  });
});

describe('a value is live', () => {
  it.each<[boolean, Parameters<typeof isLive>[0]]>([
    [true, itemOf('k', '"v"')],
    [true, itemOf('k', '"v"', { expiresAt: nowS + 1 })],
    [false, itemOf('k', '"v"', { expiresAt: nowS })],
    [false, itemOf('k', null)],
    [false, undefined],
  ])('%s: %j', (live, item) => {
    expect(isLive(item, nowMs)).toBe(live);
  });
});

describe('a write that is refused again and again', () => {
  const wellFormed = fc
    .record({
      ms: fc.oneof(
        fc.integer({ min: -100_000, max: 100_000 }).map((off) => nowMs + off),
        fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      ),
      counter: fc.constantFrom(0, 1, 0xfffe, 0xffff),
      incarnation: fc.constantFrom('00000000000000aa', 'ffffffffffffffff'),
    })
    .map(formatWriteId);
  const winner = fc.record({
    writeId: fc.oneof({ weight: 5, arbitrary: wellFormed }, fc.constantFrom(null, '', 'zzz', 'F'.repeat(32))),
    loaded: fc.boolean(),
    leaseId: fc.option(fc.constant('l')),
  });
  const intent = fc.constantFrom<WriteIntent>({ type: 'replace' }, { type: 'if-absent' });

  it('hazard 11: has a fresh id in every attempt, which its condition and the winner let through', () => {
    fc.assert(
      fc.property(intent, fc.array(winner, { minLength: 1, maxLength: 6 }), (what, winners) => {
        const own = new WriteClock('00000000000000aa', () => nowMs);
        let attempt = firstAttempt(what, own, nowMs);
        const used = new Set<WriteId>([attempt.writeId]);
        for (const stood of winners) {
          const refusal = afterRefusal(what, itemOf('k', null, stood), own, nowMs);
          if (refusal.type !== 'retry') return false;
          ({ attempt } = refusal);
          const { writeId, condition } = attempt;
          if (!isWriteId(writeId) || used.has(writeId)) return false;
          used.add(writeId);
          expect(passes(condition, stood.writeId, writeId)).toBe(true);
          expect(refusal.final).toBe(!stood.loaded && stood.leaseId === null);
        }
        return true;
      }),
      runs(2),
    );
  });

  it('hazard 17: never moves its clock past its bound, whatever ids it meets', () => {
    fc.assert(
      fc.property(intent, fc.array(winner, { minLength: 1, maxLength: 6 }), (what, winners) => {
        const own = new WriteClock('00000000000000aa', () => nowMs);
        for (const stood of winners) afterRefusal(what, itemOf('k', null, stood), own, nowMs);
        return Number.parseInt(own.mint().slice(0, 12), 16) <= nowMs + 60_001;
      }),
      runs(2),
    );
  });

  /** Whether the write is past what stands there: by its own id, or by naming one that no id is past. */
  function passes(condition: WriteCondition, stood: string | null, writeId: WriteId): boolean {
    if ('than' in condition) return condition.than === writeId && (stood === null || stood < writeId);
    const isLast = stood !== null && (!isWriteId(stood) || stood.startsWith('f'.repeat(16)));
    return condition.type === 'replaces' && condition.writeId === stood && isLast;
  }
});
