import { describe, expect, it } from '@jest/globals';
import { isForeign } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { type DecidableEntry, type DecidableEvent, decide, stampMarginUs, type Verdict } from './decide.js';

const entry = (over: Partial<DecidableEntry> = {}): DecidableEntry => ({
  value: 'v',
  writeId: 'B',
  stampUs: 0,
  readAt: 0,
  ...over,
});
const change = (from: string | null, to: string | null, over: Partial<DecidableEvent> = {}): DecidableEvent => ({
  kind: from === null ? 'insert' : to === null ? 'remove' : 'modify',
  from,
  to,
  stampUs: null,
  ...over,
});
const t = 1_700_000_000_000_000;

/** What the pod knows of an event's ids. */
type Knowledge = 'new' | 'known' | 'ambiguous';
const judge = (held: DecidableEntry | undefined, event: DecidableEvent, knowledge: Knowledge): Verdict =>
  decide(held, event, knowledge === 'known', knowledge === 'ambiguous');

describe('decide', () => {
  it.each<[string, DecidableEntry | undefined, DecidableEvent, Knowledge, string]>([
    [
      'hazard 14: drops on a foreign write without an id',
      entry(),
      change('B', null, { kind: 'modify' }),
      'new',
      'drop 1',
    ],
    ['hazard 15: drops on a foreign update that kept the id', entry(), change('B', 'B'), 'new', 'drop 1'],
    [
      'hazard 44: tests foreign before known: a foreign update of a known write drops',
      entry(),
      change('B', 'B'),
      'known',
      'drop 1',
    ],
    ['drops nothing but says so on a foreign write without an entry', undefined, change('A', 'A'), 'new', 'drop 1'],
    ['takes the stamp of a known write that it holds', entry(), change('A', 'B'), 'known', 'confirm 2'],
    [
      'ignores a known write that it does not hold any more',
      entry({ writeId: 'C' }),
      change('A', 'B'),
      'known',
      'keep 2',
    ],
    ['creates nothing', undefined, change('A', 'B'), 'new', 'keep 3'],
    [
      'hazard 19: drops a cached absence, whatever comes',
      entry({ value: undefined, writeId: null }),
      change(null, 'A'),
      'new',
      'drop 4',
    ],
    [
      'drops an absence that has an id (a tombstone), too',
      entry({ value: undefined, writeId: 'B' }),
      change('B', 'C'),
      'new',
      'drop 4',
    ],
    [
      'hazard 43: drops an entry of a foreign writer: null follows nothing',
      entry({ writeId: null }),
      change(null, 'A'),
      'new',
      'drop 4',
    ],
    ['applies its successor', entry(), change('B', 'C'), 'new', 'apply 5'],
    [
      'hazard 16: drops on a successor from before the read, beyond the margin: the id has come back since',
      entry({ readAt: t / 1_000 }),
      change('B', 'C', { stampUs: t - stampMarginUs - 1 }),
      'new',
      'drop 9',
    ],
    [
      'hazard 16: takes no stamp from before the read, beyond the margin: the id may have come back since',
      entry({ readAt: t / 1_000 }),
      change('A', 'B', { stampUs: t - stampMarginUs - 1 }),
      'new',
      'keep 6',
    ],
    [
      'hazard 16: takes none of a known write either',
      entry({ readAt: t / 1_000 }),
      change('A', 'B', { stampUs: t - stampMarginUs - 1 }),
      'known',
      'keep 2',
    ],
    [
      'hazard 16: believes no stamps from before the read, beyond the margin, whatever they say of the order',
      entry({ readAt: t / 1_000, stampUs: t - 4 * stampMarginUs }),
      change('C', 'D', { stampUs: t - 2 * stampMarginUs }),
      'new',
      'drop 9',
    ],
    [
      'applies its successor, whose stamp is older than the read by no more than the margin',
      entry({ readAt: t / 1_000 }),
      change('B', 'C', { stampUs: t - stampMarginUs }),
      'new',
      'apply 5',
    ],
    ['applies its removal', entry(), change('B', null), 'new', 'apply 5'],
    ['confirms what it holds', entry(), change('A', 'B'), 'new', 'confirm 6'],
    [
      'applies what is newer by more than the margin',
      entry({ stampUs: t }),
      change('X', 'Y', { stampUs: t + stampMarginUs + 1 }),
      'new',
      'apply 7',
    ],
    [
      'ignores what is older by more than the margin',
      entry({ stampUs: t }),
      change('X', 'Y', { stampUs: t - stampMarginUs - 1 }),
      'new',
      'keep 8',
    ],
    [
      'drops what is newer within the margin',
      entry({ stampUs: t }),
      change('X', 'Y', { stampUs: t + stampMarginUs }),
      'new',
      'drop 9',
    ],
    [
      'drops what is older within the margin',
      entry({ stampUs: t }),
      change('X', 'Y', { stampUs: t - stampMarginUs }),
      'new',
      'drop 9',
    ],
    [
      'drops what it cannot place when the entry has no stamp',
      entry(),
      change('X', 'Y', { stampUs: t }),
      'new',
      'drop 9',
    ],
    [
      'drops what it cannot place when the event has no stamp',
      entry({ stampUs: t }),
      change('X', 'Y'),
      'new',
      'drop 9',
    ],
    ['drops a removal it cannot place', entry(), change('X', null), 'new', 'drop 9'],
    ['never takes a removal for the entry’s own write', entry({ writeId: 'B' }), change('A', null), 'new', 'drop 9'],
    [
      'prefers the chain to the clock',
      entry({ stampUs: t }),
      change('B', 'C', { stampUs: t - 10 * stampMarginUs }),
      'new',
      'apply 5',
    ],
    [
      'hazard 7: lets a lower write id follow a higher one: ids carry no order',
      entry({ writeId: 'Z' }),
      change('Z', 'A'),
      'new',
      'apply 5',
    ],
    ['drops its successor when an id may stand for two states', entry(), change('B', 'C'), 'ambiguous', 'drop 4'],
    ['confirms nothing when an id may stand for two states', entry(), change('A', 'B'), 'ambiguous', 'drop 4'],
    ['creates nothing when an id may stand for two states', undefined, change('A', 'B'), 'ambiguous', 'keep 3'],
    ['believes no stranger when an id may stand for two states', undefined, change('B', 'B'), 'ambiguous', 'drop 1'],
  ])('%s', (_name, held, event, knowledge, expected) => {
    const { action, rule } = judge(held, event, knowledge);
    expect(`${action} ${rule}`).toBe(expected);
  });
});

describe('decide, whatever comes', () => {
  const id = fc.constantFrom('A', 'B', 'C', 'D');
  const near = fc.integer({ min: -2, max: 2 }).map((steps) => t + steps * stampMarginUs);
  const stamp = fc.tuple(near, fc.integer({ min: -1, max: 1 })).map(([us, off]) => us + off);
  const anyEntry: fc.Arbitrary<DecidableEntry | undefined> = fc.option(
    fc.record({
      value: fc.constantFrom('v', undefined),
      writeId: fc.option(id),
      stampUs: fc.oneof(fc.constant(0), stamp),
      readAt: fc.oneof(fc.constant(0), stamp).map((us) => us / 1_000),
    }),
    { nil: undefined },
  );
  const anyEvent: fc.Arbitrary<DecidableEvent> = fc.record({
    kind: fc.constantFrom('insert' as const, 'modify' as const, 'remove' as const),
    from: fc.option(id),
    to: fc.option(id),
    stampUs: fc.option(stamp),
  });

  const knowledge = fc.constantFrom<Knowledge>('new', 'known', 'ambiguous');

  it('hazard 7: judges write ids by nothing but equality: other names, in another order, get the same verdict', () => {
    const names = fc.shuffledSubarray(['w', 'x', 'y', 'z'], { minLength: 4 });
    fc.assert(
      fc.property(anyEntry, anyEvent, knowledge, names, (held, event, how, [a, b, c, d]) => {
        const other = { A: a, B: b, C: c, D: d } as Record<string, string>;
        const renamed = (name: string | null): string | null => (name === null ? null : (other[name] ?? name));
        const entry2 = held && { ...held, writeId: renamed(held.writeId) };
        const event2 = { ...event, from: renamed(event.from), to: renamed(event.to) };
        expect(judge(entry2, event2, how)).toBe(judge(held, event, how));
      }),
      runs(),
    );
  });

  it('hazards 14, 15 and 23: makes no entry, and believes no stranger', () => {
    fc.assert(
      fc.property(anyEntry, anyEvent, knowledge, (held, event, how) => {
        const { action } = judge(held, event, how);
        if (isForeign(event)) return action === 'drop';
        return held !== undefined || action === 'keep';
      }),
      runs(),
    );
  });

  /** Nothing is known of a removal: it has no write id. */
  const verdictOf = (held: DecidableEntry | undefined, event: DecidableEvent, how: Knowledge): string =>
    judge(held, event, event.to === null && how === 'known' ? 'new' : how).action;

  it('applies only what follows the entry, or is newer beyond the margin', () => {
    fc.assert(
      fc.property(anyEntry, anyEvent, knowledge, (held, event, how) => {
        if (verdictOf(held, event, how) !== 'apply') return true;
        const isLater = held?.stampUs !== 0 && (event.stampUs ?? 0) - (held?.stampUs ?? 0) > stampMarginUs;
        return held?.value !== undefined && held.writeId !== null && (event.from === held.writeId || isLater);
      }),
      runs(),
    );
  });

  it('confirms only what the entry is', () => {
    fc.assert(
      fc.property(anyEntry, anyEvent, knowledge, (held, event, how) => {
        const isIt = held !== undefined && event.to !== null && event.to === held.writeId;
        return isIt || verdictOf(held, event, how) !== 'confirm';
      }),
      runs(),
    );
  });
});
