// Whether what was measured meets its goals; pure, so that a test can show that each of them can fail.

/**
 * @typedef {object} Goal
 * @property {string} what
 * @property {number} figure
 * @property {'at most' | 'at least'} rule
 * @property {number} bound
 * @property {string} [unit]
 */

/** @typedef {Goal & { met: boolean }} Judged */

/**
 * @param {readonly Goal[]} goals
 * @returns {{ held: boolean, goals: readonly Judged[] }} not held without any goal either, nor where a figure is no number
 */
export function judge(goals) {
  const judged = goals.map((goal) => ({ ...goal, met: isMet(goal) }));
  return { held: judged.length > 0 && judged.every(({ met }) => met), goals: judged };
}

/** @param {Goal} goal */
export function isMet({ figure, rule, bound }) {
  return rule === 'at most' ? figure <= bound : figure >= bound;
}

/** @param {string} reader @param {import('./ledger.mjs').LedgerResult} result @returns {readonly Goal[]} */
export function nothingLost(reader, { written, lost, disordered }) {
  return [
    { what: `${reader}: changes written`, figure: written, rule: 'at least', bound: 1 },
    { what: `${reader}: changes lost`, figure: lost, rule: 'at most', bound: 0 },
    { what: `${reader}: changes out of order`, figure: disordered, rule: 'at most', bound: 0 },
  ];
}

/**
 * A rate that was not reached is a test of less: most of what was asked for must have been written.
 * @param {{ readonly rate: number, readonly reached: number }} load
 * @returns {Goal}
 */
export function rateGoal({ rate, reached }) {
  return { what: `changes a second, of ${rate}`, figure: reached, rule: 'at least', bound: rate * rateShareMin };
}

const rateShareMin = 0.95;

/**
 * @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly load: { readonly rate: number, readonly reached: number }, readonly kills: number, readonly killsAsked: number, readonly reshardings: number }} run
 * @returns {readonly Goal[]}
 */
export function syncKillsGoals({ result, load, kills, killsAsked, reshardings }) {
  return [
    ...nothingLost('sync', result),
    rateGoal(load),
    { what: 'workers killed', figure: kills, rule: 'at least', bound: Math.max(1, killsAsked) },
    { what: 'split, merge and doubling done', figure: reshardings, rule: 'at least', bound: 3 },
  ];
}

/**
 * @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly load: { readonly rate: number, readonly reached: number }, readonly memoryMiB: number, readonly memoryMaxMiB: number, readonly lagZeroSeconds: number }} run
 * @returns {readonly Goal[]}
 */
export function outageGoals({ result, load, memoryMiB, memoryMaxMiB, lagZeroSeconds }) {
  return [
    ...nothingLost('sync', result),
    rateGoal(load),
    { what: "sync's largest memory", figure: memoryMiB, rule: 'at most', bound: memoryMaxMiB, unit: 'MiB' },
    { what: 'time to lag 0', figure: lagZeroSeconds, rule: 'at most', bound: 600, unit: 's' },
  ];
}

/**
 * Pods that hold nothing diverge from nothing, so that most of the keys must be there.
 * @param {{ readonly divergent: number, readonly checked: number, readonly seen: number }} pods
 * @returns {readonly Goal[]}
 */
export function podGoals({ divergent, checked, seen }) {
  return [
    { what: 'keys checked in the pods', figure: checked, rule: 'at least', bound: 1 },
    { what: 'of these held as values', figure: seen, rule: 'at least', bound: Math.max(1, checked * heldShareMin) },
    { what: 'divergent keys', figure: divergent, rule: 'at most', bound: 0 },
  ];
}

const heldShareMin = 0.9;

/**
 * Of pods that nobody reads from: a change that comes again soon behind a later one cannot be placed, so it drops its key for good. A reader of the same topic tells of how many keys
 * that is so; half of them must be in each pod in any case.
 * @param {{ readonly divergent: number, readonly keys: number, readonly seenLeast: number }} pods @param {number} keysRepeated
 * @returns {readonly Goal[]}
 */
function unreadPodGoals({ divergent, keys, seenLeast }, keysRepeated) {
  const accounted = Math.min(keys, seenLeast + keysRepeated);
  const what = 'keys that each pod holds as values, or of which a change came again';
  return [
    { what, figure: accounted, rule: 'at least', bound: Math.max(1, keys * heldShareMin) },
    { what: 'keys that each pod holds as values', figure: seenLeast, rule: 'at least', bound: Math.max(1, keys / 2) },
    { what: 'divergent keys', figure: divergent, rule: 'at most', bound: 0 },
  ];
}

/**
 * Where nothing may be lost, each pod must have been given all that a reader of the same topic was, and have had no reason to flush.
 * @param {{ readonly feed: import('./ledger.mjs').LedgerResult, readonly load: { readonly rate: number, readonly reached: number }, readonly pods: { readonly divergent: number, readonly keys: number, readonly seenLeast: number, readonly eventsMissed: number, readonly gapsOfPods: number, readonly droppedByFlushes: number } }} run
 * @returns {readonly Goal[]}
 */
export function brokerFaultsGoals({ feed, load, pods }) {
  return [
    ...nothingLost('pod feed', feed),
    rateGoal(load),
    { what: 'events that a pod has missed', figure: pods.eventsMissed, rule: 'at most', bound: 0 },
    { what: 'gaps of pods', figure: pods.gapsOfPods, rule: 'at most', bound: 0 },
    { what: 'entries dropped by flushes', figure: pods.droppedByFlushes, rule: 'at most', bound: 0 },
    ...unreadPodGoals(pods, feed.keysRepeated),
    { what: 'longest gap of a key', figure: feed.gapMs / 1_000, rule: 'at most', bound: 15, unit: 's' },
  ];
}

/** @param {{ readonly ratio: number, readonly eventsPerCpuSecond: number }} run @returns {readonly Goal[]} */
export function dispatcherGoals({ ratio, eventsPerCpuSecond }) {
  return [
    { what: 'ratio to a bare kafkajs loop', figure: ratio, rule: 'at least', bound: 0.85 },
    { what: 'events per CPU-second', figure: eventsPerCpuSecond, rule: 'at least', bound: 50_000 },
  ];
}

/**
 * @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly load: { readonly rate: number, readonly reached: number }, readonly asked: number, readonly ended: number, readonly deaths: Readonly<Record<string, string>>, readonly breaks: number, readonly givenUp: number, readonly served: number, readonly backwards: number, readonly pods: { readonly divergent: number, readonly checked: number, readonly seen: number } }} run
 * @returns {readonly Goal[]}
 */
export function movesGoals({ result, load, asked, ended, deaths, breaks, givenUp, served, backwards, pods }) {
  return [
    { what: 'moves that came to an end', figure: ended, rule: 'at least', bound: Math.max(1, asked) },
    { what: 'kinds of roles killed', figure: Object.keys(deaths).length, rule: 'at least', bound: 3 },
    { what: 'changes written', figure: result.written, rule: 'at least', bound: 1 },
    rateGoal(load),
    { what: 'changes lost', figure: result.lost, rule: 'at most', bound: 0 },
    { what: 'breaks in what a topic carries', figure: breaks, rule: 'at most', bound: 0 },
    { what: 'topics given up under a pod', figure: givenUp, rule: 'at most', bound: 0 },
    ...podGoals(pods),
    { what: 'reads of pods', figure: served, rule: 'at least', bound: 1 },
    { what: 'reads that went back in time', figure: backwards, rule: 'at most', bound: 0 },
    { what: 'longest gap of a key', figure: result.gapMs / 1_000, rule: 'at most', bound: 15, unit: 's' },
  ];
}
