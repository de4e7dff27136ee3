import { describe, expect, it } from '@jest/globals';
import { type ShardPage } from './ports.js';
import { RetentionGap } from './retention-gap.js';

const limitMs = 1_000;
const page = (millisBehindLatest: number | null, gap = false): ShardPage => ({
  records: [],
  millisBehindLatest,
  closed: false,
  gap,
});

describe('RetentionGap (hazard 36)', () => {
  it('asks for nothing while reading is never far behind', () => {
    const gap = new RetentionGap(limitMs, 9_500);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(900), 10_000)).toBe(false);
    expect(gap.maySayReadUpTo).toBe(true);
    expect(gap.beforeRead(10_050)).toBe(false);
  });

  it.each([
    ['nothing is known of what was read', null],
    ['what was read is older than the stream keeps', 8_999],
  ])('flushes before it reads when %s, once', (_, readUpTo) => {
    const gap = new RetentionGap(limitMs, readUpTo);
    expect(gap.beforeRead(10_000)).toBe(true);
    expect(gap.maySayReadUpTo).toBe(false);
    expect(gap.beforeRead(10_000)).toBe(false);
    expect(gap.onPage(page(0), 10_000)).toBe(false);
    expect(gap.maySayReadUpTo).toBe(true);
    expect(gap.beforeRead(10_900)).toBe(false);
  });

  it('flushes again once it has caught up, when it was so far behind that more may have left the stream', () => {
    const gap = new RetentionGap(limitMs, null);
    expect(gap.beforeRead(10_000)).toBe(true);
    expect(gap.onPage(page(5_000), 10_000)).toBe(false);
    expect(gap.maySayReadUpTo).toBe(false);
    expect(gap.beforeRead(10_200)).toBe(false);
    expect(gap.onPage(page(1_001), 10_200)).toBe(false);
    expect(gap.onPage(page(1_000), 10_400)).toBe(true);
    expect(gap.maySayReadUpTo).toBe(true);
  });

  it('flushes when it falls behind while it reads, before the page is checkpointed', () => {
    const gap = new RetentionGap(limitMs, 9_900);
    expect(gap.onPage(page(1_001), 10_000)).toBe(true);
    expect(gap.maySayReadUpTo).toBe(false);
    expect(gap.onPage(page(1_001), 10_100)).toBe(false);
  });

  it('flushes when it stood still for too long', () => {
    const gap = new RetentionGap(limitMs, 9_900);
    expect(gap.onPage(page(0), 10_000)).toBe(false);
    expect(gap.beforeRead(11_000)).toBe(false);
    expect(gap.beforeRead(11_001)).toBe(true);
  });

  it('flushes when the position itself was lost', () => {
    const gap = new RetentionGap(limitMs, 9_900);
    expect(gap.onPage(page(0, true), 10_000)).toBe(true);
    expect(gap.onPage(page(null, true), 10_000)).toBe(true);
  });

  it('learns nothing from a page that cannot tell how far it ends behind', () => {
    const gap = new RetentionGap(limitMs, null);
    gap.beforeRead(10_000);
    expect(gap.onPage(page(null), 10_000)).toBe(false);
    expect(gap.maySayReadUpTo).toBe(false);
  });
});
