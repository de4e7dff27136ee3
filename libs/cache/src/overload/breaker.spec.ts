import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Breaker, shedShare } from './breaker.js';

/** An even spread, so that a share is a share. */
function spread(): () => number {
  let n = 0;
  return () => (n = (n + 0.618_033_988_75) % 1);
}

function ask(
  breaker: Breaker,
  fromMs: number,
  requests: number,
  answers: (n: number) => boolean,
  headroom = 2,
): number {
  let sent = 0;
  for (let n = 0; n < requests; n += 1) {
    const nowMs = fromMs + n * 10;
    if (!breaker.admits(nowMs, headroom)) continue;
    sent += 1;
    breaker.settled(nowMs, answers(n) ? 'accepted' : 'overloaded');
  }
  return sent;
}

describe('the breaker', () => {
  it('sheds nothing while the store answers at least half', () => {
    expect(ask(new Breaker({ random: spread() }), 0, 1_000, (n) => n % 2 === 0)).toBe(1_000);
  });

  it('sheds a share, never all, of the requests to a store that answers none, and the rest are probes', () => {
    const breaker = new Breaker({ random: spread() });
    ask(breaker, 0, 1_000, () => false);
    const sent = ask(breaker, 10_000, 1_000, () => false);
    expect(sent).toBeGreaterThan(50);
    expect(sent).toBeLessThan(200);
  });

  it('sends what the store answers, times its headroom', () => {
    const breaker = new Breaker({ random: spread() });
    // It is asked 100 times a second, and answers 25 times at most.
    let answeredAt = -4;
    const aQuarter = (n: number): boolean => {
      if (n - answeredAt < 4) return false;
      answeredAt = n;
      return true;
    };
    ask(breaker, 0, 1_000, aQuarter);
    answeredAt = -4;
    const sent = ask(breaker, 10_000, 1_000, aQuarter);
    expect(sent).toBeGreaterThan(350);
    expect(sent).toBeLessThan(600);
    expect(breaker.shedShare(20_000, 1.2)).toBeGreaterThan(breaker.shedShare(20_000, 2));
  });

  it('recovers by itself once there are answers', () => {
    const breaker = new Breaker({ random: spread() });
    ask(breaker, 0, 1_000, () => false);
    ask(breaker, 10_000, 2_000, () => true);
    expect(breaker.shedShare(30_000, 2)).toBe(0);
    expect(ask(breaker, 30_000, 100, () => true)).toBe(100);
  });

  it('lets a request through when none went out for a second, whatever chance says', () => {
    const breaker = new Breaker({ random: () => 0 });
    for (let n = 0; n < 50; n += 1) breaker.settled(0, 'overloaded');
    expect([0, 10, 999, 1_000, 1_001].map((nowMs) => breaker.admits(nowMs, 2))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it('counts nothing of what says nothing about the load, and sheds nothing of a trickle', () => {
    const breaker = new Breaker({ random: () => 0 });
    for (let n = 0; n < 500; n += 1) breaker.settled(0, 'ignored');
    for (let n = 0; n < 19; n += 1) breaker.settled(0, 'overloaded');
    expect(breaker.shedShare(0, 2)).toBe(0);
  });

  it('sheds a share in [0, 0.9] that falls with the answers', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.nat(10_000),
        fc.double({ min: 1, max: 4, noNaN: true }),
        (asked, accepted, headroom) => {
          const share = shedShare(asked, accepted, headroom, 0.9);
          return share >= 0 && share <= 0.9 && shedShare(asked, accepted + 1, headroom, 0.9) <= share;
        },
      ),
    );
  });
});
