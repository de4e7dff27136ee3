import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { Refusals } from './refusals.js';

describe('Refusals', () => {
  it('tells what is refused again and again for three seconds, until records of it come', async () => {
    const clock = new ManualClock();
    const refusals = new Refusals(clock);
    const told: string[][] = [];
    for (let second = 0; second < 5; second += 1) {
      refusals.note('t', 0);
      told.push([...refusals.topics]);
      await clock.advance(1_000);
    }
    expect(told).toEqual([[], [], [], ['t'], ['t']]);
    refusals.came('t', 1);
    expect(refusals.topics.size).toBe(1);
    refusals.came('t', 0);
    expect(refusals.topics.size).toBe(0);
  });

  it('forgets what is not refused any more, and begins anew where it is refused later', async () => {
    const clock = new ManualClock();
    const refusals = new Refusals(clock);
    refusals.note('t', 0);
    await clock.advance(4_000);
    refusals.note('t', 0);
    expect(refusals.topics.size).toBe(1);
    await clock.advance(15_000);
    expect(refusals.topics.size).toBe(0);
    refusals.note('t', 0);
    expect(refusals.topics.size).toBe(0);
  });

  it('goes on telling of a topic that can be looked up no more, of which nothing is asked for meanwhile', async () => {
    const clock = new ManualClock();
    const refusals = new Refusals(clock);
    refusals.still('t');
    refusals.note('t', 3);
    for (let look = 0; look < 5; look += 1) {
      await clock.advance(10_000);
      refusals.still('t');
      refusals.still('other');
      expect([...refusals.topics]).toEqual(['t']);
    }
  });

  it('has what was refused long ago not told again over a topic that cannot be looked up for another partition', async () => {
    const clock = new ManualClock();
    const refusals = new Refusals(clock);
    refusals.note('t', 3);
    await clock.advance(3_600_000);
    refusals.still('t');
    expect(refusals.has('t', 3)).toBe(false);
    for (let second = 0; second < 5; second += 1) {
      refusals.note('t', 0);
      refusals.still('t');
      await clock.advance(1_000);
    }
    expect([...refusals.topics]).toEqual(['t']);
    refusals.came('t', 0);
    expect([refusals.has('t', 3), refusals.topics.size]).toEqual([false, 0]);
  });
});
