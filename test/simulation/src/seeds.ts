import { expect, it } from '@jest/globals';
import { faultNames } from './faults/fault.js';
import { figures } from './report/figures.js';
import { playSeeds, type SeedsPlayed } from './report/play-seeds.js';

const { TIDEMARK_TEST_SEEDS: total = '300', TIDEMARK_TEST_SEED: only } = process.env;

/** Few enough that a slow machine still ends in time; what was left out is said. Ms. */
const budgetMs = 180_000;
/** Every kind of fault is bound to have fired in so many. */
const seedsForAllFaults = 150;

/** Declares the tests that play the `part`th of `parts` shares of the seeds: side by side, each on a core. */
export function itPlaysSeeds(part: number, parts: number): void {
  const seeds = seedsOf(part, parts);
  const isLong = Number(total) > 300;
  if (seeds.length === 0) {
    it('leaves the one seed to another share', () => expect(only).toBeDefined());
    return;
  }
  it(
    `keeps I1 to I4 in ${seeds.length} seeds`,
    async () => {
      const startedMs = performance.now();
      const played = await playSeeds(seeds, () => isLong || performance.now() - startedMs < budgetMs);
      process.stdout.write(`${figures(played)}\n`);
      if (played.seeds < seeds.length && played.stories.length === 0)
        process.stdout.write(`NOT RUN: ${seeds.length - played.seeds} of ${seeds.length} seeds, for want of time\n`);
      expect(played.stories.join('\n\n')).toBe('');
      expect(unfired(played)).toEqual([]);
    },
    isLong ? 86_400_000 : 2 * budgetMs,
  );
}

/** The seeds count up from 1. */
function seedsOf(part: number, parts: number): readonly number[] {
  if (only !== undefined) return part === 1 ? [Number(only)] : [];
  return Array.from({ length: Number(total) }, (_, index) => index + 1).filter((seed) => seed % parts === part % parts);
}

function unfired({ seeds, counts }: SeedsPlayed): readonly string[] {
  return seeds < seedsForAllFaults ? [] : faultNames.filter((name) => (counts[`fault: ${name}`] ?? 0) === 0);
}
