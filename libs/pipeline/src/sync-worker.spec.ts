import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { recordingLogger } from '@tidemark/runtime/testing';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

let world: SyncWorld;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld(options);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

describe('one worker', () => {
  it('produces every record to its table topic, in the order of the shard', async () => {
    const { clock } = open();
    world.worker('a');
    const ids = ['1', '2', '3'].map(() => world.write('users', 'k:1'));
    const other = world.write('orders', 'k:9');
    await clock.advance(1_000);
    expect(world.eventsOf('users', 'k:1')).toEqual(ids);
    expect(world.eventsOf('orders', 'k:9')).toEqual([other]);
  });

  it('starts at the oldest record and goes on after its checkpoint', async () => {
    const { clock, leases } = open();
    const first = world.write('users', 'k:1');
    const worker = world.worker('a');
    await clock.advance(2_000);
    await worker.stop();
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: '1' });
    const second = world.write('users', 'k:1');
    world.worker('b');
    await clock.advance(2_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([first, second]);
  });

  it('never checkpoints a record that is not acknowledged', async () => {
    const { clock, sink, leases } = open();
    world.worker('a');
    sink.fault = () => new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true });
    const id = world.write('users', 'k:1');
    await clock.advance(60_000);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('TRIM_HORIZON');
    sink.fault = () => undefined;
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('1');
  });

  it('keeps one page in flight and writes one row per renewal, however much there is to read', async () => {
    const { clock, leases, sink } = open({ stream: { pageMax: 2 }, sink: { latencyMs: 10 } });
    world.worker('a');
    for (let n = 0; n < 200; n += 1) world.write('users', `k:${n}`);
    await clock.advance(1_000);
    const before = leases.writes;
    await clock.advance(5_000);
    expect(leases.writes - before).toBe(10);
    for (const { topic, records } of sink.sends)
      if (topic === 'tidemark.cdc.users') expect(records.length).toBeLessThanOrEqual(3);
    expect(world.records('users').filter(({ type }) => type === 'event')).toHaveLength(200);
  });

  it('lets what was read be acknowledged before it stops, and gives its leases back', async () => {
    const { clock, sink, leases } = open({ sink: { latencyMs: 2_000 } });
    sink.createTopic('tidemark.cdc.users', 3);
    const worker = world.worker('a');
    await clock.advance(10_000);
    const id = world.write('users', 'k:1');
    await clock.advance(300);
    const stopped = worker.stop();
    await clock.advance(3_000);
    await stopped;
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: '1' });
    expect(worker.health()).toMatchObject({ ready: false, reason: 'not running' });
  });

  it('does not wait longer than it was told to when Kafka is down', async () => {
    const { clock, sink, leases } = open();
    const worker = world.worker('a');
    await clock.advance(2_000);
    sink.down = true;
    world.write('users', 'k:1');
    await clock.advance(1_000);
    let isStopped = false;
    const stopped = worker.stop(500).then(() => (isStopped = true));
    await clock.advance(400);
    expect(isStopped).toBe(false);
    await clock.advance(200);
    await stopped;
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: 'TRIM_HORIZON' });
  });
});

describe('when something is down', () => {
  it.each(['stream', 'leases', 'sink'] as const)(
    'starts without the %s, says so, and goes on when it is there',
    async (part) => {
      const { clock } = open();
      world[part].down = true;
      const log = recordingLogger();
      const worker = world.worker('a', { log });
      const id = world.write('users', 'k:1');
      await clock.advance(30_000);
      expect(worker.health().ready).toBe(false);
      expect(worker.health().reason).toMatch(/does not answer|no broker answers/);
      const warnings = log.lines.filter(({ level }) => level === 'warn').length;
      expect(warnings).toBeGreaterThan(0);
      expect(warnings).toBeLessThanOrEqual(6);
      world[part].down = false;
      await clock.advance(10_000);
      expect(worker.health()).toMatchObject({ ready: true, reason: null });
      expect(world.eventsOf('users', 'k:1')).toEqual([id]);
    },
  );

  it('stands still while Kafka is down and loses nothing', async () => {
    const { clock, sink } = open();
    const worker = world.worker('a');
    const ids = [world.write('users', 'k:1')];
    await clock.advance(2_000);
    sink.down = true;
    for (let n = 0; n < 20; n += 1) ids.push(world.write('users', 'k:1'));
    await clock.advance(120_000);
    expect(worker.health().shards[0]?.lastError).toMatch(/no broker answers/);
    sink.down = false;
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual(ids);
    expect(worker.health()).toMatchObject({ ready: true });
  });

  it('goes on when the topic comes into being', async () => {
    const { clock, sink } = open({ sink: { autoCreate: 0 } });
    const worker = world.worker('a');
    const id = world.write('users', 'k:1');
    await clock.advance(10_000);
    expect(worker.health().reason).toMatch(/no topic tidemark.cdc.users/);
    sink.createTopic('tidemark.cdc.users', 2);
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });
});

describe('two workers', () => {
  const owners = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const shardId of world.stream.openShards) {
      const owner = world.leases.row(shardId)?.owner ?? 'nobody';
      counts[owner] = (counts[owner] ?? 0) + 1;
    }
    return counts;
  };

  it('share the shards evenly', async () => {
    const { clock } = open({ stream: { shards: 4 } });
    world.worker('a');
    await clock.advance(3_000);
    expect(owners()).toEqual({ a: 4 });
    world.worker('b');
    await clock.advance(10_000);
    expect(owners()).toEqual({ a: 2, b: 2 });
  });

  it('take over from one that died, after its leases expire: nothing is lost and each key stays in order', async () => {
    const { clock } = open({ stream: { shards: 2 } });
    const dying = world.worker('a');
    await clock.advance(2_000);
    world.worker('b');
    await clock.advance(5_000);
    expect(owners()).toEqual({ a: 1, b: 1 });
    const written = { low: [] as string[], high: [] as string[] };
    for (let round = 0; round < 60; round += 1) {
      written.low.push(world.write('users', 'low', 0.1));
      written.high.push(world.write('users', 'high', 0.9));
      if (round === 20) await dying.kill();
      await clock.advance(500);
    }
    await clock.advance(15_000);
    expect(owners()).toEqual({ b: 2 });
    for (const key of ['low', 'high'] as const) {
      const events = world.eventsOf('users', key);
      expect([...new Set(events)]).toEqual(written[key]);
      expect(events.length).toBeLessThanOrEqual(written[key].length + 2);
    }
  });

  it('hand over at once when one stops', async () => {
    const { clock } = open({ stream: { shards: 2 } });
    const leaving = world.worker('a');
    world.worker('b');
    await clock.advance(5_000);
    await leaving.stop();
    await clock.advance(2_000);
    expect(owners()).toEqual({ b: 2 });
  });

  it('hazard 33: leave a zombie no checkpoint: it stops at its next write', async () => {
    const { clock, leases } = open();
    const metrics = new MetricRegistry();
    const zombie = world.worker('zombie', { scanEveryMs: 5_000, renewEveryMs: 1_000, metrics });
    await clock.advance(1_500);
    const shardId = 'shardId-000000000000';
    const row = leases.row(shardId);
    if (row === undefined) throw new Error('no row');
    const thief = await leases.take(row, 'thief', new AbortController().signal);
    world.write('users', 'k:1');
    await clock.advance(2_000);
    expect(leases.row(shardId)).toEqual(thief);
    const lost = metrics.collect().find(({ name }) => name === 'tidemark_sync_leases_lost_total');
    expect([...(lost?.series.values() ?? [])]).toEqual([{ labels: {}, value: 1 }]);
    await clock.advance(5_000);
    expect(zombie.health().shards.map(({ owner }) => owner)).toEqual(['thief']);
    expect(leases.row(shardId)).toEqual(thief);
  });

  it('hazard 33: stop reading a shard at the next scan that shows another owner, long before the next write of the row', async () => {
    const { clock, leases, stream } = open();
    world.worker('zombie', { scanEveryMs: 1_000, renewEveryMs: 5_000 });
    await clock.advance(5_500);
    const row = leases.row('shardId-000000000000');
    if (row === undefined) throw new Error('no row');
    await leases.take(row, 'thief', new AbortController().signal);
    await clock.advance(1_000);
    let reads = 0;
    stream.fault = (operation) => {
      if (operation === 'read') reads += 1;
      return undefined;
    };
    await clock.advance(2_000);
    expect(reads).toBe(0);
  });

  it('stop reading a shard whose lease cannot be renewed in time, before others may take it', async () => {
    const { clock, leases, stream } = open();
    const worker = world.worker('a', { failoverMs: 10_000 });
    await clock.advance(3_000);
    leases.down = true;
    let reads = 0;
    stream.fault = (operation) => {
      if (operation === 'read') reads += 1;
      return undefined;
    };
    await clock.advance(9_000);
    expect(reads).toBeGreaterThan(20);
    await clock.advance(1_100);
    reads = 0;
    await clock.advance(5_000);
    expect(reads).toBe(0);
    expect(worker.health().ready).toBe(false);
    leases.down = false;
    const id = world.write('users', 'k:1');
    await clock.advance(3_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });

  it('stop a send that waits when the lease is lost', async () => {
    const { clock, leases, sink } = open();
    world.worker('a', { scanEveryMs: 10_000 });
    await clock.advance(1_500);
    sink.down = true;
    world.write('users', 'k:1');
    await clock.advance(2_000);
    const row = leases.row('shardId-000000000000');
    if (row === undefined) throw new Error('no row');
    await leases.take(row, 'thief', new AbortController().signal);
    await clock.advance(2_000);
    sink.down = false;
    await clock.advance(5_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([]);
  });
});
