import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  allPods,
  brokerFaultsGoals,
  compareHeld,
  dispatcherGoals,
  judge,
  Ledger,
  outageGoals,
  podGoals,
  rateGoal,
  readMeasureOptions,
  syncKillsGoals,
  valueOfChange,
} from './tools.mjs';

/** Ten changes of two keys, all of them received. */
function everythingArrived(): Ledger {
  const ledger = new Ledger();
  for (let number = 0; number < 5; number += 1)
    for (const key of ['a', 'b']) {
      ledger.accepted(key, number, number * 100);
      ledger.received(key, number, number * 100 + 10);
    }
  return ledger;
}

const missed = (goals: Parameters<typeof judge>[0]): readonly string[] =>
  judge(goals)
    .goals.filter(({ met }) => !met)
    .map(({ what }) => what);

describe('the ledger of the pipeline', () => {
  let ledger = new Ledger();
  beforeEach(() => {
    ledger = new Ledger();
  });

  it('has lost what the stream accepted and Kafka did not bring, of its own key', () => {
    ledger.accepted('a', 0, 0);
    ledger.accepted('b', 0, 0);
    ledger.received('b', 0, 1);
    expect(ledger.result()).toMatchObject({ written: 2, received: 1, lost: 1 });
  });

  it('does not miss a change that came before its writer knew of it, nor one that nobody wrote', () => {
    ledger.received('a', 0, 0);
    ledger.accepted('a', 0, 1);
    ledger.received('c', 7, 1);
    expect(ledger.result()).toMatchObject({ written: 1, lost: 0, delayMs: 0 });
  });

  it('tells a repetition from a change out of order', () => {
    for (const number of [0, 1, 2, 3]) ledger.accepted('a', number, 0);
    for (const number of [0, 1, 0, 1, 3, 2]) ledger.received('a', number, 1);
    expect(ledger.result()).toMatchObject({ duplicates: 2, keysRepeated: 1, disordered: 1, lost: 0 });
  });

  it('counts a key as repeated once, and only where a later change had come', () => {
    for (const number of [0, 0, 1, 1]) ledger.received('a', number, 1);
    expect(ledger.result()).toMatchObject({ duplicates: 2, keysRepeated: 0 });
    for (const number of [0, 0, 0]) ledger.received('a', number, 2);
    expect(ledger.result()).toMatchObject({ duplicates: 5, keysRepeated: 1 });
  });

  it('measures the longest gap of a key whatever the others bring, and the longest delay', () => {
    ledger.accepted('a', 1, 100);
    ledger.received('a', 0, 0);
    for (let atMs = 0; atMs < 900; atMs += 10) ledger.received('b', atMs, atMs);
    ledger.received('a', 1, 900);
    expect(ledger.result()).toMatchObject({ gapMs: 900, gapKey: 'a', delayMs: 800 });
  });
});

describe('the goals of the pipeline', () => {
  const good = everythingArrived().result();
  const lossy = (() => {
    const ledger = everythingArrived();
    ledger.accepted('a', 5, 500);
    return ledger.result();
  })();
  const disordered = { ...good, disordered: 1 };
  const load = { rate: 100, reached: 95 };
  const kills = { result: good, load, kills: 11, killsAsked: 11, reshardings: 3 };
  const faults = {
    feed: good,
    load,
    pods: { divergent: 0, keys: 10, seenLeast: 9, eventsMissed: 0, gapsOfPods: 0, droppedByFlushes: 0 },
  };
  const outage = { result: good, load, memoryMiB: 100, memoryMaxMiB: 512, lagZeroSeconds: 3 };

  it('are met where everything arrived, and only then', () => {
    expect(missed(syncKillsGoals(kills))).toEqual([]);
    expect(missed(syncKillsGoals({ ...kills, result: lossy }))).toEqual(['sync: changes lost']);
    expect(missed(syncKillsGoals({ ...kills, result: disordered }))).toEqual(['sync: changes out of order']);
    expect(missed(brokerFaultsGoals(faults))).toEqual([]);
    expect(missed(brokerFaultsGoals({ ...faults, feed: lossy }))).toEqual(['pod feed: changes lost']);
    expect(missed(outageGoals(outage))).toEqual([]);
    expect(missed(outageGoals({ ...outage, result: lossy }))).toEqual(['sync: changes lost']);
  });

  it('are missed where nothing was done: no change, no kill, no resharding, no key in a pod', () => {
    const nothing = new Ledger().result();
    const idle = { result: nothing, load: { rate: 100, reached: 0 }, kills: 0, killsAsked: 0, reshardings: 2 };
    expect(missed(syncKillsGoals(idle))).toEqual([
      'sync: changes written',
      'changes a second, of 100',
      'workers killed',
      'split, merge and doubling done',
    ]);
    expect(missed(podGoals({ checked: 0, seen: 0, divergent: 0 }))).toHaveLength(2);
    expect(judge([]).held).toBe(false);
  });

  it('are missed where less was done than was asked for', () => {
    const slow = { rate: 100, reached: 94 };
    const missedRate = ['changes a second, of 100'];
    expect(missed(syncKillsGoals({ ...kills, load: slow }))).toEqual(missedRate);
    expect(missed(brokerFaultsGoals({ ...faults, load: slow }))).toEqual(missedRate);
    expect(missed(outageGoals({ ...outage, load: slow }))).toEqual(missedRate);
    expect(missed([rateGoal(slow)])).toEqual(missedRate);
    expect(missed(syncKillsGoals({ ...kills, kills: 10 }))).toEqual(['workers killed']);
  });

  it.each<[Partial<typeof faults.pods>, string]>([
    [{ eventsMissed: 1 }, 'events that a pod has missed'],
    [{ gapsOfPods: 1 }, 'gaps of pods'],
    [{ droppedByFlushes: 1 }, 'entries dropped by flushes'],
    [{ seenLeast: 8 }, 'keys that each pod holds as values, or of which a change came again'],
    [{ divergent: 1 }, 'divergent keys'],
  ])('of faults of brokers are missed for a pod with %j', (over, what) => {
    expect(missed(brokerFaultsGoals({ ...faults, pods: { ...faults.pods, ...over } }))).toEqual([what]);
  });

  it('of faults of brokers account for keys that are not held by changes that came again, for half of them at most', () => {
    const after = (keysRepeated: number, seenLeast: number, keys = 10) =>
      missed(
        brokerFaultsGoals({ ...faults, feed: { ...good, keysRepeated }, pods: { ...faults.pods, keys, seenLeast } }),
      );
    expect(after(4, 5)).toEqual([]);
    expect(after(3, 5)).toEqual(['keys that each pod holds as values, or of which a change came again']);
    expect(after(10, 4)).toEqual(['keys that each pod holds as values']);
    expect(after(0, 0, 0)).toHaveLength(2);
  });

  it('are missed for a long gap, much memory, and a lag that does not end', () => {
    expect(missed(brokerFaultsGoals({ ...faults, feed: { ...good, gapMs: 15_001 } }))).toEqual([
      'longest gap of a key',
    ]);
    expect(missed(outageGoals({ ...outage, memoryMiB: 513, lagZeroSeconds: Infinity }))).toEqual([
      "sync's largest memory",
      'time to lag 0',
    ]);
  });

  it('are missed below the ratio or the rate of the dispatcher, and for a figure that is none', () => {
    expect(missed(dispatcherGoals({ ratio: 0.85, eventsPerCpuSecond: 50_000 }))).toEqual([]);
    expect(missed(dispatcherGoals({ ratio: 0.84, eventsPerCpuSecond: 50_000 }))).toHaveLength(1);
    expect(missed(dispatcherGoals({ ratio: 0.85, eventsPerCpuSecond: 49_999 }))).toHaveLength(1);
    expect(missed(dispatcherGoals({ ratio: Number.NaN, eventsPerCpuSecond: Number.NaN }))).toHaveLength(2);
  });
});

describe('what a pod holds beside what was written last', () => {
  const check = (state: string, value: unknown) => {
    const found = { checked: 0, seen: 0, dropped: 0, divergent: 0, example: null };
    compareHeld(found, { pod: 'pod', id: 'a', held: { state, value }, last: 7, bytes: 200 });
    return found;
  };

  it('agrees where it is the last change, and where the key was dropped', () => {
    expect(check('value', valueOfChange(7, 200))).toMatchObject({ seen: 1, divergent: 0 });
    expect(check('none', null)).toMatchObject({ seen: 0, dropped: 1, divergent: 0 });
  });

  it('diverges where it is an older change, or an absence', () => {
    expect(check('value', valueOfChange(6, 200))).toMatchObject({ seen: 1, divergent: 1 });
    expect(check('absent', null)).toMatchObject({ seen: 0, divergent: 1 });
  });

  it('is counted in each pod, so that a full one does not hide an empty one', () => {
    const full = { checked: 3, seen: 3, dropped: 0, divergent: 0, example: null };
    const empty = { ...full, seen: 0, dropped: 2, divergent: 1, example: 'pod 2' };
    const all = { checked: 6, seen: 3, dropped: 2, divergent: 1, example: 'pod 2', keys: 3, seenLeast: 0 };
    expect(allPods([full, empty])).toEqual(all);
    expect(allPods([])).toMatchObject({ checked: 0, keys: 0, seenLeast: 0 });
  });
});

describe('the options of measure:pipeline', () => {
  const known = ['outage', 'load'];

  it('takes scenarios, figures and a file', () => {
    expect(readMeasureOptions(['outage', '--minutes', '2', '--seed', '7', '--json', 'out.json'], known)).toEqual({
      ...{ scenarios: ['outage'], minutes: 2, seed: 7, json: 'out.json' },
      ...{ quick: false, seconds: undefined, rate: undefined, memoryMib: undefined },
      ...{ moves: undefined, plant: undefined },
    });
  });

  it('takes what is to go wrong', () => {
    const options = readMeasureOptions(['load', '--moves', '3', '--plant', 'skip-reports'], known);
    expect(options).toMatchObject({ moves: 3, plant: 'skip-reports' });
  });

  it('is short with --quick, but for what is said', () => {
    expect(readMeasureOptions(['load', '--quick', '--rate', '900'], known)).toMatchObject({ rate: 900, seconds: 20 });
  });

  it.each([
    [[], 'got none'],
    [['outages'], 'got outages'],
    [['load', '--rate', 'many'], '--rate: expected a number'],
    [['load', '--plant', 'nothing'], '--plant: expected skip-reports; got nothing'],
    [['load', '--seconds', '0'], '--seconds: expected a number'],
  ])('refuses %j, naming it', (args, message) => {
    expect(() => readMeasureOptions(args, known)).toThrow(message);
  });
});
