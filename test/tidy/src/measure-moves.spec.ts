import { describe, expect, it } from '@jest/globals';
import {
  givenUpUnderPods,
  judge,
  Ledger,
  moments,
  movesGoals,
  planOfMoves,
  ServedNumbers,
  TopicSteps,
} from './tools.mjs';

type Routes = Parameters<typeof givenUpUnderPods>[0];

const move = { to: 'b', from: ['a'], until: 61_000 };
/** Moved from `a` to `b` within five seconds. */
const moved: Routes = [
  { version: 1, topics: { a: 1 }, move: undefined, atMs: 0 },
  { version: 2, topics: { a: 1, b: 2 }, move, atMs: 1_000 },
  { version: 3, topics: { b: 2 }, move: undefined, atMs: 6_000 },
];
const report = (atMs: number, topics: readonly (string | null)[], leaving = false) => ({
  ...{ pod: 'pod', atMs, topics, leaving },
});

describe('the plan of moves', () => {
  it('is fixed by its seed, and another by another', () => {
    expect(planOfMoves(7, 20)).toEqual(planOfMoves(7, 20));
    expect(planOfMoves(8, 20)).not.toEqual(planOfMoves(7, 20));
  });

  it.each([1, 2, 3])('of 12 moves kills each kind of role at each moment, with seed %d', (seed) => {
    const deaths = planOfMoves(seed, 12).map(({ death }) => `${death.kind} ${death.moment}`);
    expect(new Set(deaths).size).toBe(3 * moments.length);
  });

  it('of three moves kills each kind, and one of 20 or more is rolled back', () => {
    expect(new Set(planOfMoves(5, 3).map(({ death }) => death.kind)).size).toBe(3);
    for (const seed of [1, 2, 3]) expect(planOfMoves(seed, 40).some(({ rollsBack }) => rollsBack)).toBe(true);
  });
});

describe('what a topic carries while its route moves', () => {
  const stepsOf = (numbers: readonly number[], topic = 'b'): TopicSteps => {
    const steps = new TopicSteps();
    for (const number of numbers) steps.delivered(topic, 'k', number);
    return steps;
  };

  it('begins anywhere, and goes up by one or back to what is sent again', () => {
    expect(stepsOf([7, 8, 9, 8, 9, 10]).breaks(moved)).toBe(0);
    expect(stepsOf([9, 7, 8, 9, 10]).breaks(moved)).toBe(0);
  });

  it('breaks where it steps past a change, even one that comes later', () => {
    expect(stepsOf([7, 9]).breaks(moved)).toBe(1);
    expect(stepsOf([7, 9, 8, 9, 10]).breaks(moved)).toBe(1);
  });

  it('may step past changes once for each time that it was added', () => {
    const again: Routes = [...moved, { version: 9, topics: { a: 9 }, move: undefined, atMs: 9 }];
    expect(stepsOf([1, 2, 30], 'a').breaks(again)).toBe(0);
    expect(stepsOf([1, 2, 30, 40], 'a').breaks(again)).toBe(1);
    expect(stepsOf([1], 'elsewhere').breaks(moved)).toBe(1);
  });
});

describe('a topic given up', () => {
  it('is given up rightly once every pod has said that it follows the other', () => {
    expect(givenUpUnderPods(moved, [report(500, ['a', 'a']), report(5_000, ['b', 'b'])])).toEqual([]);
  });

  it.each([
    ['that follows it', ['a', 'a']],
    ['one partition of which follows it', ['b', 'a']],
    ['that follows nothing yet', ['b', null]],
  ])('is noticed under a pod %s', (_what, topics) => {
    expect(givenUpUnderPods(moved, [report(5_000, topics), report(6_500, ['b', 'b'])])).toHaveLength(1);
  });

  it('waits for no pod that has left, or was silent for ten seconds, nor beyond the time of the move', () => {
    const late = moved.map((route) => (route.version === 3 ? { ...route, atMs: 61_500 } : route));
    expect(givenUpUnderPods(moved, [report(500, ['a'], true)])).toEqual([]);
    expect(givenUpUnderPods(late, [report(61_000, ['a'])])).toEqual([]);
    const early = late.map((route) => (route.version === 3 ? { ...route, atMs: 20_000 } : route));
    expect(givenUpUnderPods(early, [report(9_000, ['a'])])).toEqual([]);
    expect(givenUpUnderPods(early, [report(11_000, ['a'])])).toHaveLength(1);
  });

  it('is none where the move was rolled back', () => {
    const back: Routes = [...moved.slice(0, 2), { version: 3, topics: { a: 1 }, move: undefined, atMs: 6_000 }];
    expect(givenUpUnderPods(back, [report(5_000, ['b'])])).toEqual([]);
  });
});

describe('what a pod serves', () => {
  it('may stand or go up, of each key of each pod', () => {
    const served = new ServedNumbers();
    for (const number of [1, 1, 5]) served.served('pod 1', 'k', number);
    served.served('pod 2', 'k', 2);
    expect(served).toMatchObject({ reads: 4, back: { count: 0 } });
    served.served('pod 1', 'k', 4);
    expect(served.back).toEqual({ count: 1, example: 'pod 1, k: n4 after n5' });
  });
});

describe('the goals of moves', () => {
  const ledger = new Ledger();
  ledger.accepted('k', 0, 0);
  ledger.received('k', 0, 1);
  const good = {
    ...{ result: ledger.result(), asked: 3, ended: 3, deaths: { a: '', d: '', s: '' }, breaks: 0, givenUp: 0 },
    ...{ served: 9, backwards: 0, pods: { checked: 20, seen: 18, divergent: 0 }, load: { rate: 500, reached: 475 } },
  };
  const missed = (over: Partial<typeof good>): readonly string[] =>
    judge(movesGoals({ ...good, ...over }))
      .goals.filter(({ met }) => !met)
      .map(({ what }) => what);

  it('are met where all went right, and each can be missed', () => {
    expect(missed({})).toEqual([]);
    expect(missed({ ended: 2 })).toEqual(['moves that came to an end']);
    expect(missed({ deaths: { a: '', d: '' } as typeof good.deaths })).toEqual(['kinds of roles killed']);
    expect(missed({ breaks: 1 })).toEqual(['breaks in what a topic carries']);
    expect(missed({ givenUp: 1 })).toEqual(['topics given up under a pod']);
    expect(missed({ served: 0, backwards: 1 })).toEqual(['reads of pods', 'reads that went back in time']);
    expect(missed({ result: { ...good.result, lost: 1, gapMs: 15_001 } })).toEqual([
      'changes lost',
      'longest gap of a key',
    ]);
    expect(missed({ pods: { checked: 0, seen: 0, divergent: 1 } })).toHaveLength(3);
    expect(missed({ pods: { checked: 20, seen: 17, divergent: 0 } })).toEqual(['of these held as values']);
    expect(missed({ load: { rate: 500, reached: 474 } })).toEqual(['changes a second, of 500']);
  });
});
