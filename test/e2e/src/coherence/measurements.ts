import { tuneCache } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { type FastLaneFigure, laneTables, measureFastLane } from './fast-lane.js';
import { loadAtOnce, loadSlowly, takeOver } from './loads.js';
import { closePods, items, type Pod, startPods, table } from './pods.js';
import { type Quantiles } from './quantiles.js';
import { invalidateInTurn, readWithTokens } from './reads.js';
import { type Row } from './rows.js';
import { measureStaleness, type StalenessFigure } from './staleness.js';
import { measureVisible, pauseOnePod } from './visible.js';

export interface Measured {
  readonly rows: readonly Row[];
  readonly figure: unknown;
}

export interface Measurement {
  readonly title: string;
  readonly measure: (quick: boolean) => Promise<Measured>;
}

/** What `--only` names. Each starts a stack of its own. */
export const measurements: Readonly<Record<string, Measurement>> = {
  staleness: { title: 'Staleness while the region’s Kafka is down, under load', measure: staleness },
  'fast-lane': { title: 'put → visible in the region’s other pods, and a hot key', measure: fastLane },
  visible: { title: 'whenVisible', measure: visible },
  calls: { title: 'Tokens, loads, invalidations', measure: calls },
};

async function onStack<T>(
  tables: readonly string[],
  work: (stack: LocalStack, home: string, away: string) => Promise<T>,
): Promise<T> {
  const stack = await startLocalStack({ tables });
  try {
    const [home = '', away = ''] = stack.regions;
    return await work(stack, home, away);
  } finally {
    await stack.stop();
  }
}

async function staleness(quick: boolean): Promise<Measured> {
  const figure = await onStack([table], (stack, region) =>
    measureStaleness({ stack, region, podCount: 3, cutMs: quick ? 7_000 : 30_000, calmMs: 3_000 }),
  );
  return { rows: stalenessRows(figure), figure };
}

function stalenessRows(figure: StalenessFigure): readonly Row[] {
  const { phases, events, states, otherRegion } = figure;
  return [
    { name: 'Kafka down', value: figure.cutMs / 1_000, unit: 's' },
    { name: 'writes, reads', value: `${figure.writes}, ${figure.reads}` },
    { name: `reads beyond ${figure.boundMs} + ${figure.allowanceMs} ms`, value: figure.beyond, goal: { is: 0 } },
    { name: 'reads that failed', value: figure.failedReads, goal: { is: 0 } },
    {
      name: 'oldest value served: overwritten before',
      value: `${figure.oldestMs} to ${figure.oldestAtMostMs}`,
      unit: 'ms',
    },
    ...phases.map(({ name, ms, fromL1, readThrough, thoughHeld }) => ({
      name: `${name}, ${(ms / 1_000).toFixed(1)} s`,
      value: `${fromL1} by L1, ${readThrough} read through, ${thoughHeld} of them though held`,
    })),
    { name: 'restart → staleness below 3 s in every pod', value: figure.backMs / 1_000, unit: 's' },
    ...(['whenVisible', 'invalidate'] as const).map((call) => ({
      name: `${call} with 1 s, while Kafka is down`,
      value: `${figure.whileDown[call].code} after ${figure.whileDown[call].ms} ms`,
    })),
    { name: 'on(staleness), each pod', value: distinct(events), goal: { is: 'stale → fresh' } },
    { name: 'health(), each pod', value: distinct(states), goal: { is: 'live → interrupted → live' } },
    { name: 'health(), other region', value: distinct([otherRegion.states]), goal: { is: 'live' } },
  ];
}

function distinct(sequences: readonly (readonly string[])[]): string {
  return [...new Set(sequences.map((sequence) => sequence.join(' → ')))].join(' | ');
}

async function fastLane(quick: boolean): Promise<Measured> {
  const measure = (lane: boolean, podCount: number, hotWrites: number): Promise<FastLaneFigure> =>
    onStack(laneTables, async (stack, region) => {
      const load = { rounds: quick ? 30 : 200, hotWrites, hotEveryMs: 1_000, readsPerSecond: 200 };
      return measureFastLane({ stack, region, fastLane: lane, podCount, ...load });
    });
  const writes = quick ? 10 : 60;
  const figures = [
    await measure(true, 3, 10),
    await measure(false, 3, 10),
    await measure(true, 10, writes),
    await measure(false, 10, writes),
  ];
  return { rows: figures.flatMap(laneRows), figure: figures };
}

function laneRows({ fastLane: lane, pods, fromCall, fromAck, heldShare, hot }: FastLaneFigure): readonly Row[] {
  const name = (what: string): string => `fast lane ${lane ? 'on' : 'off'}, ${pods} pods: ${what}`;
  const goal = (atMost: number): Pick<Row, 'goal'> => (lane ? { goal: { atMost } } : {});
  return [
    { name: name('acknowledged → visible, p50'), value: fromAck.p50Ms, unit: 'ms', ...goal(5) },
    { name: name('acknowledged → visible, p99'), value: fromAck.p99Ms, unit: 'ms', ...goal(20) },
    { name: name('put called → visible, p50, p99'), value: `${fromCall.p50Ms}, ${fromCall.p99Ms}`, unit: 'ms' },
    { name: name('rounds without a read of L2'), value: heldShare },
    {
      name: name(`hot key, ${hot.writes} writes: drops per write and pod`),
      value: hot.dropsPerWriteAndPod,
      goal: { atMost: 0.05 },
    },
    { name: name(`hot key, ${hot.reads} reads: hit ratio`), value: hot.hitRatio, goal: { atLeast: 0.99 } },
  ];
}

async function visible(quick: boolean): Promise<Measured> {
  return onStack([table], async (stack, region) => {
    const pods = await startPods(stack, region, 4);
    const readOnly = await startPods(stack, region, 1, { fastLane: false });
    const live = await measureVisible(pods, quick ? 20 : 200).finally(() => closePods([...pods, ...readOnly]));
    const paused = await pauseOnePod({ stack, region, podCount: 3 });
    const named = (ids: readonly string[]): string => (ids.join() === paused.paused ? 'the paused pod' : ids.join());
    const rows: readonly Row[] = [
      { name: 'pods counted, of 4 and one that may not publish', value: live.pods.join(', '), goal: { is: '4' } },
      { name: `acknowledged → resolved, ${live.time.count} writes, p50, p99`, ...both(live.time) },
      { name: 'older gets after it had resolved', value: live.older, goal: { is: 0 } },
      {
        name: 'one of 4 pods paused: missing at the deadline',
        value: named(paused.missing),
        goal: { is: 'the paused pod' },
      },
      { name: `failed after (deadline ${paused.deadlineMs} ms)`, value: paused.failedAfterMs, unit: 'ms' },
      { name: 'silent once it resolves without it', value: named(paused.silent), goal: { is: 'the paused pod' } },
      { name: 'pause → resolves without it', value: paused.resolvedAfterMs / 1_000, unit: 's' },
      { name: 'pods counted when it goes on', value: paused.podsAfter, goal: { is: 4 } },
      { name: 'older gets of that pod then', value: paused.olderAfter, goal: { is: 0 } },
    ];
    return { rows, figure: { live, paused } };
  });
}

function both({ p50Ms, p99Ms }: Quantiles): Pick<Row, 'value' | 'unit'> {
  return { value: `${p50Ms}, ${p99Ms}`, unit: 'ms' };
}

async function calls(quick: boolean): Promise<Measured> {
  return onStack([table], async (stack, home, away) => {
    const pods = [...(await startPods(stack, home, 4)), ...(await startPods(stack, away, 2))];
    try {
      return await callRows(stack, pods.slice(0, 4), pods.slice(4), quick);
    } finally {
      await closePods(pods);
    }
  });
}

async function callRows(
  stack: LocalStack,
  home: readonly Pod[],
  away: readonly Pod[],
  quick: boolean,
): Promise<Measured> {
  const [other] = away;
  if (other === undefined) throw new Error('no pod of the other region');
  const tokens = await readWithTokens(home, other, quick ? 50 : 200);
  const once = await loadAtOnce(home, quick ? 10 : 100);
  const slow = await loadSlowly(stack, home, quick ? 10 : 50);
  const orphan = await takeOverOnce(stack, home[0]?.region ?? '');
  const dropped = await invalidateInTurn(home, away, quick ? 3 : 30);
  const rows: readonly Row[] = [
    { name: `get(atLeast) in another pod, ${tokens.rounds} rounds: older`, value: tokens.older, goal: { is: 0 } },
    { name: 'what L1 held there at that moment: older', value: tokens.olderWithoutToken },
    { name: 'token of the other region', value: tokens.otherRegion, goal: { is: 'WRONG_REGION' } },
    {
      name: `getOrLoad, ${once.callers} pods at once, ${once.keys} keys: keys not loaded exactly once`,
      value: once.loadsOtherThanOne,
      goal: { is: 0 },
    },
    { name: 'callers given another value', value: once.differing, goal: { is: 0 } },
    { name: 'call → value in every pod (the load takes 20 ms), p50, p99', ...both(once.time) },
    { name: `slow loads that overwrote a put or delete, of ${slow.rounds}`, value: slow.overwrote, goal: { is: 0 } },
    {
      name: `loading pod killed → another has the value (lease ${orphan.leaseMs} ms)`,
      value: orphan.takenOverMs,
      unit: 'ms',
      goal: { atMost: 2 * orphan.leaseMs },
    },
    { name: 'calls that failed until then', value: orphan.failures.join(', ') || 'none' },
    { name: `invalidate, ${dropped.rounds} rounds → gone in ${home.length} pods, p50, p99`, ...both(dropped.region) },
    { name: 'pods of the other region that lost it, too', value: dropped.lostElsewhere, goal: { is: 0 } },
    { name: `everywhere → gone in ${home.length + away.length} pods, p50, p99`, ...both(dropped.everywhere) },
  ];
  return { rows, figure: { tokens, once, slow, orphan, dropped } };
}

async function takeOverOnce(stack: LocalStack, region: string): ReturnType<typeof takeOver> {
  const leaseMs = 2_000;
  const pods = await startPods(stack, region, 1, { definition: tuneCache(items, { loadTimeout: `${leaseMs}ms` }) });
  try {
    return await takeOver(stack, pods, leaseMs, 'orphan');
  } finally {
    await closePods(pods);
  }
}
