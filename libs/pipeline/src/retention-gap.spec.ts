import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { type ShardPage } from './ports.js';
import { RetentionGap } from './retention-gap.js';
import { StreamRetention } from './stream-retention.js';

/** Of a stream that keeps records for so long, margin left out, looked at when time began. */
function keeping(keptMs: number): StreamRetention {
  const retention = new StreamRetention(0);
  retention.note(keptMs, 0);
  return retention;
}

const limit = keeping(1_000);
/** For what is told by the wall alone. */
const still = { monotonicMs: () => 0 };
const page = (askedAt: number, millisBehindLatest: number | null, gap = false): ShardPage => ({
  records: [],
  askedAt,
  millisBehindLatest,
  closed: false,
  gap,
});

describe('hazard 36: RetentionGap', () => {
  it('asks for nothing while reading is never far behind', () => {
    const gap = new RetentionGap(limit, still, 9_500);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(10_000, 900))).toBe(false);
    expect(gap.beforeRead(10_050)).toBe(false);
  });

  it.each([
    ['nothing is known of what was read', null],
    ['what was read is older than the stream keeps', 8_999],
  ])('asks for a flush before it reads when %s, once', (_, coveredUpTo) => {
    const gap = new RetentionGap(limit, still, coveredUpTo);
    expect(gap.beforeRead(10_000)).toBe(true);
    gap.covered(10_000);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(10_000, 0))).toBe(false);
    expect(gap.beforeRead(10_900)).toBe(false);
  });

  it('asks while nothing is known, whatever the time and the retention', () => {
    expect(new RetentionGap(new StreamRetention(0), still, null).beforeRead(500)).toBe(true);
  });

  it('asks for no more while it catches up behind a flush that is young enough', () => {
    const gap = new RetentionGap(limit, still, 10_000);
    expect(gap.onPage(page(10_000, 5_000))).toBe(false);
    expect(gap.onPage(page(10_900, 3_000))).toBe(false);
    expect(gap.onPage(page(11_000, 0))).toBe(false);
  });

  it('asks again when catching up takes longer than the stream keeps records', () => {
    const gap = new RetentionGap(limit, still, 10_000);
    expect(gap.onPage(page(10_900, 3_000))).toBe(false);
    expect(gap.beforeRead(11_001)).toBe(true);
    gap.covered(11_001);
    expect(gap.onPage(page(11_002, 2_500))).toBe(false);
  });

  it('asks before the page is checkpointed when it comes after a long stand-still, however near to the tip it ends', () => {
    const gap = new RetentionGap(limit, still, 9_900);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(12_000, 0))).toBe(true);
  });

  it('asks when the position itself was lost', () => {
    const gap = new RetentionGap(limit, still, 9_900);
    expect(gap.onPage(page(10_000, 0, true))).toBe(true);
    expect(gap.onPage(page(10_000, null, true))).toBe(true);
  });

  it('learns nothing from a page that cannot tell how far it ends behind', () => {
    const gap = new RetentionGap(limit, still, 9_900);
    expect(gap.onPage(page(10_800, null))).toBe(false);
    expect(gap.beforeRead(10_901)).toBe(true);
  });

  it('follows a retention that was shortened', () => {
    const retention = keeping(1_000);
    const gap = new RetentionGap(retention, still, 9_500);
    expect(gap.beforeRead(10_000)).toBe(false);
    retention.note(400, 10_000);
    expect(gap.beforeRead(10_000)).toBe(true);
  });

  it('asks for what was read over before it was known that the retention had been shortened, once', () => {
    const retention = keeping(1_000);
    const gap = new RetentionGap(retention, still, 9_500);
    expect(gap.onPage(page(10_000, 0))).toBe(false);
    expect(gap.onPage(page(10_100, 0))).toBe(false);
    retention.note(400, 10_200);
    expect(gap.beforeRead(10_200)).toBe(true);
    gap.covered(10_200);
    retention.note(300, 10_300);
    expect(gap.beforeRead(10_300)).toBe(false);
  });

  it('asks for nothing more each time that the retention is looked at', () => {
    const retention = keeping(1_000);
    const gap = new RetentionGap(retention, still, 9_500);
    for (let now = 10_000; now < 20_000; now += 500) {
      retention.note(1_000, now);
      expect([now, gap.beforeRead(now), gap.onPage(page(now, 0))]).toEqual([now, false, false]);
    }
  });

  it('learns nothing of the time after a shard’s end from when the end is seen', () => {
    const gap = new RetentionGap(limit, still, 9_500);
    expect(gap.onPage(page(10_000, 300))).toBe(false);
    expect(gap.onPage({ ...page(10_400, 0), closed: true })).toBe(false);
    expect(gap.coveredUpTo).toBe(9_700);
  });

  it('knows by the monotonic clock how long nothing was read, where the other one was ahead', () => {
    let ms = 0;
    const gap = new RetentionGap(limit, { monotonicMs: () => ms }, 9_500);
    expect(gap.onPage(page(10_300, 0))).toBe(false);
    ms = 1_000;
    expect(gap.beforeRead(10_700)).toBe(false);
    ms = 1_001;
    expect(gap.beforeRead(10_700)).toBe(true);
    gap.covered(10_700);
    ms = 1_900;
    expect(gap.beforeRead(10_750)).toBe(false);
    expect(gap.onPage(page(10_750, 200))).toBe(false);
    ms = 2_701;
    expect(gap.beforeRead(10_800)).toBe(true);
  });

  it('does not believe for long what was read while the clock was ahead', () => {
    const retention = new StreamRetention(100);
    retention.note(1_000, 0);
    const gap = new RetentionGap(retention, still, 9_500);
    expect(gap.onPage(page(60_000, 0))).toBe(true);
    gap.covered(60_000);
    expect(gap.beforeRead(10_000)).toBe(true);
    gap.covered(10_000);
    expect([gap.beforeRead(10_100), gap.coveredUpTo]).toEqual([false, 10_000]);
  });

  it('lets nothing pass that expired unread and that no flush since then covers, however reads, stand-stills and flushes follow each other', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 1, max: 1_500 }), reads: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, isKnown) => {
        const retentionMs = 1_100;
        const gap = new RetentionGap(limit, still, isKnown ? 0 : null);
        let [now, position, flushedAt] = [0, isKnown ? 0 : -5_000, -Infinity];
        const flush = (): void => gap.covered((flushedAt = now));
        // One record is accepted each millisecond; `position`: the first that was not read.
        for (const { waitMs, reads } of steps) {
          now += waitMs;
          for (let read = 0; read < reads; read += 1) {
            if (gap.beforeRead(now)) flush();
            const from = Math.max(position, now - retentionMs);
            const to = Math.min(now, from + 100);
            if (gap.onPage(page(now, now - to))) flush();
            const lastLost = from - 1;
            if (from > position && flushedAt <= lastLost)
              throw new Error(`${lastLost} was lost, flushed at ${flushedAt}`);
            position = to;
            now += 1;
          }
        }
      }),
      runs(),
    );
  });
});
