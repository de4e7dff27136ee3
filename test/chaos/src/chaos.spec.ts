import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { scenarios } from './plan/scenarios.js';
import { roles } from './plan/step.js';
import { effectCases, plantedCases } from './planted-cases.js';
import { playScenario, type Played } from './play-scenario.js';
import { judge } from './verdict.js';
import { ChaosWorld } from './world/chaos-world.js';

/** Whether every scenario is played, or those of the ordinary run. */
const isLong = process.env['TIDEMARK_TEST_CHAOS'] === 'long';
const seedCount = isLong ? Number(process.env['TIDEMARK_TEST_SEEDS'] ?? 20) : 1;
const firstSeed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
const seeds = Array.from({ length: seedCount }, (_, n) => firstSeed + n);
/** `apache`: a broker of Apache Kafka, where it can run. */
const kafka = process.env['TIDEMARK_TEST_CHAOS_KAFKA'] === 'apache' ? 'apache' : 'embedded';
/** To play some again: `TIDEMARK_TEST_SCENARIO='lease theft,reshard'`. */
const wanted = process.env['TIDEMARK_TEST_SCENARIO']?.split(',');
const played = scenarios.filter(({ name, isShort }) =>
  wanted === undefined ? isLong || isShort : wanted.includes(name),
);

jest.setTimeout(300_000);

describe.each(seeds)(`chaos on ${kafka} Kafka, seed %d`, (seed) => {
  let world: ChaosWorld;
  beforeAll(async () => {
    world = await ChaosWorld.start({ seed, kafka });
  });
  afterAll(() => world?.stop());

  if (seed === firstSeed && wanted === undefined) plantedCases(() => world);

  it.each(played)('$name: after healing all is right', async (scenario) => {
    const result = await playScenario(world, scenario, { seed });
    const problems = judge(result.outcome);
    process.stdout.write(`${lineOf(scenario.name, seed, result, problems)}\n`);
    expect([...problems, ...(problems.length > 0 ? result.script : [])]).toEqual([]);
  });

  if (seed === firstSeed && wanted === undefined) effectCases(() => world);
});

function lineOf(
  name: string,
  seed: number,
  { outcome, routeChanges, recoveryMs }: Played,
  problems: readonly string[],
): string {
  const seconds = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1_000).toFixed(1)} s`);
  const { agreedMs, caughtUpMs, reads, writes, events } = outcome;
  const hit = roles.filter((role) => role in recoveryMs);
  return [
    `FIGURES: chaos ${seed} ${name}: ${problems.length === 0 ? 'right' : `${problems.length} PROBLEMS`}`,
    `agreed ${seconds(agreedMs)}, caught up ${seconds(caughtUpMs)}`,
    `${reads} reads, ${writes} writes, ${events} events${routeChanges === 0 ? '' : `, the route changed ${routeChanges} times`}`,
    `recovery ${hit.map((role) => `${role} ${seconds(recoveryMs[role] ?? null)}`).join(', ')}`,
  ].join('; ');
}
