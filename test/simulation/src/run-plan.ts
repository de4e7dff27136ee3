import { type Plan } from './plan/plan.js';
import { type Outcome, Stage, type StageOptions } from './stage.js';
import { withoutRealTime } from './time/real-time.js';

/** Plays a plan to its end, lets everything come to rest, and checks what was recorded. */
export function runPlan(plan: Plan, options: StageOptions = {}): Promise<Outcome> {
  return withoutRealTime(async () => {
    const stage = new Stage(plan.seed, plan.world, options);
    stage.world.start();
    for (const { name, pod, keys, amount, atMs } of plan.operations)
      stage.scheduler.at(atMs, () => stage.begin(name, pod, keys, amount));
    for (const fault of plan.faults) stage.scheduler.at(fault.atMs, () => stage.befall(fault));
    await stage.scheduler.run(plan.endMs);
    return stage.conclude();
  });
}
