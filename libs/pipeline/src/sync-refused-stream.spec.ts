import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { SyncWorld } from './testing/sync-world.js';

let world: SyncWorld;

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const shardId = 'shardId-000000000000';
const spreads = new TidemarkError('INVALID_CONFIGURATION', 'the stream distributes records AUTO', { retriable: false });

function distributes(how: 'AUTO' | 'USER_PARTITION_KEY'): void {
  world.stream.fault = (operation) => (operation === 'describe' && how === 'AUTO' ? spreads : undefined);
}

/** Reads of shards from now on. */
function countReads(): () => number {
  let reads = 0;
  world.stream.fault = (operation) => {
    if (operation === 'read') reads += 1;
    return operation === 'describe' ? spreads : undefined;
  };
  return () => reads;
}

describe('a stream that spreads the records of a key over its shards', () => {
  it('is not read: the worker says so, and fails', async () => {
    world = new SyncWorld();
    distributes('AUTO');
    const worker = world.worker('a');
    const failed = expect(worker.failed).rejects.toBe(spreads);
    world.write('users', 'k:1');
    await world.clock.advance(60_000);
    await failed;
    expect(world.records('users')).toEqual([]);
    expect(worker.health()).toMatchObject({
      ready: false,
      reason: expect.stringContaining(spreads.message) as unknown,
    });
  });

  it('is let go of when it begins to, and no watermark is published', async () => {
    world = new SyncWorld({ stream: { shards: 2 } });
    world.sink.createTopic('tidemark.cdc.users', 3);
    const worker = world.worker('a');
    let hasFailed = false;
    worker.failed.catch(() => (hasFailed = true));
    await world.clock.advance(5_000);
    distributes('AUTO');
    await world.clock.advance(2_000);
    const reads = countReads();
    const watermarks = world.controls('users', 'watermark').length;
    world.write('users', 'k:1');
    await world.clock.advance(30_000);
    expect(reads()).toBe(0);
    expect(world.controls('users', 'watermark')).toHaveLength(watermarks);
    expect(world.leases.row(shardId)).toMatchObject({ owes: ['users'] });
    expect(worker.health()).toMatchObject({
      ready: false,
      reason: expect.stringContaining(spreads.message) as unknown,
    });
    expect(hasFailed).toBe(false);
  });

  it.each(['the same worker', 'another worker, started since'])(
    'is read again when it does no more, behind a flush of every table: by %s',
    async (who) => {
      world = new SyncWorld({ looks: false });
      const { clock } = world;
      for (const table of ['users', 'orders']) world.sink.createTopic(`tidemark.cdc.${table}`, 3);
      const worker = world.worker('a');
      await clock.advance(5_000);
      const flushes = (table: string): number => world.controls(table, 'flush-table').length;
      const before = ['users', 'orders'].map(flushes);
      distributes('AUTO');
      await clock.advance(5_000);
      expect(['users', 'orders'].map(flushes)).toEqual(before);
      if (who !== 'the same worker') await worker.kill();
      distributes('USER_PARTITION_KEY');
      const reading = who === 'the same worker' ? worker : world.worker('b');
      await clock.advance(20_000);
      const id = world.write('users', 'k:1');
      await clock.advance(2_000);
      expect(world.eventsOf('users', 'k:1')).toEqual([id]);
      for (const [at, table] of ['users', 'orders'].entries()) expect(flushes(table)).toBeGreaterThan(before[at] ?? 0);
      expect(world.leases.row(shardId)?.owes).toBeUndefined();
      expect(reading.health()).toMatchObject({ ready: true, withheldTables: {} });
    },
  );

  it('is let go of by a worker that publishes no watermark, too, at its next listing of the shards', async () => {
    world = new SyncWorld({ stream: { shards: 2 } });
    world.sink.createTopic('tidemark.cdc.users', 3);
    const workers = [world.worker('a'), world.worker('b', { shardListEveryMs: 10_000 })];
    await world.clock.advance(8_000);
    distributes('AUTO');
    await world.clock.advance(12_000);
    const reads = countReads();
    await world.clock.advance(10_000);
    expect(reads()).toBe(0);
    expect(workers.map((worker) => worker.health().ready)).toEqual([false, false]);
  });

  it('is let go of once the lease table can be written', async () => {
    world = new SyncWorld();
    world.sink.createTopic('tidemark.cdc.users', 3);
    world.worker('a');
    await world.clock.advance(5_000);
    distributes('AUTO');
    world.leases.fault = (operation) =>
      operation === 'renew' || operation === 'checkpoint'
        ? new TidemarkError('THROTTLED', 'slow down', { retriable: true })
        : undefined;
    await world.clock.advance(3_000);
    expect(world.leases.row(shardId)?.owes).toBeUndefined();
    world.leases.fault = () => undefined;
    await world.clock.advance(2_000);
    expect(world.leases.row(shardId)).toMatchObject({ owes: ['users'] });
  });
});
