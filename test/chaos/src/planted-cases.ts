import { expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { type Scenario } from './plan/scenarios.js';
import { playScenario } from './play-scenario.js';
import { links } from './plan/step.js';
import { type Plant } from './pod-protocol.js';
import { judge } from './verdict.js';
import { type ChaosWorld } from './world/chaos-world.js';

/** Nothing goes wrong in the world, but for what is planted. */
const calm: Scenario = {
  ...{ name: 'calm', isShort: false },
  script: () => [{ atMs: 1_500, deed: { do: 'heal', link: { role: 'pod-1', to: 'kafka' } } }],
};

/** A verdict that could not fail would prove nothing: each is given a world in which it must. */
export function plantedCases(world: () => ChaosWorld): void {
  async function problemsWith(seed: number, plant: Plant, patience: number): Promise<readonly string[]> {
    await Promise.all(world().pods.map((pod) => pod.ask({ do: 'plant', plant })));
    return judge((await playScenario(world(), calm, { seed, patience, keys: 10 })).outcome);
  }

  it('planted: a rejection that nobody handles and a process that ends by itself are found', async () => {
    world().process('sync-1').crash();
    const problems = await problemsWith(1, 'rejects-unhandled', 1);
    expect(problems.map((problem) => problem.slice(0, 70))).toEqual([
      expect.stringMatching(/^nobody handled: pod-1: unhandled rejection: Error: planted/),
      expect.stringMatching(/^nobody handled: pod-2/),
      expect.stringMatching(/^nobody handled: pod-3/),
      expect.stringMatching(/^died: sync-1 ended: SIGABRT/),
    ]);
  });

  it('planted: changes that never reach the stream are found', async () => {
    world().aws.faults.skipRecords(5);
    const { outcome } = await playScenario(world(), calm, { seed: 4, patience: 0.1, keys: 10 });
    expect(judge(outcome)).toContainEqual(expect.stringMatching(/^\d lost events\n/));
  });

  it('planted: pods that do not catch up are found', async () => {
    const problems = await problemsWith(2, 'sees-no-watermarks', 0.05);
    await renewPods(world());
    expect(problems).toEqual([
      expect.stringMatching(/pods have not caught up: not right at all/),
      expect.stringMatching(/^not ready: pod-1 for 3000 ms: .*: its watermark is \d+ ms short/),
    ]);
  });

  it('planted: pods that miss events are found: keys diverge, and what is served is older than the watermark', async () => {
    const problems = await problemsWith(3, 'skips-events', 0.1);
    await renewPods(world());
    expect(problems).toContainEqual(expect.stringMatching(/divergent keys: not right at all/));
    expect(problems).toContainEqual(expect.stringMatching(/^I1 convergence/));
    expect(problems).toContainEqual(expect.stringMatching(/^I3 watermark/));
  });
}

/** A fault that hits nothing lets every scenario pass. Call last: the links must have had time to be used. */
export function effectCases(world: () => ChaosWorld): void {
  it('every role reaches every service through its proxy', () => {
    const unused = links.filter((link) => world().proxy(link).accepted === 0);
    expect(unused).toEqual([]);
  });

  it('a shifted clock is the process’s own', async () => {
    const [pod] = world().pods;
    const aheadMs = async (): Promise<number> => ((await pod?.ask({ do: 'tell' }))?.told?.now ?? 0) - Date.now();
    pod?.process.shiftClock(-600_000);
    expect(await aheadMs()).toBeLessThan(-590_000);
    pod?.process.shiftClock(0);
    expect(Math.abs(await aheadMs())).toBeLessThan(5_000);
  });
}

/** What is planted in a pod stays for its life. */
async function renewPods({ pods }: ChaosWorld): Promise<void> {
  await Promise.all(pods.map((pod) => pod.end('SIGKILL')));
  for (const pod of pods) pod.start();
  await eventually('the pods are live', () => pods.every((pod) => pod.isLive), 60_000);
}
