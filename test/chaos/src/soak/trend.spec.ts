import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@tidemark/local-stack';
import { blocksOf, medianOf, type Point, trendOf } from './trend.js';

const minuteMs = 60_000;

function seriesOf(count: number, value: (minute: number) => number): readonly Point[] {
  return Array.from({ length: count }, (_, n) => ({ atMs: n * 2 * minuteMs, value: value(n * 2) }));
}

describe('the trend of a series', () => {
  it('is its slope per hour, without doubt where nothing else is in it', () => {
    const trend = trendOf(seriesOf(10, (minute) => 50 + minute / 2));
    expect(trend?.perHour).toBeCloseTo(30);
    expect(trend?.low).toBeCloseTo(30);
    expect(trend?.high).toBeCloseTo(30);
    expect(trend).toMatchObject({ median: 54.5, hours: 0.3, points: 10 });
  });

  it('has its true slope within the interval in nineteen of twenty series of noise', () => {
    const random = seededRandom(7);
    let within = 0;
    for (let series = 0; series < 500; series += 1) {
      const trend = trendOf(seriesOf(15, (minute) => 1_000 + minute * 2 + (random() - random()) * 100));
      if (trend !== undefined && trend.low <= 120 && trend.high >= 120) within += 1;
    }
    expect(within).toBeGreaterThan(465);
    expect(within).toBeLessThan(500);
  });

  it('is not moved by a few wild points', () => {
    const wild = new Set([6, 14]);
    expect(trendOf(seriesOf(12, (minute) => (wild.has(minute) ? 1e9 : 100)))).toMatchObject({ perHour: 0, low: 0 });
  });

  it('is not known of fewer than five points', () => {
    expect(trendOf(seriesOf(4, () => 1))).toBeUndefined();
    expect(trendOf(seriesOf(5, () => 1))).toBeDefined();
  });
});

describe('blocks', () => {
  it('are the medians of stretches of time, each at its beginning', () => {
    const points = [0, 10, 20, 30, 45, 90].map((atMs) => ({ atMs: 100 + atMs, value: atMs }));
    expect(blocksOf(points, 40)).toEqual([
      { atMs: 100, value: 15 },
      { atMs: 140, value: 45 },
      { atMs: 180, value: 90 },
    ]);
    expect(blocksOf([], 40)).toEqual([]);
  });

  it('take the middle of an even number', () => {
    expect(medianOf([4, 1, 3, 2])).toBe(2.5);
    expect(medianOf([])).toBe(0);
  });
});
