import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { ShardMetrics } from './shard-metrics.js';
import { SyncWorld } from './testing/sync-world.js';

const shards = ['shardId-000000000000', 'shardId-000000000001'] as const;
const [first, second] = shards;

/** Values of every series of a metric of shards, by shard, and by kind where it has that. */
function told(registry: MetricRegistry, name: string): Readonly<Record<string, number>> {
  const series = registry
    .collect()
    .find((family) => family.name === `tidemark_sync_shard_${name}`)
    ?.series.values();
  return Object.fromEntries(
    [...(series ?? [])].map((each) => [
      [each.labels['shard'], each.labels['kind']].filter((label) => label !== undefined).join(' '),
      'value' in each ? each.value : NaN,
    ]),
  );
}

describe('ShardMetrics', () => {
  it('leaves nothing in the registry once the shard is let go of, however late a failure comes', () => {
    const registry = new MetricRegistry();
    let reads = 0;
    const read = () => ({ lagMs: (reads += 1_000), unacknowledgedMs: 500 });
    const gone = new ShardMetrics(registry, 'a', read);
    const here = new ShardMetrics(registry, 'b', () => ({ lagMs: 0, unacknowledgedMs: 0 }));
    for (const metrics of [gone, here]) {
      metrics.failed('reading the shard');
      metrics.failed('sending to Kafka');
    }
    expect(told(registry, 'lag_seconds')).toEqual({ a: 1, b: 0 });
    gone.remove();
    gone.failed('writing the lease table');
    expect(told(registry, 'failures_total')).toEqual({ 'b reading': 1, 'b sending': 1 });
    expect(told(registry, 'lag_seconds')).toEqual({ b: 0 });
    expect(told(registry, 'unacknowledged_age_seconds')).toEqual({ b: 0 });
    expect(reads).toBe(1_000);
    here.remove();
  });
});

describe('a worker', () => {
  let world: SyncWorld;

  afterEach(async () => {
    await world.close();
  });

  it('tells of each shard that it reads how far it is behind, how long its page waits, and what fails', async () => {
    world = new SyncWorld({ stream: { shards: 2 } });
    const metrics = new MetricRegistry();
    world.worker('a', { metrics });
    await world.clock.advance(3_000);
    expect(told(metrics, 'unacknowledged_age_seconds')).toEqual({ [first]: 0, [second]: 0 });
    world.stream.fault = (operation, shardId) =>
      operation === 'read' && shardId === second
        ? new TidemarkError('THROTTLED', 'slow down', { retriable: true })
        : undefined;
    world.sink.createTopic('tidemark.cdc.users', 3);
    world.sink.down = true;
    world.write('users', 'k:1', 0);
    await world.clock.advance(20_000);
    const ages = told(metrics, 'unacknowledged_age_seconds');
    expect(ages[first]).toBeGreaterThan(19);
    expect(ages[first]).toBeLessThanOrEqual(20);
    expect(ages[second]).toBe(0);
    expect(told(metrics, 'lag_seconds')[second]).toBeGreaterThan(19);
    const failures = told(metrics, 'failures_total');
    expect(failures[`${second} reading`]).toBeGreaterThan(2);
    expect(failures[`${first} reading`]).toBeUndefined();
    world.stream.fault = () => undefined;
    world.sink.down = false;
    await world.clock.advance(10_000);
    expect(told(metrics, 'unacknowledged_age_seconds')).toEqual({ [first]: 0, [second]: 0 });
    for (const lag of Object.values(told(metrics, 'lag_seconds'))) expect(lag).toBeLessThan(1);
  });

  it('tells no more of a shard that it has handed over, that is read to its end, or when it has stopped', async () => {
    world = new SyncWorld({ stream: { shards: 2 } });
    const metrics = new MetricRegistry();
    const worker = world.worker('a', { metrics });
    await world.clock.advance(3_000);
    world.worker('b');
    await world.clock.advance(5_000);
    const [kept = '', ...others] = Object.keys(told(metrics, 'lag_seconds'));
    expect(others).toEqual([]);
    world.stream.split(kept);
    await world.clock.advance(5_000);
    expect(Object.keys(told(metrics, 'lag_seconds'))).not.toContain(kept);
    const stopped = worker.stop();
    await world.clock.advance(6_000);
    await stopped;
    for (const name of ['lag_seconds', 'unacknowledged_age_seconds', 'failures_total'])
      expect(told(metrics, name)).toEqual({});
  });
});
