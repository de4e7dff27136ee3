import { afterEach, describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { CheckedWorld, retentionMs } from '../test/checked-world.js';
import { Schedule, type Step, steps, stepsWithHoles } from '../test/schedule.js';

let world: CheckedWorld;
afterEach(() => world.close());

async function play(schedule: readonly Step[], closesAfter: number): Promise<void> {
  world = new CheckedWorld({ stream: { shards: 2, pageMax: 3, closesAfter, retentionMs }, sink: { latencyMs: 70 } });
  const player = new Schedule(world);
  for (const step of schedule) await player.play(step);
  await player.settle(40_000);
  await world.close();
}

describe('under any schedule of writes, splits, merges, crashes, thefts and outages', () => {
  it.each([
    ['a shard that says at once that it is closed', 0],
    ['a shard that says so one page late', 1],
    ['a shard that says so three pages late', 3],
  ])(
    'hazards 32, 33, 49 and 50: never claims what is not acknowledged, loses nothing, and catches up; %s',
    async (_, closesAfter) => {
      await fc.assert(
        fc.asyncProperty(steps, async (schedule) => {
          await play(schedule, closesAfter);
          expect(world.falsehoods.slice(0, 3)).toEqual([]);
          expect(world.missing).toEqual([]);
          // One worker renews every 4 s, so what the other knows of its shards is as old.
          expect(world.clock.now() - world.latest).toBeLessThan(7_000);
        }),
        runs(500),
      );
    },
    600_000,
  );
});

describe('when records expire too, lease rows are lost or reset, the stream is made anew, or the destination is switched off', () => {
  it('hazards 36, 48 and 51: no watermark passes a change that is lost before a flush has covered it, and all goes on', async () => {
    let lost = 0;
    await fc.assert(
      fc.asyncProperty(stepsWithHoles, async (schedule) => {
        await play(schedule, 1);
        expect(world.falsehoods.slice(0, 3)).toEqual([]);
        expect(world.missing).toEqual([]);
        expect(world.clock.now() - world.latest).toBeLessThan(7_000);
        lost += world.lost;
      }),
      runs(250),
    );
    expect(lost).toBeGreaterThan(0);
  }, 600_000);
});
