import { describe, expect, it } from '@jest/globals';
import { type Scenario, scenarios, scriptOf } from './scenarios.js';
import { type Deed, describeStep, links, roles } from './step.js';

const scenarioOf = (name: string): Scenario => {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
};
const seeds = Array.from({ length: 200 }, (_, n) => n);

describe('scenarios', () => {
  it('are 16, of which an ordinary run plays 6', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(16);
    expect(scenarios.filter(({ isShort }) => isShort)).toHaveLength(6);
  });

  it.each(scenarios)('$name: one seed, one script', (scenario) => {
    expect(scriptOf(scenario, 5)).toEqual(scriptOf(scenario, 5));
    const scripts = seeds.map((seed) => scriptOf(scenario, seed).map(describeStep).join('; '));
    expect(new Set(scripts).size).toBeGreaterThan(seeds.length / 2);
  });

  it.each(scenarios)('$name: is a few steps in their order, over within 15 s', (scenario) => {
    for (const seed of seeds) {
      const times = scriptOf(scenario, seed).map(({ atMs }) => atMs);
      expect(times.length).toBeGreaterThan(1);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(Math.max(...times)).toBeLessThan(15_000);
    }
  });

  it('retention cut: takes records away while those stand still that have not read them', () => {
    for (const seed of seeds) {
      const steps = scriptOf(scenarioOf('retention cut'), seed);
      const at = (what: Deed['do'], role?: string): number =>
        steps.find(({ deed }) => deed.do === what && (role === undefined || ('role' in deed && deed.role === role)))
          ?.atMs ?? Number.NaN;
      const standing = steps.flatMap(({ deed }) => (deed.do === 'pause' ? [deed.role] : []));
      expect(standing).toEqual(['dispatcher-1', 'dispatcher-2', expect.stringMatching(/^pod-/)]);
      for (const role of standing) {
        expect(at('cut-retention')).toBeGreaterThan(at('pause', role) + 500);
        expect(at('resume', role)).toBeGreaterThan(at('cut-retention'));
      }
    }
  });

  it('hit every role and every link, and do every deed there is', () => {
    const deeds = scenarios.flatMap((scenario) =>
      seeds.flatMap((seed) => scriptOf(scenario, seed).map(({ deed }) => deed)),
    );
    const hit = (what: Deed['do']): ReadonlySet<string> =>
      new Set(deeds.filter((deed) => deed.do === what).map((deed) => ('role' in deed ? deed.role : '')));
    for (const what of ['kill', 'start', 'pause', 'resume'] as const) expect(hit(what)).toEqual(new Set(roles));
    const cut = deeds.flatMap((deed) => (deed.do === 'cut' ? [`${deed.link.role}/${deed.link.to}`] : []));
    expect(new Set(cut).size).toBe(links.length);
    const every: readonly Deed['do'][] = [
      ...(['kill', 'start', 'pause', 'resume', 'latency', 'stall', 'stall-up', 'stall-down', 'reset', 'cut'] as const),
      ...(['half-open', 'heal', 'steal', 'poison', 'oversize', 'split', 'merge', 'throttle', 'shift-clock'] as const),
      ...(['cut-retention', 'move-route', 'hold-route', 'rewind-route'] as const),
    ];
    expect(new Set(deeds.map((deed) => deed.do))).toEqual(new Set(every));
  });
});
