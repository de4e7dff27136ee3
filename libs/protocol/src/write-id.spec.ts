import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { formatWriteId, isWriteId, parseWriteId, WriteClock, type WriteId, type WriteIdParts } from './write-id.js';

const incarnation = '0123456789abcdef';
const start = 1_700_000_000_000;
const idAt = (ms: number, counter = 0, by = 'ffffffffffffffff'): WriteId =>
  formatWriteId({ ms, counter, incarnation: by });

const parts: fc.Arbitrary<WriteIdParts> = fc.record({
  ms: fc.oneof(fc.nat(0xffff), fc.integer({ min: 0, max: 0xffff_ffff_ffff }), fc.constant(0xffff_ffff_ffff)),
  counter: fc.oneof(fc.nat(3), fc.nat(0xffff), fc.constant(0xffff)),
  incarnation: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 }),
});

function clockAt(now: { ms: number }, aheadMaxMs?: number): WriteClock {
  return new WriteClock(incarnation, () => now.ms, aheadMaxMs);
}

describe('a write id', () => {
  it('is 12 hex digits of ms, 4 of a counter and the incarnation', () => {
    expect(formatWriteId({ ms: start, counter: 1, incarnation })).toBe('018bcfe56800' + '0001' + incarnation);
  });

  it('comes back from its text', () => {
    fc.assert(
      fc.property(parts, (original) => {
        return isDeepStrictEqual(parseWriteId(formatWriteId(original)), { ...original });
      }),
      runs(),
    );
  });

  it('sorts as text as it sorts as a number', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const [left, right] = [formatWriteId(a), formatWriteId(b)];
        const [leftTime, rightTime] = [left.slice(0, 16), right.slice(0, 16)];
        const byTime = leftTime < rightTime ? -1 : leftTime > rightTime ? 1 : 0;
        return (
          Math.sign(a.ms - b.ms || a.counter - b.counter) === byTime &&
          left < right === BigInt(`0x${left}`) < BigInt(`0x${right}`)
        );
      }),
      runs(),
    );
  });

  it.each([
    ['', 'empty'],
    ['018bcfe568000001' + incarnation.toUpperCase(), 'capitals'],
    ['018bcfe568000001' + incarnation + '0', 'one digit more'],
    ['018bcfe56800000' + incarnation, 'one digit less'],
    ['018bcfe568000001' + incarnation + '\n', 'a line end'],
    ['018bcfe56800000g' + incarnation, 'no hex'],
  ])('%j is none: %s', (id) => {
    expect(isWriteId(id)).toBe(false);
    expect(parseWriteId(id)).toBeUndefined();
  });

  it('is told from any other text', () => {
    fc.assert(
      fc.property(text, (id) => isWriteId(id) === (parseWriteId(id) !== undefined)),
      runs(),
    );
  });
});

type Step =
  | { readonly type: 'mint' }
  | { readonly type: 'tick'; readonly ms: number }
  | { readonly type: 'merge'; readonly aheadMs: number; readonly counter: number };

/** A clock beside what must hold of it: the greatest id it minted or took in, and the latest time it was shown. */
class Watched {
  readonly #now = { ms: start };
  readonly #clock = clockAt(this.#now);
  #greatest = '';
  #latestMs = start;

  /** Whether the clock did right. */
  take(step: Step): boolean {
    if (step.type === 'mint') return this.#mint();
    if (step.type === 'merge') return this.#merge(step.aheadMs, step.counter);
    this.#now.ms = Math.max(0, this.#now.ms + step.ms);
    this.#latestMs = Math.max(this.#latestMs, this.#now.ms);
    return true;
  }

  #mint(): boolean {
    const id = this.#clock.mint();
    const right = isWriteId(id) && id > this.#greatest && msOf(id) <= this.#latestMs + 1;
    this.#see(id);
    return right;
  }

  #merge(aheadMs: number, counter: number): boolean {
    const id = idAt(Math.max(0, Math.floor(this.#now.ms) + aheadMs), counter);
    const merged = this.#clock.merge(id);
    if (merged && id > this.#greatest) this.#see(id);
    return merged === msOf(id) <= this.#now.ms + 60_000;
  }

  #see(id: string): void {
    this.#greatest = id;
    this.#latestMs = Math.max(this.#latestMs, msOf(id));
  }
}

function msOf(id: string): number {
  return parseWriteId(id)?.ms ?? Number.NaN;
}

describe('WriteClock', () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ type: 'mint' as const }) },
    { weight: 2, arbitrary: fc.integer({ min: -100_000, max: 100_000 }).map((ms) => ({ type: 'tick' as const, ms })) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 2, noNaN: true }).map((ms) => ({ type: 'tick' as const, ms })) },
    {
      weight: 2,
      arbitrary: fc
        .record({
          aheadMs: fc.oneof(fc.constant(0), fc.integer({ min: -70_000, max: 70_000 })),
          counter: fc.constantFrom(0, 1, 2, 3, 0xfffe, 0xffff),
        })
        .map((seen) => ({ type: 'merge' as const, ...seen })),
    },
  );

  it('mints ids that only grow, past every id it took in and never far past what it has seen', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new Watched();
        return steps.every((each) => clock.take(each));
      }),
      runs(),
    );
  });

  it('keeps counting while the wall clock stands or goes back', () => {
    const now = { ms: start };
    const clock = clockAt(now);
    expect(clock.mint()).toBe(idAt(start, 0, incarnation));
    expect(clock.mint()).toBe(idAt(start, 1, incarnation));
    now.ms -= 5_000;
    expect(clock.mint()).toBe(idAt(start, 2, incarnation));
    now.ms = start + 1;
    expect(clock.mint()).toBe(idAt(start + 1, 0, incarnation));
  });

  it('moves a millisecond on when the counter is used up', () => {
    const clock = clockAt({ ms: start });
    expect(clock.merge(idAt(start, 0xffff))).toBe(true);
    expect(clock.mint()).toBe(idAt(start + 1, 0, incarnation));
  });

  it('mints 70,000 different ids within one millisecond', () => {
    const clock = clockAt({ ms: start });
    const minted = Array.from({ length: 70_000 }, () => clock.mint());
    expect(new Set(minted).size).toBe(70_000);
    expect(minted.at(-1)).toBe(idAt(start + 1, 70_000 - 65_536 - 1, incarnation));
  });

  it('takes whole milliseconds of a clock that has fractions', () => {
    expect(clockAt({ ms: start + 0.75 }).mint()).toBe(idAt(start, 0, incarnation));
  });

  it('takes in an id at its bound and refuses one beyond (hazard 17)', () => {
    const clock = clockAt({ ms: start }, 1_000);
    expect(clock.merge(idAt(start + 1_001))).toBe(false);
    expect(clock.mint()).toBe(idAt(start, 0, incarnation));
    expect(clock.merge(idAt(start + 1_000))).toBe(true);
    expect(clock.mint()).toBe(idAt(start + 1_000, 1, incarnation));
  });

  it('refuses a malformed id, and takes an older one without moving', () => {
    const clock = clockAt({ ms: start });
    expect(clock.merge('zzz')).toBe(false);
    expect(clock.merge(idAt(start - 10, 500))).toBe(true);
    expect(clock.mint()).toBe(idAt(start, 0, incarnation));
  });

  describe('above', () => {
    it('gives an id just above, and leaves the clock where it is', () => {
      const clock = clockAt({ ms: start });
      const far = idAt(start + 10_000_000, 7);
      const outbid = clock.above(far) ?? '';
      expect(parseWriteId(outbid)).toMatchObject({ ms: start + 10_000_000, counter: 8 });
      expect(clock.mint()).toBe(idAt(start, 0, incarnation));
    });

    it('carries into the next millisecond, up to the last id there is', () => {
      const clock = clockAt({ ms: start });
      expect(parseWriteId(clock.above(idAt(start, 0xffff)) ?? '')).toMatchObject({ ms: start + 1, counter: 0 });
      expect(clock.above(idAt(0xffff_ffff_ffff, 0xffff))).toBeUndefined();
      expect(clock.above('no id' as WriteId)).toBeUndefined();
    });

    it('never gives an id twice, not even above the same one (hazard 11)', () => {
      fc.assert(
        fc.property(fc.array(parts, { minLength: 1, maxLength: 3 }), fc.nat(20), (seen, rounds) => {
          const clock = clockAt({ ms: start });
          const given: string[] = [clock.mint()];
          for (let round = 0; round <= rounds; round += 1)
            for (const each of seen) {
              const id = formatWriteId(each);
              const outbid = clock.above(id);
              if (outbid === undefined) continue;
              if (!isWriteId(outbid) || outbid <= id) return false;
              given.push(outbid);
            }
          return new Set(given).size === given.length;
        }),
        runs(10),
      );
    });

    it('counts its incarnations round the end', () => {
      const clock = new WriteClock('ffffffffffffffff', () => start);
      expect(parseWriteId(clock.above(idAt(start)) ?? '')?.incarnation).toBe('0000000000000000');
    });
  });
});
