import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { atLast } from './at-last.js';
import { divergent, type Pod, startPods, type Thing } from './random-load.js';

jest.setTimeout(120_000);

const region = 'us-east-1';
const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
/** Another table of the same stream. */
const others = defineCache({ name: 'others', table: 'others', schema: trust<Thing>() });

let stack: LocalStack;
let pods: readonly Pod[];
let calm: readonly { readonly tidemark: Tidemark; readonly cache: Cache<Thing> }[] = [];

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things', 'others'] });
  pods = await startPods(stack, 2);
  const { kafka, dynamodb, topicPrefix } = stack.region(region);
  calm = [0, 1].map(() => {
    const backend = aws({ region, kafka, dynamodb, topicPrefix });
    const tidemark = createTidemark({ service: 'calm', backend, caches: [others], startDeadline: '20s' });
    return { tidemark, cache: tidemark.cache(others) };
  });
  await Promise.all(calm.map(({ tidemark }) => tidemark.start()));
});

afterEach(() => stack.faults.aws.clearRequestFaults());

afterAll(async () => {
  await Promise.all([...(pods ?? []), ...calm].map(({ tidemark }) => tidemark.close()));
  await stack?.stop();
});

/** The second pod holds each key, and the first then writes it. */
async function write(n: number): Promise<void> {
  const [writer, reader] = pods;
  for (const key of keys) {
    await atLast(`${key} is read`, async () => (await reader?.cache.get(key)) !== undefined || n === 1);
    await atLast(`${key} is written`, async () => (await writer?.cache.put(key, { n }))?.applied);
  }
}

/** Everything written before the call has come to both pods, and nothing that they hold is another value than the table's. */
async function nothingIsLost(n: number): Promise<void> {
  const now = Date.now();
  await eventually('both pods have caught up', () => pods.every(({ cache }) => isAsNewAs(cache, now)), 60_000);
  for (const { cache } of pods)
    for (const key of keys) await atLast(`${key} is ${n}`, async () => (await cache.get(key))?.n === n);
  expect(await divergent(stack, pods, keys)).toEqual([]);
}

function isAsNewAs(cache: Cache<Thing>, atMs: number): boolean {
  return Date.now() - cache.staleness() >= atMs;
}

const syncHealth = (): string => JSON.stringify((stack.health()[region] as { readonly sync?: unknown }).sync ?? null);
const isReady = (): boolean => syncHealth().includes('"ready":true');

describe('a table whose topic nobody may write into', () => {
  it('is parked while another table of its shards goes on, over a restart of sync, and flushed when the permission is back', async () => {
    const [writer, reader] = calm;
    await write(1);
    await nothingIsLost(1);
    const flushesBefore = pods[1]?.cache.stats().flushes ?? 0;
    await atLast('a key of the other is written', async () => (await writer?.cache.put('k', { n: 1 }))?.applied);
    await atLast('and held', async () => (await reader?.cache.get('k'))?.n === 1);

    const allow = stack.faults.kafka(region).forbidWrites(topicNames().cdc('things'));
    await write(2);
    await eventually('the table is parked', () => syncHealth().includes('"things"'), 30_000);
    await atLast('and changed', async () => (await writer?.cache.put('k', { n: 2 }))?.applied);
    await eventually('the other table goes on', () => reader?.cache.getIfPresent('k')?.n === 2, 10_000);
    await write(3);
    const parkedMs = Date.now();
    await eventually('its watermark as well', () => calm.every(({ cache }) => isAsNewAs(cache, parkedMs)), 10_000);
    expect(pods.every(({ cache }) => !isAsNewAs(cache, parkedMs))).toBe(true);

    await stack.kill(region, 'sync');
    await stack.restart(region, 'sync');
    const restartedMs = Date.now();
    await eventually('a sync reads again', () => calm.every(({ cache }) => isAsNewAs(cache, restartedMs)), 30_000);
    expect(pods.every(({ cache }) => !isAsNewAs(cache, parkedMs))).toBe(true);
    expect(pods[1]?.cache.getIfPresent('k0')).toEqual({ n: 1 });

    allow();
    await nothingIsLost(3);
    expect(pods[1]?.cache.stats().flushes ?? 0).toBeGreaterThan(flushesBefore);
    expect(syncHealth()).not.toContain('"things"');
  });
});

const refusals = {
  throttling: [400, 'ProvisionedThroughputExceededException', 'The rate of requests exceeds the throughput'],
  'credentials that have expired': [400, 'ExpiredTokenException', 'The security token in the request is expired'],
} as const;

describe.each(Object.entries(refusals))('%s', (_name, [statusCode, type, message]) => {
  it.each(['kinesis', 'dynamodb'] as const)(
    'of %s holds sync up for as long as it lasts, and loses nothing',
    async (service) => {
      const { leaseTable } = stack.region(region);
      const target = service === 'kinesis' ? { service } : { service, resource: leaseTable };
      await eventually('sync is ready', isReady, 30_000);
      await write(10);
      const fault = stack.faults.aws.fail(target, { statusCode, type, message }, 1_000_000);
      const sinceMs = Date.now();
      await write(11);
      await eventually('it is refused for longer than a lease holds', () => Date.now() - sinceMs > 6_000, 20_000);
      expect(fault.hits).toBeGreaterThan(5);
      expect(isReady()).toBe(false);
      await write(12);
      fault.clear();
      await nothingIsLost(12);
      await eventually('sync is ready', isReady, 30_000);
    },
  );
});
