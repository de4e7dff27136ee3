export interface Point {
  /** Ms since whatever all points of a series share. */
  readonly atMs: number;
  readonly value: number;
}

/** How a series grows, per hour. */
export interface Trend {
  /** The median of the slopes between all pairs of points (Theil and Sen): what a few of them say does not move it. */
  readonly perHour: number;
  /** Its confidence interval of 95 %, by Kendall's statistic. */
  readonly low: number;
  readonly high: number;
  readonly median: number;
  /** From the first point to the last. */
  readonly hours: number;
  readonly points: number;
}

const pointsMin = 5;
const hourMs = 3_600_000;
/** Of the normal distribution, for 95 % on both sides. */
const deviations = 1.96;

/** `undefined`: too few points to say anything. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length < pointsMin || first === undefined || last === undefined) return undefined;
  const slopes = slopesOf(points);
  const n = points.length;
  const spread = deviations * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (place: number): number => slopes[Math.max(0, Math.min(slopes.length - 1, place))] ?? 0;
  return {
    perHour: medianOf(slopes),
    low: at(Math.floor((slopes.length - spread) / 2)),
    high: at(Math.ceil((slopes.length + spread) / 2)),
    median: medianOf(points.map(({ value }) => value)),
    hours: (last.atMs - first.atMs) / hourMs,
    points: n,
  };
}

/**
 * One point for each whole block of time, the median of what lies in it: samples between two faults depend on each other, and would make a slope
 * look surer than it is.
 */
export function blocksOf(points: readonly Point[], blockMs: number): readonly Point[] {
  const blocks = new Map<number, Point[]>();
  const startMs = points[0]?.atMs ?? 0;
  for (const point of points) {
    const block = Math.floor((point.atMs - startMs) / blockMs);
    blocks.set(block, [...(blocks.get(block) ?? []), point]);
  }
  return [...blocks].map(([block, all]) => ({
    atMs: startMs + block * blockMs,
    value: medianOf(all.map(({ value }) => value)),
  }));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** Sorted, per hour. */
function slopesOf(points: readonly Point[]): readonly number[] {
  const slopes: number[] = [];
  for (const [index, from] of points.entries())
    for (const to of points.slice(index + 1))
      if (to.atMs > from.atMs) slopes.push(((to.value - from.value) / (to.atMs - from.atMs)) * hourMs);
  return slopes.sort((a, b) => a - b);
}
