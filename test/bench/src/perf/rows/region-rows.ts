import { setTimeout as delay } from 'node:timers/promises';
import { type Cache } from '@tidemark/cache';
import { measurePuts, type TimedPuts } from '@tidemark/test-e2e/fast-lane';
import { openLoop } from '../open-loop.js';
import { quantile } from '../quantile.js';
import { withPod } from '../region-pod.js';
import { regionName, withRegion } from '../region-process.js';
import { type BenchRow, type Plan } from '../row.js';
import { seeded } from '../seeded.js';
import { zipf } from '../traces.js';
import { type User, userOf } from '../workload.js';

const common = {
  ...{ isSlow: true, isOfTheWall: true, lowerIsBetter: true },
  whyBehind:
    'pods, DynamoDB, Kinesis, Kafka, sync and dispatcher share the cores of one machine, and whatever else runs there (its load is below) with them',
} as const;
const hotKeys = 100;
const operationsPerSecond = 2_000;
const putShare = 0.05;
const itemsOfL2 = 4_000;
/** How often sync of the embedded stack reads a shard; the stack is not loaded where it is not run. */
const pollMs = 50;

/** A pod on the AWS backend, beside a region of the embedded stack. */
export const regionRows: readonly BenchRow[] = [
  {
    ...common,
    name: 'stall-hit-p99',
    what: 'awaited hits of L1, 99th percentile, while DynamoDB holds every request for an item back for 5 s and 200 misses a second run into it',
    goal: { compared: 'ratio', rule: 'at least', bound: 0.5 },
    unit: 'µs',
    note: 'Each `get` is timed by itself, clock included. `dynamodb-stall` in `test/e2e` plays 30 s of it, and looks at the rest, too.',
    whyBehind: 'the pod’s misses wait, time out and are counted on the same thread',
    tidemark: async (plan) => hitP99(plan, true),
    rival: {
      name: 'the same before the stall',
      settings: 'the misses are answered',
      measure: async (plan) => hitP99(plan, false),
    },
  },
  ...(['put', 'get'] as const).map((operation): BenchRow => ({
    ...common,
    name: `two-level-p99-${operation}`,
    what: `\`${operation}\` through both levels, 99th percentile, at ${operationsPerSecond.toLocaleString('en')} operations a second in one pod`,
    goal: { compared: 'figure', rule: 'at most', bound: 10 },
    unit: 'ms',
    note: `One in twenty is a put of a random key, the others are gets by Zipf over 4,000 keys of 1 KB, half of which L1 can hold. They begin when they are due, whatever is still under way, and are timed from then on. DynamoDB, Kinesis, Kafka, sync and
dispatcher are the embedded ones, in one process beside the pod's.`,
    tidemark: async (plan) => (await twoLevels(plan))[operation],
  })),
  {
    ...common,
    ...visible('put-visible-fast-lane-p50', 'median', 5),
    note: 'From the acknowledgement of `put` until the last of two other pods reads the value; one process for the pods, one for the region.',
    tidemark: async (plan) => (await timedPuts(plan, true)).fromAck.p50Ms,
  },
  {
    ...common,
    ...visible('put-visible-fast-lane-p99', '99th percentile', 20),
    tidemark: async (plan) => (await timedPuts(plan, true)).fromAck.p99Ms,
  },
  {
    ...common,
    name: 'put-visible-cdc-p99',
    what: `put to visible in every pod of the region by the change log alone, 99th percentile; the goal is the interval at which the embedded stack's sync reads the stream, ${pollMs} ms, and 100 ms`,
    goal: { compared: 'figure', rule: 'at most', bound: pollMs + 100 },
    unit: 'ms',
    tidemark: async (plan) => (await timedPuts(plan, false)).fromAck.p99Ms,
  },
];

function visible(name: string, which: string, bound: number): Pick<BenchRow, 'name' | 'what' | 'goal' | 'unit'> {
  return {
    ...{ name, unit: 'ms', goal: { compared: 'figure', rule: 'at most', bound } },
    what: `put to visible in every pod of the region on the fast lane, ${which}`,
  };
}

function timedPuts({ quick }: Plan, fastLane: boolean): Promise<TimedPuts> {
  const rounds = quick ? 50 : 200;
  return withRegion((stack) => measurePuts({ stack, region: regionName, fastLane, podCount: 3, rounds }));
}

function hitP99({ quick }: Plan, stalled: boolean): Promise<number> {
  return withRegion((region) =>
    withPod(region, { readTimeout: '500ms' }, async (cache) => {
      const keys = Array.from({ length: hotKeys }, (_, n) => `hot-${n}`);
      for (const [id, key] of keys.entries()) await cache.put(key, userOf(id));
      await cache.getMany(keys);
      await hitsFor(1, cache, keys, 'warm');
      region.stall(stalled);
      const { microseconds, failedShare } = await hitsFor(quick ? 2 : 5, cache, keys, 'cold');
      region.stall(false);
      if (stalled && failedShare < 0.5) throw new Error('misses were answered in the stall');
      return quantile(microseconds, 0.99);
    }),
  );
}

interface Hits {
  /** Time of each. */
  readonly microseconds: number[];
  /** Of the misses beside them. */
  readonly failedShare: number;
}

/** Some 200 misses a second, and a hit of every key in turn for each. */
async function hitsFor(seconds: number, cache: Cache<User>, keys: readonly string[], cold: string): Promise<Hits> {
  const microseconds: number[] = [];
  const counted = { misses: 0, failed: 0 };
  const misses = new Set<Promise<unknown>>();
  for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; await delay(5)) {
    counted.misses += 1;
    const miss = cache.get(`${cold}-${microseconds.length}`).catch(() => (counted.failed += 1));
    misses.add(miss);
    void miss.finally(() => misses.delete(miss));
    for (const key of keys) {
      const beganMs = performance.now();
      const value = await cache.get(key);
      microseconds.push((performance.now() - beganMs) * 1_000);
      if (value === undefined) throw new Error(`${key} was to be a hit`);
    }
  }
  await Promise.all(misses);
  return { microseconds, failedShare: counted.failed / counted.misses };
}

interface TwoLevels {
  /** 99th percentiles, ms. */
  readonly put: number;
  readonly get: number;
}

function twoLevels({ quick }: Plan): Promise<TwoLevels> {
  return withRegion((region) =>
    withPod(region, { maxEntries: itemsOfL2 / 2 }, async (cache) => {
      const keys = Array.from({ length: itemsOfL2 }, (_, id) => `user-${id}`);
      await cache.putMany(keys.map((key, id): [string, User] => [key, userOf(id)]));
      await atRate(cache, keys, 3);
      return atRate(cache, keys, quick ? 5 : 20);
    }),
  );
}

async function atRate(cache: Cache<User>, keys: readonly string[], seconds: number): Promise<TwoLevels> {
  const random = seeded(13);
  const rank = zipf(keys.length, 0.99, seeded(17));
  const latencies: Record<'put' | 'get', number[]> = { put: [], get: [] };
  const isPut = Array.from({ length: operationsPerSecond * seconds }, () => random() < putShare);
  const key = (n: number): string => keys[isPut[n] === true ? Math.floor(random() * keys.length) : rank()] ?? '';
  await openLoop({
    ...{ rate: operationsPerSecond, seconds, failedMs: 1_000 },
    operation: (n) => (isPut[n] === true ? cache.put(key(n), userOf(n)) : cache.get(key(n))),
    onDone: (n, latencyMs) => latencies[isPut[n] === true ? 'put' : 'get'].push(latencyMs),
  });
  return { put: quantile(latencies.put, 0.99), get: quantile(latencies.get, 0.99) };
}
