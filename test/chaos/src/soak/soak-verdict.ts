import { type Gauge } from './gauge.js';
import { blocksOf, type Point, type Trend, trendOf } from './trend.js';

/** What was seen of one life of a process, or of the broker. */
export interface LifeSeries {
  readonly role: string;
  /** The first is 1. */
  readonly life: number;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** Since the run began. */
  readonly atMs: number;
  readonly gauge: Gauge;
}

export interface SoakSeries {
  readonly lives: readonly LifeSeries[];
  /** Consumer groups on the broker. */
  readonly groups: readonly Point[];
}

export interface TrendOptions {
  /** Of each life: what it takes in at first is no leak. */
  readonly warmUpMs: number;
  /** From a fault to the next. */
  readonly blockMs: number;
}

/** One measure of one process over the time behind its warm-up. */
export interface Followed {
  readonly role: string;
  readonly life: number;
  readonly measure: string;
  readonly trend: Trend;
  /** Whether a goal holds for it: there is none for the stand-ins of AWS and Kafka, nor for what V8 compiles. */
  readonly isJudged: boolean;
  readonly isWithin: boolean;
}

/** What grows by no more is flat. */
export const goals = {
  /** Of memory, and in any case `slackBytes`: what is kept up to a bound, and what V8 learns of the code, still grows in a short run. */
  percentPerHour: 1,
  slackBytes: 1_048_576,
  /** Of sockets, timers, groups and the like, over the whole series: a connection more after a fault is none lost. */
  slackCount: 2,
} as const;

/** Stand-ins: they are there for the test, and keep what they are given. */
export const unjudged: readonly string[] = ['kafka', 'aws'];

const measures = {
  heap: ({ heapBytes, codeBytes }: Gauge) => heapBytes - codeBytes,
  code: ({ codeBytes }: Gauge) => codeBytes,
  external: ({ externalBytes }: Gauge) => externalBytes,
  sockets: ({ sockets }: Gauge) => sockets,
  timers: ({ timers }: Gauge) => timers,
  resources: ({ resources }: Gauge) => resources,
  descriptors: ({ descriptors }: Gauge) => descriptors,
} as const;

const isMemory = (measure: string): boolean => ['heap', 'code', 'external'].includes(measure);

/** Every measure of every life that lasted long enough to have a trend. */
export function follow({ lives, groups }: SoakSeries, options: TrendOptions): readonly Followed[] {
  const ofLives = lives.flatMap(({ role, life, samples }) =>
    Object.entries(measures).flatMap(([measure, read]) => {
      const points = samples.map(({ atMs, gauge }) => ({ atMs, value: read(gauge) }));
      return followOne({ role, life, measure }, points, options);
    }),
  );
  return [...ofLives, ...followOne({ role: 'broker', life: 1, measure: 'groups' }, groups, options)];
}

/** What has grown, a line each; and the roles of which no process lasted long enough to say so. */
export function judgeTrends(followed: readonly Followed[], roles: readonly string[]): readonly string[] {
  const grown = followed.filter(({ isJudged, isWithin }) => isJudged && !isWithin);
  const unknown = roles.filter((role) => !followed.some((each) => each.isJudged && each.role.startsWith(role)));
  return [
    ...grown.map((each) => `grows: ${describeFollowed(each)}`),
    ...unknown.map((role) => `not known: no ${role} lived long enough`),
  ];
}

export function describeFollowed({ role, life, measure, trend }: Followed): string {
  const { perHour, low, high, median, hours, points } = trend;
  const show = isMemory(measure) ? (value: number) => `${share(value, median)} %` : (value: number) => value.toFixed(1);
  const size = isMemory(measure) ? `${(median / 1_048_576).toFixed(1)} MiB` : String(median);
  const interval = `${show(low)} to ${show(high)}`;
  return `${role}.${life} ${measure} ${size}, ${show(perHour)} an hour (${interval}) over ${(hours * 60).toFixed(0)} min, ${points} points`;
}

function followOne(
  what: Pick<Followed, 'role' | 'life' | 'measure'>,
  points: readonly Point[],
  { warmUpMs, blockMs }: TrendOptions,
): readonly Followed[] {
  const warmMs = (points[0]?.atMs ?? 0) + warmUpMs;
  const trend = trendOf(
    blocksOf(
      points.filter(({ atMs }) => atMs >= warmMs),
      blockMs,
    ),
  );
  if (trend === undefined) return [];
  const isJudged = !unjudged.includes(what.role) && what.measure !== 'code';
  return [{ ...what, trend, isJudged, isWithin: isWithin(what.measure, trend) }];
}

/** A series has grown only where even the lower end of its slope's interval says so: what a short run cannot tell is not held against anyone. */
function isWithin(measure: string, { low, median, hours }: Trend): boolean {
  const surely = low * hours;
  if (!isMemory(measure)) return surely <= goals.slackCount;
  return surely <= goals.slackBytes || low <= (median * goals.percentPerHour) / 100;
}

function share(part: number, whole: number): string {
  return (whole === 0 ? 0 : (part / whole) * 100).toFixed(2);
}
