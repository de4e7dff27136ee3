import { expect, it } from '@jest/globals';
import { faultNames } from './faults/fault.js';
import { playInProcess } from './report/play-in-process.js';
import { type SeedsPlayed } from './report/play-seeds.js';

const { TIDEMARK_TEST_SEEDS: total = '300', TIDEMARK_TEST_SEED: only } = process.env;

/** Few enough that a slow machine still ends in time; what was left out is said. */
const budgetSeconds = 180;
/** Every kind of fault is bound to have fired in so many. */
const seedsForAllFaults = 150;
/** What faults are for, and would not be missed if it were not asked for. */
const turns = [
  'partition rewound',
  'dispatcher died at the commit of a rewind',
  'dispatcher died in a replay',
  'dispatcher replaced in a replay',
  'report of a pod that follows a limited topic',
  'topic made anew outgrew its readers',
  'log that was cut outgrew its readers',
  'log became another one in a replay',
  'pod met a routing topic that had begun anew',
  'route: restored',
];

/** Declares the tests that play the `part`th of `parts` shares of the seeds: side by side, each on a core. */
export function itPlaysSeeds(part: number, parts: number): void {
  if (only !== undefined && part > 1) {
    it('leaves the one seed to another share', () => expect(only).toBeDefined());
    return;
  }
  const isLong = Number(total) > 300;
  const seeds = only ?? `${part}-${total}`;
  const seconds = isLong ? Infinity : budgetSeconds;
  it(
    `keeps its promises in ${only === undefined ? `a share of ${total} seeds` : `seed ${only}`}`,
    async () => {
      const played = await playInProcess({ seeds, every: parts, seconds });
      expect(played.stories.join('\n\n')).toBe('');
      expect(unfired(played)).toEqual([]);
    },
    isLong ? 86_400_000 : 2_000 * budgetSeconds,
  );
}

function unfired({ seeds, counts }: SeedsPlayed): readonly string[] {
  const expected = [...faultNames.map((name) => `fault: ${name}`), ...turns];
  return seeds < seedsForAllFaults ? [] : expected.filter((name) => (counts[name] ?? 0) === 0);
}
