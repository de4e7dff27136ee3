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
  const judged = goals.map((goal) => ({
    ...goal,
    met: goal.rule === 'at most' ? goal.figure <= goal.bound : goal.figure >= goal.bound,
  }));
  return { held: judged.length > 0 && judged.every(({ met }) => met), goals: judged };
}

/** @param {string} reader @param {import('./ledger.mjs').LedgerResult} result @returns {readonly Goal[]} */
export function nothingLost(reader, { written, lost, disordered }) {
  return [
    { what: `${reader}: changes written`, figure: written, rule: 'at least', bound: 1 },
    { what: `${reader}: changes lost`, figure: lost, rule: 'at most', bound: 0 },
    { what: `${reader}: changes out of order`, figure: disordered, rule: 'at most', bound: 0 },
  ];
}

/** @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly kills: number, readonly reshardings: number }} run @returns {readonly Goal[]} */
export function syncKillsGoals({ result, kills, reshardings }) {
  return [
    ...nothingLost('sync', result),
    { what: 'workers killed', figure: kills, rule: 'at least', bound: 1 },
    { what: 'split, merge and doubling done', figure: reshardings, rule: 'at least', bound: 3 },
  ];
}

/**
 * @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly memoryMiB: number, readonly memoryMaxMiB: number, readonly lagZeroSeconds: number }} run
 * @returns {readonly Goal[]}
 */
export function outageGoals({ result, memoryMiB, memoryMaxMiB, lagZeroSeconds }) {
  return [
    ...nothingLost('sync', result),
    { what: "sync's largest memory", figure: memoryMiB, rule: 'at most', bound: memoryMaxMiB, unit: 'MiB' },
    { what: 'time to lag 0', figure: lagZeroSeconds, rule: 'at most', bound: 600, unit: 's' },
  ];
}

/** @param {{ readonly divergent: number, readonly checked: number, readonly seen: number }} pods @returns {readonly Goal[]} */
export function podGoals({ divergent, checked, seen }) {
  return [
    { what: 'keys checked in the pods', figure: checked, rule: 'at least', bound: 1 },
    { what: 'of these held as values', figure: seen, rule: 'at least', bound: 1 },
    { what: 'divergent keys', figure: divergent, rule: 'at most', bound: 0 },
  ];
}

/** @param {{ readonly feed: import('./ledger.mjs').LedgerResult, readonly pods: { readonly divergent: number, readonly checked: number, readonly seen: number } }} run @returns {readonly Goal[]} */
export function brokerFaultsGoals({ feed, pods }) {
  return [
    ...nothingLost('pod feed', feed),
    ...podGoals(pods),
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
 * @param {{ readonly result: import('./ledger.mjs').LedgerResult, readonly asked: number, readonly ended: number, readonly deaths: Readonly<Record<string, string>>, readonly breaks: number, readonly givenUp: number, readonly served: number, readonly backwards: number, readonly pods: { readonly divergent: number, readonly checked: number, readonly seen: number } }} run
 * @returns {readonly Goal[]}
 */
export function movesGoals({ result, asked, ended, deaths, breaks, givenUp, served, backwards, pods }) {
  return [
    { what: 'moves that came to an end', figure: ended, rule: 'at least', bound: Math.max(1, asked) },
    { what: 'kinds of roles killed', figure: Object.keys(deaths).length, rule: 'at least', bound: 3 },
    { what: 'changes written', figure: result.written, rule: 'at least', bound: 1 },
    { what: 'changes lost', figure: result.lost, rule: 'at most', bound: 0 },
    { what: 'breaks in what a topic carries', figure: breaks, rule: 'at most', bound: 0 },
    { what: 'topics given up under a pod', figure: givenUp, rule: 'at most', bound: 0 },
    ...podGoals(pods),
    { what: 'reads of pods', figure: served, rule: 'at least', bound: 1 },
    { what: 'reads that went back in time', figure: backwards, rule: 'at most', bound: 0 },
    { what: 'longest gap of a key', figure: result.gapMs / 1_000, rule: 'at most', bound: 15, unit: 's' },
  ];
}
