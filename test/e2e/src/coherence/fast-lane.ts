import { defineCache, trust } from '@tidemark/cache';
import { eventually } from '@tidemark/runtime/testing';
import { closePods, type Item, pause, type Pod, type RegionSource, startPods } from './pods.js';
import { type Quantiles, quantiles } from './quantiles.js';

/** Tables of the scenario: one whose writers use the fast lane, one whose writers do not. */
export const laneTables = ['lane-on', 'lane-off'] as const;

export interface FastLaneOptions extends TimedPutsOptions {
  /** Writes of the hot key, and the time between them, ms. */
  readonly hotWrites: number;
  readonly hotEveryMs: number;
  /** Of the hot key, a second and pod. */
  readonly readsPerSecond: number;
}

export interface TimedPutsOptions {
  readonly stack: RegionSource;
  readonly region: string;
  readonly fastLane: boolean;
  readonly podCount: number;
  /** Puts whose way to every other pod is timed. */
  readonly rounds: number;
}

export interface FastLaneFigure extends TimedPuts {
  readonly fastLane: boolean;
  readonly pods: number;
  readonly hot: HotKey;
}

export interface TimedPuts {
  /** From the call of `put`, and from its acknowledgement, until the last other pod of the region reads the value. */
  readonly fromCall: Quantiles;
  readonly fromAck: Quantiles;
  /** Rounds in which each other pod held the value without reading it again, of all. */
  readonly heldShare: number;
}

export interface HotKey {
  readonly writes: number;
  readonly reads: number;
  /** Entries dropped by events, for each write and pod. */
  readonly dropsPerWriteAndPod: number;
  readonly hitRatio: number;
}

/** How soon a write is seen in the region's other pods, and what a key that is written all the time costs them. */
export function measureFastLane(options: FastLaneOptions): Promise<FastLaneFigure> {
  const { fastLane, podCount, rounds } = options;
  return withPods(options, async (pods) => {
    const timed = await timeRounds(pods, rounds);
    return { fastLane, pods: podCount, ...timed, hot: await heatKey(pods, options) };
  });
}

/** How soon a write is seen in the region's other pods. */
export function measurePuts(options: TimedPutsOptions): Promise<TimedPuts> {
  return withPods(options, (pods) => timeRounds(pods, options.rounds));
}

async function withPods<T>(
  { stack, region, fastLane, podCount }: TimedPutsOptions,
  work: (pods: readonly Pod[]) => Promise<T>,
): Promise<T> {
  const name = fastLane ? laneTables[0] : laneTables[1];
  const definition = defineCache({ name, table: name, schema: trust<Item>() });
  const pods = await startPods(stack, region, podCount, { definition, fastLane, service: name });
  try {
    return await work(pods);
  } finally {
    await closePods(pods);
  }
}

async function timeRounds(pods: readonly Pod[], rounds: number): Promise<TimedPuts> {
  const [writer, ...others] = pods;
  if (writer === undefined || others.length === 0) throw new Error('the scenario needs two pods');
  const fromCall: number[] = [];
  const fromAck: number[] = [];
  let held = 0;
  for (let n = 0; n <= rounds; n += 1) {
    const seen = Promise.all(others.map((pod) => seenIn(pod, n)));
    const calledAt = performance.now();
    await writer.cache.put('timed', { n });
    const ackedAt = performance.now();
    const seenAt = Math.max(...(await seen));
    // The first round is the pods' warm-up: none of them held the key.
    if (n > 0) {
      fromCall.push(seenAt - calledAt);
      fromAck.push(seenAt - ackedAt);
      if (others.every(({ cache }) => cache.getIfPresent('timed')?.n === n)) held += 1;
    }
    await Promise.all(others.map(({ cache }) => cache.get('timed')));
    // Not in step with the polls of the stream.
    await pause(30 + Math.random() * 60);
  }
  return { fromCall: quantiles(fromCall), fromAck: quantiles(fromAck), heldShare: held / rounds };
}

/** When a get in this pod gives value `n` from then on: its event has been carried out, and the entry is that value or gone. */
function seenIn({ cache }: Pod, n: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      off();
      reject(new Error(`a pod was not told of write ${n} within 20 s`));
    }, 20_000);
    const off = cache.on('change', (change) => {
      if (change.key !== 'timed' || change.value?.n !== n) return;
      clearTimeout(late);
      off();
      resolve(performance.now());
    });
  });
}

async function heatKey(
  pods: readonly Pod[],
  { hotWrites, hotEveryMs, readsPerSecond }: FastLaneOptions,
): Promise<HotKey> {
  const [writer] = pods;
  if (writer === undefined) throw new Error('the scenario needs a pod');
  const key = 'hot';
  await writer.cache.put(key, { n: 0 });
  await eventually('every pod holds the key', async () => {
    await Promise.all(pods.map(({ cache }) => cache.get(key)));
    return pods.every(({ cache }) => cache.inspect(key).state === 'value' && cache.inspect(key).stampUs !== null);
  });
  const before = totals(pods);
  const over = new AbortController();
  const reading = pods.map((pod) => readSteadily(pod, key, readsPerSecond, over.signal));
  for (let n = 1; n <= hotWrites; n += 1) {
    await writer.cache.put(key, { n });
    await pause(hotEveryMs);
  }
  await eventually('the last write is everywhere', async () => {
    const found = await Promise.all(pods.map(({ cache }) => cache.get(key)));
    return found.every((item) => item?.n === hotWrites);
  });
  over.abort();
  await Promise.all(reading);
  const after = totals(pods);
  const hits = after.hits - before.hits;
  const reads = hits + after.misses - before.misses;
  return {
    ...{ writes: hotWrites, reads, hitRatio: hits / reads },
    dropsPerWriteAndPod: (after.drops - before.drops) / (hotWrites * pods.length),
  };
}

/** Keeps to the rate as well as timers allow: what one turn is late by, the next makes up for. */
async function readSteadily({ cache }: Pod, key: string, perSecond: number, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (let done = 0; !signal.aborted;) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
    for (; done < due; done += 1) await cache.get(key);
    await pause(5);
  }
}

function totals(pods: readonly Pod[]): { readonly hits: number; readonly misses: number; readonly drops: number } {
  const sum = { hits: 0, misses: 0, drops: 0 };
  for (const { cache } of pods) {
    const stats = cache.stats();
    for (const name of ['hits', 'misses', 'drops'] as const) sum[name] += stats[name];
  }
  return sum;
}
