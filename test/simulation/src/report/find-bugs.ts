import { generatePlan } from '../plan/generate-plan.js';
import { type PlantedBug } from '../planted/planted-bug.js';
import { plantedBugs } from '../planted/planted-bugs.js';
import { runPlan } from '../run-plan.js';

/** Plants each bug, or the one of that name, and plays seeds until the checker finds it: how many it took, a line each. */
export async function findBugs(
  seeds: readonly number[],
  only: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  const bugs = plantedBugs.filter(({ name }) => only === undefined || name === only);
  if (bugs.length === 0) throw new RangeError(`no planted bug ${only}`);
  say('| hazard | planted | seeds | breaks |');
  say('| --- | --- | --- | --- |');
  let found = 0;
  for (const bug of bugs) {
    const { count, breaks } = await find(bug, seeds);
    if (breaks !== '') found += 1;
    say(`| ${bug.hazard} | ${bug.name} | ${breaks === '' ? `more than ${count}` : count} | ${breaks} |`);
  }
  say(`FIGURES: ${found} of ${bugs.length} planted bugs were found by at most ${seeds.length} random seeds each`);
}

async function find(
  { plant }: PlantedBug,
  seeds: readonly number[],
): Promise<{ readonly count: number; readonly breaks: string }> {
  const mend = plant();
  try {
    for (const [index, seed] of seeds.entries()) {
      const breaks = await firstBroken(seed);
      if (breaks !== undefined) return { count: index + 1, breaks };
    }
    return { count: seeds.length, breaks: '' };
  } finally {
    mend();
  }
}

async function firstBroken(seed: number): Promise<string | undefined> {
  try {
    return (await runPlan(generatePlan(seed))).violations[0]?.invariant;
  } catch {
    return 'the run';
  }
}
