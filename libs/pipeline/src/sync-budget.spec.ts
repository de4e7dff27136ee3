import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry } from '@tidemark/runtime';
import { SyncWorld } from './testing/sync-world.js';

const shards = 16;
const pageBytesMax = 50_000;
let world: SyncWorld;

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

function pageBytes(metrics: MetricRegistry): number {
  const family = metrics.collect().find(({ name }) => name === 'tidemark_sync_page_bytes');
  const [series] = [...(family?.series.values() ?? [])];
  return series !== undefined && 'value' in series ? series.value : NaN;
}

/** A worker behind in every shard while Kafka takes nothing; resolves to the most bytes it had in hand over two minutes. */
async function stalled(pageBudgetBytes: number): Promise<number> {
  world = new SyncWorld({ looks: false, stream: { shards, pageMax: 20, pageBytesMax } });
  const metrics = new MetricRegistry();
  world.worker('a', { metrics, pageBudgetBytes, sendTimeoutMs: 10_000 });
  await world.clock.advance(5_000);
  world.sink.stalled = true;
  for (let shard = 0; shard < shards; shard += 1)
    for (let index = 0; index < 100; index += 1) world.write('users', `k:${shard}:${index}`, shard / shards);
  let most = 0;
  for (let second = 0; second < 120; second += 1) {
    await world.clock.advance(1_000);
    most = Math.max(most, pageBytes(metrics));
  }
  return most;
}

describe('the memory that sync may take for pages', () => {
  it('is never exceeded by sixteen shards while Kafka takes nothing, and every shard goes on afterwards', async () => {
    const budget = 120_000;
    const most = await stalled(budget);
    expect(most).toBeLessThanOrEqual(budget);
    expect(most).toBeGreaterThan(budget / 2);
    world.sink.stalled = false;
    await world.clock.advance(60_000);
    for (let shard = 0; shard < shards; shard += 1) expect(world.eventsOf('users', `k:${shard}:99`)).toHaveLength(1);
  });

  it('is one page where a page may be larger than all of it', async () => {
    expect(await stalled(1_000)).toBeLessThanOrEqual(pageBytesMax);
    world.sink.stalled = false;
    await world.clock.advance(120_000);
    for (let shard = 0; shard < shards; shard += 1) expect(world.eventsOf('users', `k:${shard}:99`)).toHaveLength(1);
  });
});
