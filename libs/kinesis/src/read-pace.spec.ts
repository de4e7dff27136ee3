import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { ReadPace } from './read-pace.js';

const { signal } = new AbortController();

/** Reads without end; `isBehind` says of each whether it ended behind the tip. Returns when each read was sent, ms. */
async function reads(clock: ManualClock, count: number, isBehind: (index: number) => boolean): Promise<number[]> {
  const pace = new ReadPace(clock, 200);
  const sentMs: number[] = [];
  const done = (async () => {
    for (let index = 0; index < count; index += 1) {
      await pace.turn(signal);
      sentMs.push(Math.round(clock.monotonicMs()));
      if (isBehind(index)) pace.hurry();
    }
  })();
  for (let step = 0; step < 1_000 && sentMs.length < count; step += 1) await clock.advance(10);
  await done;
  return sentMs;
}

describe('ReadPace', () => {
  it('reads at the interval at the tip', async () => {
    expect(await reads(new ManualClock(), 4, () => false)).toEqual([0, 200, 400, 600]);
  });

  it('reads five times at once behind the tip, and at the interval on average', async () => {
    expect(await reads(new ManualClock(), 8, () => true)).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
  });

  it('waits for the tip again after it has caught up', async () => {
    expect(await reads(new ManualClock(), 5, (index) => index < 2)).toEqual([0, 0, 0, 200, 400]);
  });

  it('does not wait when the caller gave up', async () => {
    const clock = new ManualClock();
    const pace = new ReadPace(clock, 200);
    await pace.turn(signal);
    await pace.turn(AbortSignal.abort());
    expect(clock.monotonicMs()).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
