import { describe, expect, it } from '@jest/globals';
import { describeViolation } from '@tidemark/cache/testing';
import { plantedBugs } from './planted-bugs.js';
import { scenarios } from './scenarios.js';
import { playScenario } from './script.js';

/** As a test's title names them. */
const bugs = plantedBugs.map((bug) => [`hazard ${bug.hazard}: ${bug.name}`, bug] as const);

describe('the history checker', () => {
  it.each(bugs)(
    'finds %s',
    async (_title, { name, plant }) => {
      const scenario = scenarios.find(({ bug }) => bug === name);
      if (scenario === undefined) throw new Error(`no scenario for ${name}`);
      const sound = await playScenario(scenario);
      expect(sound.violations.map(describeViolation)).toEqual([]);
      const mend = plant();
      try {
        const broken = await playScenario(scenario);
        const broke = broken.violations.map(({ invariant }) => invariant);
        expect(broke.length).toBeGreaterThan(0);
        if (scenario.breaks !== undefined) expect(broke).toContain(scenario.breaks);
      } finally {
        mend();
      }
    },
    60_000,
  );

  it('is tried on 20 planted bugs at least', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(20);
    expect(scenarios.map(({ bug }) => bug).sort()).toEqual(plantedBugs.map(({ name }) => name).sort());
  });
});
