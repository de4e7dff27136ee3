import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { MetricRegistry } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(60_000);

const region = 'us-east-1';
const table = 'things';
const readsPerSecond = 2_000;
const keysOfEach = 2_000;
const things = defineCache({ name: 'things', table, schema: trust<number>(), readTimeout: '20s' });
let stack: LocalStack;
let pods: readonly { readonly tidemark: Tidemark; readonly metrics: MetricRegistry; readonly cache: Cache<number> }[];

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: [table], pipeline: true });
  const { dynamodb, kafka, topicPrefix } = stack.region(region);
  pods = [1, 2].map(() => {
    const metrics = new MetricRegistry();
    const tidemark = createTidemark({
      ...{ service: 'test', caches: [things], metrics, startDeadline: '20s', overload: { readsPerSecond } },
      backend: aws({ region, kafka, dynamodb, topicPrefix }),
    });
    return { tidemark, metrics, cache: tidemark.cache(things) };
  });
  await Promise.all(pods.map(({ tidemark }) => tidemark.start()));
});
afterAll(async () => {
  await Promise.all(pods.map(({ tidemark }) => tidemark.close()));
  await stack?.stop();
});

it('pods find out from their reports how many share the budget, and keep to it together', async () => {
  let asked = 0;
  const ask = (cache: Cache<number>): Promise<unknown> => {
    asked += 1;
    return cache.get(`absent-${asked}`);
  };
  await eventually('each pod has half of the rate', async () => {
    await Promise.all(pods.map(({ cache }) => ask(cache)));
    return pods.every(
      ({ metrics }) => valueOf(metrics, 'tidemark_l2_read_budget_keys_per_second') === readsPerSecond / 2,
    );
  });
  const readBefore = read();
  const beganMs = performance.now();
  const calls: Promise<unknown>[] = [];
  for (let n = 0; n < keysOfEach; n += 1) calls.push(...pods.map(({ cache }) => ask(cache)));
  await Promise.all(calls);
  const seconds = (performance.now() - beganMs) / 1_000;
  expect(read() - readBefore).toBe(keysOfEach * pods.length);
  expect(keysOfEach * pods.length).toBeLessThanOrEqual(readsPerSecond * (seconds + 0.25) + 1);
});

function read(): number {
  return pods.reduce((sum, { metrics }) => sum + valueOf(metrics, 'tidemark_l2_read_keys_total'), 0);
}

function valueOf(metrics: MetricRegistry, name: string): number {
  const family = metrics.collect().find((each) => each.name === name);
  return [...(family?.series.values() ?? [])].reduce((sum, series) => sum + ('value' in series ? series.value : 0), 0);
}
