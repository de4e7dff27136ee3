import { Draw, scenarios, scriptOf } from '../plan/scenarios.js';
import { type Deed, type Role, type Step } from '../plan/step.js';

/** What goes wrong in one stretch of a soak. */
export interface SoakRound {
  readonly name: string;
  readonly seed: number;
  readonly script: readonly Step[];
}

/** Each of them lives from the beginning to the end, so that what it holds can be followed; it is stopped, cut off and resharded under all the same. */
export const spared: readonly Role[] = ['pod-1', 'sync-1', 'dispatcher-1', 'admin-1'];

/** Takes a kill that was meant for a spared one. */
const understudies: Readonly<Partial<Record<Role, Role>>> = {
  'pod-1': 'pod-2',
  'sync-1': 'sync-2',
  'dispatcher-1': 'dispatcher-2',
  'admin-1': 'admin-2',
};

/** The load runs alone first. */
const calmMs = 5_000;

/** Every scenario in an order of the seed, and so on until there are enough. */
export function soakRounds(seed: number, count: number): readonly SoakRound[] {
  const rounds: SoakRound[] = [];
  for (let deck = 0; rounds.length < count; deck += 1)
    for (const scenario of new Draw(seed + deck, 'soak').shuffled(scenarios)) {
      const own = seed + rounds.length;
      rounds.push({ name: scenario.name, seed: own, script: later(balanced(sparing(scriptOf(scenario, own)))) });
    }
  return rounds.slice(0, count);
}

/** Kills go to another of the role, or are left out where that one is killed already. */
export function sparing(script: readonly Step[]): readonly Step[] {
  const killed = new Set(script.flatMap(({ deed }) => (deed.do === 'kill' ? [deed.role] : [])));
  return script.flatMap((step) => {
    const { atMs, deed } = step;
    if ((deed.do !== 'kill' && deed.do !== 'start') || !spared.includes(deed.role)) return [step];
    const role = understudies[deed.role];
    return role === undefined || killed.has(role) ? [] : [{ atMs, deed: { do: deed.do, role } }];
  });
}

/** No more splits than merges: a stream that gains a shard every half hour has its workers grow with it. */
function balanced(script: readonly Step[]): readonly Step[] {
  const count = (what: Deed['do']): number => script.filter(({ deed }) => deed.do === what).length;
  let surplus = count('split') - count('merge');
  return [...script]
    .reverse()
    .filter(({ deed }) => {
      if (deed.do !== 'split' || surplus <= 0) return true;
      surplus -= 1;
      return false;
    })
    .reverse();
}

function later(script: readonly Step[]): readonly Step[] {
  return script.map(({ atMs, deed }) => ({ atMs: atMs + calmMs, deed }));
}
