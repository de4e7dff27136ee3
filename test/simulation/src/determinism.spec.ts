import { describe, expect, it } from '@jest/globals';
import { generatePlan } from './plan/generate-plan.js';
import { runPlan } from './run-plan.js';

describe('a seed', () => {
  it('is one run, to the byte', async () => {
    const first = await runPlan(generatePlan(1));
    const again = await runPlan(generatePlan(1));
    expect(again.digest).toBe(first.digest);
    expect(again.counts).toEqual(first.counts);
    const other = await runPlan(generatePlan(2));
    expect(other.digest).not.toBe(first.digest);
  }, 60_000);
});
