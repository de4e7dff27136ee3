import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { divergent, type LoadCounts, pause, type Pod, randomLoad, seeded, startPods } from './random-load.js';

/** Seconds of load per case: 6 in the ordinary run, as many as TIDEMARK_TEST_LOAD_SECONDS says in a long one. */
const seconds = Number(process.env['TIDEMARK_TEST_LOAD_SECONDS'] ?? 6);
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);

jest.setTimeout(seconds * 1_000 + 180_000);

describe(`random load on two regions, seed ${seed}`, () => {
  let stack: LocalStack;
  let pods: readonly Pod[];
  beforeAll(async () => {
    stack = await startLocalStack({ tables: ['things'], seed });
    pods = await startPods(stack, 4);
  });
  afterAll(async () => {
    await Promise.all((pods ?? []).map(({ tidemark }) => tidemark.close()));
    await stack?.stop();
  });

  async function underLoad(meanwhile: () => Promise<void>): Promise<LoadCounts> {
    const over = new AbortController();
    const load = randomLoad({ stack, pods, keys, random: seeded(seed), signal: over.signal });
    try {
      await Promise.all([meanwhile(), pause(seconds * 1_000)]);
    } finally {
      over.abort();
    }
    return load;
  }

  /** Everything has come through, and every pod agrees with its table on every key, and the tables with each other. */
  async function agree(): Promise<void> {
    await stack.quiesce({ timeout: '60s' });
    const now = Date.now();
    await eventually(
      'every pod has caught up',
      () => pods.every(({ cache }) => Date.now() - cache.staleness() >= now),
      30_000,
    );
    let differing: readonly string[] = [];
    const agreed = async (): Promise<boolean> => (differing = await divergent(stack, pods, keys)).length === 0;
    // A write whose answer was lost may reach its table, and be replicated, after everything else has.
    await eventually('every pod and both tables agree', agreed, 10_000).catch(() => undefined);
    expect(differing).toEqual([]);
  }

  it('starts live in both regions', () => {
    expect(pods.map(({ tidemark }) => tidemark.health().state)).toEqual(['live', 'live', 'live', 'live']);
  });

  it('ends with every pod and both tables in agreement', async () => {
    const counts = await underLoad(async () => undefined);
    process.stdout.write(`${JSON.stringify(counts)}\n`);
    expect(Object.entries(counts.calls).filter(([, count]) => count === 0)).toEqual([]);
    expect(counts.loads).toBeGreaterThan(0);
    await agree();
    const applied = pods.reduce((sum, { cache }) => sum + cache.stats().events, 0);
    expect(applied).toBeGreaterThan(20);
  });

  it.each(['sync', 'dispatcher', 'kafka'] as const)('the same with %s killed and started again', async (role) => {
    const region = stack.regions[0] ?? '';
    let recoveredMs = 0;
    await underLoad(async () => {
      await pause(1_000);
      await stack.kill(region, role);
      await pause(1_000);
      const restartedAt = performance.now();
      await stack.restart(region, role);
      const home = pods.filter((pod) => pod.region === region);
      const since = Date.now();
      await eventually(
        'the region’s pods follow again',
        () => home.every(({ cache }) => Date.now() - cache.staleness() >= since),
        60_000,
      );
      recoveredMs = performance.now() - restartedAt;
    });
    await agree();
    process.stdout.write(`${role} back in ${Math.round(recoveredMs)} ms\n`);
  });
});
