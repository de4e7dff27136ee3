import { describe, expect, it } from '@jest/globals';
import { silentLogger, TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { HoleFlush } from './hole-flush.js';
import { SyncMetrics } from './sync-metrics.js';

function make() {
  const clock = new ManualClock(1_000);
  const reasons: string[] = [];
  /** Ends the flush that is under way. */
  const ends: ((error?: Error) => void)[] = [];
  const holes = new HoleFlush({
    clock,
    log: silentLogger,
    metrics: new SyncMetrics(),
    flushAll: (reason) =>
      new Promise((resolve, reject) => {
        reasons.push(reason);
        ends.push((error) => (error === undefined ? resolve([]) : reject(error)));
      }),
  });
  return { clock, reasons, ends, holes };
}

const { signal } = new AbortController();

describe('hazard 51: HoleFlush', () => {
  it('makes one flush for all the holes that were open when it began, and tells when that was', async () => {
    const { clock, reasons, ends, holes } = make();
    const open = ['a', 'b', 'c'].map((reason) => holes.open(reason));
    const covered = open.map((hole) => holes.cover(hole, signal));
    await clock.advance(500);
    ends[0]?.();
    expect(await Promise.all(covered)).toEqual([1_000, 1_000, 1_000]);
    expect(await holes.cover(open[1] ?? holes.open('x'), signal)).toBe(1_000);
    expect(reasons).toEqual(['a']);
  });

  it('begins another for a hole that opened while one was under way', async () => {
    const { clock, reasons, ends, holes } = make();
    const first = holes.cover(holes.open('a'), signal);
    await clock.advance(500);
    const second = holes.cover(holes.open('b'), signal);
    ends[0]?.();
    expect(await first).toBe(1_000);
    await settle();
    expect(reasons).toEqual(['a', 'b']);
    ends[1]?.();
    expect(await second).toBe(1_500);
  });

  it('lets whoever waits give up, and goes on for the others', async () => {
    const { ends, holes } = make();
    const aborter = new AbortController();
    const hole = holes.open('a');
    const impatient = holes.cover(hole, aborter.signal);
    const patient = holes.cover(hole, signal);
    aborter.abort('lease lost');
    await expect(impatient).rejects.toMatchObject({ code: 'ABORTED', cause: 'lease lost' });
    ends[0]?.();
    expect(await patient).toBe(1_000);
  });

  it('covers nothing by a flush that was given up', async () => {
    const { ends, holes, reasons } = make();
    const hole = holes.open('a');
    const covered = holes.cover(hole, signal);
    ends[0]?.(new TidemarkError('ABORTED', 'stopped', { retriable: false }));
    await expect(covered).rejects.toMatchObject({ code: 'ABORTED' });
    await holes.ended();
    void holes.cover(hole, signal);
    expect(reasons).toEqual(['a', 'a']);
  });
});
