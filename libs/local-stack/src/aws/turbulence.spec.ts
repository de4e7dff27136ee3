import { describe, expect, it } from '@jest/globals';
import { ManualClock, runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { seededRandom } from './seeded-random.js';
import { Turbulence } from './turbulence.js';

function run(options: { seed: number; window: number; duplicates: number; records: number }) {
  const clock = new ManualClock();
  const out: number[] = [];
  const turbulence = new Turbulence<number>({ clock, random: seededRandom(options.seed), holdMs: 20 }, (record) =>
    out.push(record),
  );
  turbulence.window = options.window;
  turbulence.duplicateProbability = options.duplicates;
  for (let record = 0; record < options.records; record++) turbulence.offer(record);
  return { clock, out, turbulence };
}

describe('Turbulence', () => {
  it('passes records straight on when nothing is asked of it', () => {
    const { out, turbulence } = run({ seed: 1, window: 1, duplicates: 0, records: 5 });
    expect(out).toEqual([0, 1, 2, 3, 4]);
    expect(turbulence.held).toBe(0);
  });

  it('lets what it holds go when no record comes for a while', async () => {
    const { clock, out, turbulence } = run({ seed: 1, window: 10, duplicates: 0, records: 5 });
    expect(out).toEqual([]);
    await clock.advance(19);
    expect(out).toEqual([]);
    await clock.advance(1);
    expect([...out].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(turbulence.held).toBe(0);
  });

  it('loses nothing, repeats only what it counts, and delays no record by 2 windows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          window: fc.integer({ min: 2, max: 30 }),
          duplicates: fc.constantFrom(0, 0.3),
          records: fc.integer({ min: 1, max: 200 }),
        }),
        async (options) => {
          const { clock, out, turbulence } = run(options);
          await clock.advance(20);
          expect(new Set(out).size).toBe(options.records);
          expect(out).toHaveLength(options.records + turbulence.duplicates);
          if (options.duplicates > 0) return;
          for (const [at, record] of out.entries()) expect(at - record).toBeLessThan(2 * options.window);
        },
      ),
      runs(200),
    );
  });
});
