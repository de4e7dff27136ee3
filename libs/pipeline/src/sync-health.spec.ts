import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { takenLease } from './lease-row.js';
import { type SyncWorker } from './sync-worker.js';
import { SyncWorld } from './testing/sync-world.js';

let world: SyncWorld;

afterEach(async () => {
  for (const part of ['stream', 'leases', 'sink'] as const) world[part].stalled = false;
  await world.close();
  expect(world.clock.pending).toBe(0);
});

/** Two workers, the first of which publishes, that have run for a while. */
async function running(): Promise<{ publisher: SyncWorker; other: SyncWorker; lagSeconds: () => number }> {
  world = new SyncWorld({ stream: { shards: 2 } });
  world.sink.createTopic('tidemark.cdc.users', 3);
  const metrics = new MetricRegistry();
  const publisher = world.worker('publisher', { metrics });
  await world.clock.advance(3_000);
  const other = world.worker('other');
  await world.clock.advance(12_000);
  expect([publisher.health(), other.health()]).toMatchObject([{ ready: true }, { ready: true }]);
  const lagSeconds = (): number => {
    const [series] =
      metrics
        .collect()
        .find(({ name }) => name === 'tidemark_sync_lag_seconds')
        ?.series.values() ?? [];
    return series !== undefined && 'value' in series ? series.value : NaN;
  };
  return { publisher, other, lagSeconds };
}

describe('a dependency that does not answer at all', () => {
  it.each<['sink' | 'stream' | 'leases', RegExp]>([
    ['sink', /Kafka.*no answer for/],
    ['stream', /Kinesis.*no answer for/],
    ['leases', /lease.*(no answer for|took longer than)/],
  ])('makes every worker not ready within 4 s, by its own name: %s', async (part, reason) => {
    const { publisher, other } = await running();
    world[part].stalled = true;
    await world.clock.advance(4_000);
    for (const worker of [publisher, other]) {
      expect(worker.health()).toMatchObject({ ready: false, reason: expect.stringMatching(reason) });
    }
    world[part].stalled = false;
    await world.clock.advance(15_000);
    expect([publisher.health(), other.health()]).toMatchObject([{ ready: true }, { ready: true }]);
  });

  it('goes on being named by its own name for as long as it lasts', async () => {
    const { publisher, other } = await running();
    world.stream.stalled = true;
    for (let seconds = 4; seconds < 60; seconds += 4) {
      await world.clock.advance(4_000);
      for (const worker of [publisher, other]) expect(worker.health().reason).toMatch(/Kinesis/);
    }
  });

  it('is Kinesis: the lag grows with the time that reads do not answer', async () => {
    const { publisher, lagSeconds } = await running();
    expect(lagSeconds()).toBeLessThan(1);
    world.stream.stalled = true;
    await world.clock.advance(30_000);
    expect(lagSeconds()).toBeGreaterThan(29);
    const lags = publisher.health().shards.flatMap(({ lagMs }) => lagMs ?? []);
    expect(Math.min(...lags)).toBeGreaterThan(29_000);
    world.stream.stalled = false;
    await world.clock.advance(12_000);
    expect(lagSeconds()).toBeLessThan(1);
  });

  it('is Kinesis from the start on: the lag counts from then', async () => {
    world = new SyncWorld();
    const metrics = new MetricRegistry();
    await world.clock.advance(1_000);
    const worker = world.worker('a', { metrics });
    await world.clock.advance(100);
    world.stream.stalled = true;
    await world.clock.advance(20_000);
    expect(worker.health().ready).toBe(false);
    const [series] =
      metrics
        .collect()
        .find(({ name }) => name === 'tidemark_sync_lag_seconds')
        ?.series.values() ?? [];
    expect(series !== undefined && 'value' in series ? series.value : 0).toBeGreaterThan(19);
  });

  it('is Kinesis: leases of a worker that died meanwhile are taken over all the same', async () => {
    const { publisher } = await running();
    world.stream.stalled = true;
    await publisher.kill();
    await world.clock.advance(25_000);
    const rows = await world.leases.list(new AbortController().signal);
    expect(rows.map(({ owner }) => owner)).toEqual(['other', 'other']);
  });
});

describe('a dependency that fails', () => {
  it.each<['stream' | 'leases' | 'sink', RegExp]>([
    ['stream', /Kinesis.*the stream does not answer/],
    ['leases', /lease table.*the lease table does not answer/],
    ['sink', /Kafka.*no broker answers/],
  ])('is named: %s', async (part, reason) => {
    const { publisher, other } = await running();
    world[part].down = true;
    await world.clock.advance(7_000);
    for (const worker of [publisher, other]) expect(worker.health().reason).toMatch(reason);
    world[part].down = false;
  });
});

describe('what the worker that publishes does for all of them', () => {
  /** The lowest open shard goes to a worker, and with it the task to publish; the other shard to the other worker. */
  async function publishes(workerId: string): Promise<void> {
    const owners = [workerId, workerId === 'other' ? 'publisher' : 'other'];
    for (const [n, owner] of owners.entries()) {
      const row = world.leases.row(`shardId-00000000000${n}`);
      if (row !== undefined && row.owner !== owner) world.leases.overwrite(takenLease(row, owner));
    }
    await world.clock.advance(3_000);
    expect(world.leases.row('shardId-000000000000')?.owner).toBe(workerId);
  }

  it.each<[string, (isDown: boolean) => void, RegExp]>([
    [
      'looks',
      (isDown) => (world.destinations.down = isDown),
      /^looking at the streaming destination of users: too many/,
    ],
    [
      'notes of looks',
      (isDown) => (world.destinations.store.down = isDown),
      /^writing a look at a streaming destination to the lease table: /,
    ],
  ])('and has failed, is nothing that fails with it once another one does that: %s', async (_what, fail, reason) => {
    const { publisher, other } = await running();
    await publishes('publisher');
    fail(true);
    await world.clock.advance(31_000);
    expect(publisher.health()).toMatchObject({ ready: false, reason: expect.stringMatching(reason) });
    fail(false);
    await publishes('other');
    expect(other.health()).toMatchObject({ ready: true, watermark: expect.any(Number) });
    expect(publisher.health()).toMatchObject({ ready: true, reason: null, watermark: null });
  });

  it('fails with it again once it does that again', async () => {
    const { publisher } = await running();
    await publishes('publisher');
    world.destinations.down = true;
    await world.clock.advance(31_000);
    await publishes('other');
    expect(publisher.health()).toMatchObject({ ready: true });
    await publishes('publisher');
    expect(publisher.health()).toMatchObject({ ready: false, reason: expect.stringMatching(/streaming destination/) });
  });

  it('and Kinesis that did not answer it, is asked again at once where another one does that now', async () => {
    const { publisher } = await running();
    await publishes('publisher');
    world.stream.down = true;
    await world.clock.advance(3_000);
    expect(publisher.health()).toMatchObject({ ready: false });
    world.stream.down = false;
    await publishes('other');
    await world.clock.advance(5_000);
    expect(publisher.health()).toMatchObject({ ready: true, reason: null });
  });
});

describe('one table topic that does not answer', () => {
  it('keeps the watermark from no other table, and is named', async () => {
    world = new SyncWorld();
    for (const table of ['users', 'orders']) world.sink.createTopic(`tidemark.cdc.${table}`, 1);
    const worker = world.worker('a');
    await world.clock.advance(5_000);
    const open = world.sink.stall('tidemark.cdc.users');
    await world.clock.advance(5_000);
    const before = world.controls('orders', 'watermark').length;
    await world.clock.advance(10_000);
    expect(world.controls('orders', 'watermark').length).toBeGreaterThanOrEqual(before + 4);
    expect(worker.health().reason).toMatch(/Kafka topic tidemark.cdc.users: no answer for/);
    expect(world.sink.inFlightMax).toBe(1);
    open();
    await world.clock.advance(5_000);
    expect(worker.health().ready).toBe(true);
    expect(world.controls('users', 'watermark').at(-1)?.at).toBeGreaterThan(world.clock.now() - 3_000);
  });

  it('that fails keeps it from no other, until it is there again or gone', async () => {
    world = new SyncWorld();
    for (const table of ['users', 'orders']) world.sink.createTopic(`tidemark.cdc.${table}`, 1);
    const worker = world.worker('a');
    await world.clock.advance(5_000);
    world.sink.fault = (topic) =>
      topic === 'tidemark.cdc.users'
        ? new TidemarkError('ACCESS_DENIED', 'not yours', { retriable: false })
        : undefined;
    const before = world.controls('orders', 'watermark').length;
    await world.clock.advance(10_000);
    expect(world.controls('orders', 'watermark').length).toBeGreaterThan(before + 8);
    expect(worker.health()).toMatchObject({ ready: false, reason: expect.stringMatching(/Kafka.*not yours/) });
    const refused = world.controls('users', 'watermark').length;
    world.sink.fault = () => undefined;
    await world.clock.advance(2_000);
    expect(worker.health().ready).toBe(true);
    expect(world.controls('users', 'watermark').length).toBeGreaterThan(refused);
    world.sink.fault = (topic) =>
      topic === 'tidemark.cdc.users'
        ? new TidemarkError('ACCESS_DENIED', 'not yours', { retriable: false })
        : undefined;
    await world.clock.advance(3_000);
    world.sink.deleteTopic('tidemark.cdc.users');
    await world.clock.advance(10_000);
    expect(worker.health().ready).toBe(true);
  });
});

describe('a shard that nobody reads, for every worker reads as many as it may', () => {
  it('makes a worker not ready that would read it, until another one starts', async () => {
    world = new SyncWorld({ stream: { shards: 3 } });
    const workers = ['a', 'b'].map((id) => world.worker(id, { shardsMax: 1 }));
    await world.clock.advance(2_000);
    expect(workers.map((worker) => worker.health().reason)).toEqual([null, null]);
    await world.clock.advance(20_000);
    const reasons = workers.map((worker) => worker.health().reason);
    expect(reasons).toEqual(
      workers.map(() => expect.stringMatching(/^shardId-0+\d: nobody reads it.* \(1\)/) as unknown),
    );
    world.worker('c', { shardsMax: 1 });
    await world.clock.advance(5_000);
    expect(world.workers.map((worker) => worker.health().reason)).toEqual([null, null, null]);
  });
});
