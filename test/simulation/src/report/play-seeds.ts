import { describeViolation } from '@tidemark/cache/testing';
import { generatePlan } from '../plan/generate-plan.js';
import { type Plan } from '../plan/plan.js';
import { runPlan } from '../run-plan.js';
import { type Outcome } from '../stage.js';
import { Counters } from '../world/counters.js';
import { shrink } from './shrink.js';
import { tellStory } from './story.js';

export interface SeedsPlayed {
  readonly seeds: number;
  /** A shrunk run and its story for each seed that failed. */
  readonly stories: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** Virtual hours. */
  readonly virtualHours: number;
  readonly cpuSeconds: number;
}

/** More seeds than this that fail are of the same few causes. */
const storiesMax = 2;
const standardTriesMax = 400;

/** Plays seeds one after the other, for as long as `mayGoOn`, and until a few have failed. `say` is told of each of these before it is shrunk. */
export async function playSeeds(
  seeds: Iterable<number>,
  mayGoOn: () => boolean = () => true,
  say: (line: string) => void = () => undefined,
): Promise<SeedsPlayed> {
  const counters = new Counters();
  const stories: string[] = [];
  const cpu = process.cpuUsage();
  let [played, virtualMs] = [0, 0];
  for (const seed of seeds) {
    if (!mayGoOn() || stories.length >= storiesMax) break;
    const plan = generatePlan(seed);
    const outcome = await playOne(plan);
    played += 1;
    if (typeof outcome === 'string') stories.push(outcome);
    else {
      virtualMs += outcome.virtualMs;
      counters.addAll(outcome.counts);
      const [violation] = outcome.violations;
      if (violation === undefined) continue;
      say(`seed ${seed} fails, the ${played}th played, and is shrunk: ${describeViolation(violation)}`);
      stories.push(await explain(plan, outcome));
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...{ seeds: played, stories, counts: counters.all, virtualHours: virtualMs / 3_600_000 },
    cpuSeconds: (user + system) / 1_000_000,
  };
}

/** The outcome, or why the run broke off. */
async function playOne(plan: Plan): Promise<Outcome | string> {
  try {
    return await runPlan(plan);
  } catch (error) {
    return `seed ${plan.seed} broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

/** The smallest run found that breaks the same promise, as a story. */
export async function explain(plan: Plan, { violations }: Outcome, triesMax = standardTriesMax): Promise<string> {
  const { invariant, key } = violations[0] ?? {};
  const fails = async (smaller: Plan): Promise<boolean> => {
    const outcome = await playOne(smaller);
    return typeof outcome !== 'string' && outcome.violations[0]?.invariant === invariant;
  };
  const shrunk = await shrink(plan, { fails, triesMax, key });
  const told = await runPlan(shrunk, { keepsLines: true });
  const before = violations.slice(0, 3).map(describeViolation).join('\n');
  return `${before}\n\nshrunk to:\n${tellStory(shrunk, told)}`;
}
