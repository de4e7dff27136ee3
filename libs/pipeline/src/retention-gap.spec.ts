import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { type ShardPage } from './ports.js';
import { RetentionGap } from './retention-gap.js';

const limit = () => 1_000;
const page = (askedAt: number, millisBehindLatest: number | null, gap = false): ShardPage => ({
  records: [],
  askedAt,
  millisBehindLatest,
  closed: false,
  gap,
});

describe('hazard 36: RetentionGap', () => {
  it('asks for nothing while reading is never far behind', () => {
    const gap = new RetentionGap(limit, 9_500);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(10_000, 900))).toBe(false);
    expect(gap.beforeRead(10_050)).toBe(false);
  });

  it.each([
    ['nothing is known of what was read', null],
    ['what was read is older than the stream keeps', 8_999],
  ])('asks for a flush before it reads when %s, once', (_, coveredUpTo) => {
    const gap = new RetentionGap(limit, coveredUpTo);
    expect(gap.beforeRead(10_000)).toBe(true);
    gap.covered(10_000);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(10_000, 0))).toBe(false);
    expect(gap.beforeRead(10_900)).toBe(false);
  });

  it('asks while nothing is known, whatever the time and the retention', () => {
    expect(new RetentionGap(() => Infinity, null).beforeRead(500)).toBe(true);
  });

  it('asks for no more while it catches up behind a flush that is young enough', () => {
    const gap = new RetentionGap(limit, 10_000);
    expect(gap.onPage(page(10_000, 5_000))).toBe(false);
    expect(gap.onPage(page(10_900, 3_000))).toBe(false);
    expect(gap.onPage(page(11_000, 0))).toBe(false);
  });

  it('asks again when catching up takes longer than the stream keeps records', () => {
    const gap = new RetentionGap(limit, 10_000);
    expect(gap.onPage(page(10_900, 3_000))).toBe(false);
    expect(gap.beforeRead(11_001)).toBe(true);
    gap.covered(11_001);
    expect(gap.onPage(page(11_002, 2_500))).toBe(false);
  });

  it('asks before the page is checkpointed when it comes after a long stand-still, however near to the tip it ends', () => {
    const gap = new RetentionGap(limit, 9_900);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(12_000, 0))).toBe(true);
  });

  it('asks when the position itself was lost', () => {
    const gap = new RetentionGap(limit, 9_900);
    expect(gap.onPage(page(10_000, 0, true))).toBe(true);
    expect(gap.onPage(page(10_000, null, true))).toBe(true);
  });

  it('learns nothing from a page that cannot tell how far it ends behind', () => {
    const gap = new RetentionGap(limit, 9_900);
    expect(gap.onPage(page(10_800, null))).toBe(false);
    expect(gap.beforeRead(10_901)).toBe(true);
  });

  it('follows a retention that was shortened', () => {
    let limitMs = 1_000;
    const gap = new RetentionGap(() => limitMs, 9_500);
    expect(gap.beforeRead(10_000)).toBe(false);
    limitMs = 400;
    expect(gap.beforeRead(10_000)).toBe(true);
  });

  it('lets nothing pass that expired unread and that no flush since then covers, however reads, stand-stills and flushes follow each other', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 1, max: 1_500 }), reads: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, isKnown) => {
        const retentionMs = 1_100;
        const gap = new RetentionGap(limit, isKnown ? 0 : null);
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
