import { describe, expect, it } from '@jest/globals';
import { type Gauge } from './gauge.js';
import { follow, judgeTrends, type LifeSeries, type SoakSeries } from './soak-verdict.js';

const mebibyte = 1_048_576;
const minuteMs = 60_000;
const still: Gauge = {
  ...{ heapBytes: 50 * mebibyte, codeBytes: 10 * mebibyte, externalBytes: 4 * mebibyte, rssBytes: 120 * mebibyte },
  ...{ descriptors: 40, sockets: 8, timers: 5, resources: 12 },
};
const options = { warmUpMs: 10 * minuteMs, blockMs: 2 * minuteMs };

/** A sample every 30 s. */
function lifeOf(role: string, minutes: number, gaugeAt: (minute: number) => Partial<Gauge>): LifeSeries {
  const samples = Array.from({ length: minutes * 2 }, (_, n) => ({
    atMs: (n * minuteMs) / 2,
    gauge: { ...still, ...gaugeAt(n / 2) },
  }));
  return { role, life: 1, samples };
}

const linesOf = (series: Partial<SoakSeries>, roles: readonly string[] = []): readonly string[] =>
  judgeTrends(follow({ lives: [], groups: [], ...series }, options), roles);

describe('the verdict on what processes hold', () => {
  it('has nothing to say of what stands still, nor of what waves', () => {
    const waving = lifeOf('pod-1', 240, (minute) => ({
      heapBytes: (40 + 4 * Math.sin(minute)) * mebibyte,
      sockets: 8 + (Math.floor(minute / 3) % 4),
    }));
    expect(linesOf({ lives: [lifeOf('sync-1', 60, () => ({})), waving] }, ['pod', 'sync'])).toEqual([]);
  });

  it('finds a heap that gains 2 % an hour in eight hours of waves, and lets 0.5 % pass', () => {
    const gaining = (percent: number) =>
      lifeOf('sync-1', 480, (minute) => ({
        heapBytes: (40 * (1 + ((percent / 100) * minute) / 60) + Math.sin(minute)) * mebibyte,
      }));
    expect(linesOf({ lives: [gaining(2)] })).toEqual([expect.stringMatching(/^grows: sync-1\.1 heap/)]);
    expect(linesOf({ lives: [gaining(0.5)] })).toEqual([]);
  });

  it.each(['sockets', 'timers', 'resources', 'descriptors'] as const)(
    'finds one of the %s lost at each second fault',
    (measure) => {
      const losing = lifeOf('dispatcher-1', 30, (minute) => ({ [measure]: 8 + Math.floor(minute / 4) }));
      expect(linesOf({ lives: [losing] })).toEqual([expect.stringContaining(`grows: dispatcher-1.1 ${measure}`)]);
    },
  );

  it('finds consumer groups that stay behind', () => {
    const groups = Array.from({ length: 60 }, (_, n) => ({ atMs: n * minuteMs, value: 6 + Math.floor(n / 10) }));
    expect(linesOf({ groups })).toEqual([expect.stringMatching(/^grows: broker\.1 groups/)]);
  });

  it('leaves out what V8 compiles', () => {
    const compiling = lifeOf('admin-1', 60, (minute) => ({
      heapBytes: (50 + minute / 10) * mebibyte,
      codeBytes: (10 + minute / 10) * mebibyte,
    }));
    expect(linesOf({ lives: [compiling] })).toEqual([]);
  });

  it('leaves out what a process takes in as it warms up', () => {
    const warming = lifeOf('pod-1', 60, (minute) => ({ heapBytes: (30 + Math.min(minute, 10)) * mebibyte }));
    expect(linesOf({ lives: [warming] })).toEqual([]);
  });

  it('tells what the stand-ins hold, and has no goal for them', () => {
    const lives = ['aws', 'kafka'].map((role) => lifeOf(role, 60, (minute) => ({ heapBytes: minute * mebibyte })));
    expect(linesOf({ lives })).toEqual([]);
    expect(follow({ lives, groups: [] }, options).filter(({ isWithin }) => !isWithin)).toHaveLength(2);
  });

  it('says of which roles nothing lived long enough', () => {
    const lives = [lifeOf('pod-2', 15, () => ({})), lifeOf('sync-1', 30, () => ({}))];
    expect(linesOf({ lives }, ['pod', 'sync'])).toEqual(['not known: no pod lived long enough']);
  });
});
