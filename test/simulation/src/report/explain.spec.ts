import { describe, expect, it } from '@jest/globals';
import { generatePlan } from '../plan/generate-plan.js';
import { type Plan } from '../plan/plan.js';
import { plantedBugs } from '../planted/planted-bugs.js';
import { runPlan } from '../run-plan.js';
import { explain } from './play-seeds.js';
import { shrink } from './shrink.js';

function bugNamed(wanted: string) {
  const bug = plantedBugs.find(({ name }) => name === wanted);
  if (bug === undefined) throw new Error(`no planted bug ${wanted}`);
  return bug;
}

describe('a seed that fails', () => {
  it('is shrunk to a few operations and told line by line', async () => {
    const mend = bugNamed('a fill has no fence').plant();
    try {
      let story = '';
      for (let seed = 1; seed <= 40 && story === ''; seed += 1) {
        const plan = generatePlan(seed, { operations: 200, faults: 6, lengthMs: 12_000 });
        const outcome = await runPlan(plan);
        if (outcome.violations.length > 0) story = await explain(plan, outcome, 200);
      }
      const [, operations = '', faults = ''] = /seed \d+, (\d+) operations and (\d+) faults/.exec(story) ?? [];
      expect(Number(operations)).toBeLessThanOrEqual(8);
      expect(Number(faults)).toBeLessThanOrEqual(4);
      expect(story).toMatch(/\d\.\d{3} s {2}\S+\/pod-\d#\d+ +w\d+: put/);
      expect(story).toMatch(/\d\.\d{3} s {2}\S+\/table/);
      expect(story.split('\n').length).toBeLessThan(200);
    } finally {
      mend();
    }
  }, 180_000);

  it('is shrunk to what it takes to fail', async () => {
    const plan = generatePlan(1);
    const [needed, fault] = [plan.operations[100], plan.faults[2]];
    const fails = async ({ operations, faults }: Plan): Promise<boolean> =>
      operations.some(({ id }) => id === needed?.id) && faults.some(({ id }) => id === fault?.id);
    const shrunk = await shrink(plan, { fails, triesMax: 1_000 });
    expect(shrunk.operations).toEqual([needed]);
    expect(shrunk.faults.map(({ id }) => id)).toEqual([fault?.id]);
    expect(shrunk.endMs).toBeLessThan(plan.endMs);
  });

  it('is not tried for ever', async () => {
    let tries = 0;
    const fails = async (): Promise<boolean> => {
      tries += 1;
      return false;
    };
    await shrink(generatePlan(1), { fails, triesMax: 10 });
    expect(tries).toBe(10);
  });
});
