import { describe, expect, it } from '@jest/globals';
import { scenarios } from '../plan/scenarios.js';
import { describeStep, type Step } from '../plan/step.js';
import { soakRounds, spared, sparing } from './soak-plan.js';

const kill = (role: 'pod-1' | 'pod-2' | 'kafka'): readonly Step[] => [
  { atMs: 1, deed: { do: 'kill', role } },
  { atMs: 2, deed: { do: 'start', role } },
];

describe('the rounds of a soak', () => {
  it('play every scenario once before any twice, in an order of the seed', () => {
    const names = soakRounds(1, 2 * scenarios.length).map(({ name }) => name);
    const all = scenarios.map(({ name }) => name).sort();
    expect(names.slice(0, scenarios.length).sort()).toEqual(all);
    expect(names.slice(scenarios.length).sort()).toEqual(all);
    expect(soakRounds(1, 30)).toEqual(soakRounds(1, 30));
    expect(soakRounds(2, 15).map(({ name }) => name)).not.toEqual(names.slice(0, 15));
  });

  it('never kill a spared process, start none that runs, and do something each', () => {
    for (const { script } of soakRounds(3, 600)) {
      const running = new Set<string>();
      expect(script.length).toBeGreaterThan(0);
      for (const { deed } of script) {
        if (deed.do === 'kill') {
          expect(spared).not.toContain(deed.role);
          running.delete(deed.role);
        }
        if (deed.do === 'start') {
          expect(running.has(deed.role)).toBe(false);
          running.add(deed.role);
        }
      }
    }
  });

  it('leave the stream with as many shards as it had', () => {
    for (const { script } of soakRounds(4, 60)) {
      const count = (what: string): number => script.filter(({ deed }) => deed.do === what).length;
      expect(count('split')).toBe(count('merge'));
    }
  });
});

describe('sparing', () => {
  it('has another of the role killed instead', () => {
    expect(sparing(kill('pod-1'))).toEqual(kill('pod-2'));
    expect(sparing(kill('kafka')).map(describeStep)).toEqual(['0.0 s kill kafka', '0.0 s start kafka']);
  });

  it('leaves the kill out where that one is killed already', () => {
    expect(sparing([...kill('pod-1'), ...kill('pod-2')])).toEqual(kill('pod-2'));
  });
});
