import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { RateBucket } from './rate-bucket.js';

const seconds = (ms: number): number => ms / 1_000;

describe('the bucket of a rate', () => {
  it('gives what has come with time, and no more than a burst at once', () => {
    const bucket = new RateBucket(0, 100, 10);
    expect([bucket.take(0, 10), bucket.take(0, 1), bucket.msUntil(0, 1)]).toEqual([true, false, 10]);
    expect([bucket.take(9, 1), bucket.take(10, 1), bucket.take(10, 1)]).toEqual([false, true, false]);
    expect(bucket.tokens(60_000)).toBe(10);
  });

  it('sells more than a burst from full, and lets the next one wait until that is paid', () => {
    const bucket = new RateBucket(0, 100, 10);
    expect([bucket.take(0, 60), bucket.tokens(0), bucket.msUntil(0, 1)]).toEqual([true, -50, 510]);
    expect([bucket.take(509, 1), bucket.take(510, 1)]).toEqual([false, true]);
  });

  it('changes its rate from now on alone', () => {
    const bucket = new RateBucket(0, 100, 10);
    bucket.take(0, 10);
    bucket.setRate(50, 10, 2);
    expect(bucket.tokens(50)).toBe(2);
    bucket.take(50, 2);
    expect([bucket.msUntil(50, 1), bucket.msUntilAll(50, 5)]).toEqual([100, 500]);
  });

  it('never gives more in any time than the rate, and a burst', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(200), tokens: fc.integer({ min: 1, max: 10 }) }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 500 }), (asked, perSecond) => {
        const burst = Math.max(10, perSecond / 4);
        const bucket = new RateBucket(0, perSecond, burst);
        const given: { readonly atMs: number; readonly tokens: number }[] = [];
        let nowMs = 0;
        for (const { waitMs, tokens } of asked) {
          nowMs += waitMs;
          if (bucket.take(nowMs, tokens)) given.push({ atMs: nowMs, tokens });
        }
        for (const [from, { atMs }] of given.entries()) {
          let sum = 0;
          for (const later of given.slice(from)) {
            sum += later.tokens;
            expect(sum).toBeLessThanOrEqual(seconds(later.atMs - atMs) * perSecond + burst + 1e-6);
          }
        }
      }),
      runs(20),
    );
  });
});
