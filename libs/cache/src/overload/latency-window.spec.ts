import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LatencyWindow } from './latency-window.js';
import { readTimeoutMs } from './read-timeout.js';
import { SlidingSlots } from './sliding-slots.js';

describe('a latency window', () => {
  it('gives quantiles that are never below the observed one, and at most 15 % above', () => {
    const latencies = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(latencies, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, q) => {
        const window = new LatencyWindow();
        for (const each of all) window.record(0, each);
        const exact = [...all].sort((a, b) => a - b)[Math.ceil(all.length * q) - 1] ?? 0;
        const given = window.quantile(0, q) ?? 0;
        return given >= exact * 0.999 && given <= exact * 1.151;
      }),
    );
  });

  it('forgets what is older than the window, and says nothing of too few samples', () => {
    const window = new LatencyWindow(1_000);
    for (let at = 0; at < 10; at += 1) window.record(0, 500);
    expect(window.quantile(899, 0.5, 10)).toBeGreaterThan(499);
    expect(window.quantile(899, 0.5, 11)).toBeUndefined();
    expect([window.count(999), window.count(1_000), window.quantile(1_000, 0.5)]).toEqual([10, 0, undefined]);
  });

  it('bounds the time-out of reads from both sides', () => {
    expect([undefined, 1, 200, 10_000].map((observed) => readTimeoutMs(observed, 1_000))).toEqual([
      1_000, 500, 800, 1_000,
    ]);
    expect(readTimeoutMs(1, 50)).toBe(50);
  });
});

describe('sliding slots', () => {
  it('hold exactly what came within the window, to a slot', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (all) => {
        const slots = new SlidingSlots({
          windowMs: 1_000,
          slots: 10,
          make: () => ({ n: 0 }),
          clear: (slot) => void (slot.n = 0),
        });
        const times: number[] = [];
        let now = 0;
        for (const gap of all) {
          now += gap;
          times.push(now);
          slots.current(now).n += 1;
        }
        const held = slots.all(now).reduce((sum, { n }) => sum + n, 0);
        const tick = Math.floor(now / 100);
        return held === times.filter((time) => Math.floor(time / 100) > tick - 10).length;
      }),
    );
  });
});
