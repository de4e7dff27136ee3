import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { malformedLease } from './lease-row.js';
import { type ShardLease } from './ports.js';
import { SyncWorld } from './testing/sync-world.js';

const [first, second, third] = ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002'];
let world: SyncWorld;

beforeEach(() => {
  world = new SyncWorld({ looks: false, stream: { shards: 3 } });
});

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

/** Breaks a row of a table that one worker has read for a while; returns the row as it was. */
async function broken(shardId: string): Promise<ShardLease> {
  const worker = world.worker('a');
  world.write('users', 'k:1', 0.9);
  await world.clock.advance(3_000);
  await worker.stop();
  const row = world.leases.row(shardId);
  if (row === undefined) throw new Error('no row');
  world.leases.overwrite(malformedLease(shardId, `the lease of ${shardId}: leaseCounter: expected a whole number`));
  return row;
}

const watermarks = (): number => world.controls('users', 'watermark').length;

describe('a row of the lease table that cannot be read', () => {
  it.each([first, second, third])('keeps no other shard from being read: %s', async (shardId) => {
    await broken(shardId);
    world.worker('b');
    [first, second, third].forEach((_, index) => world.write('users', `k:after${index}`, (index + 0.5) / 3));
    await world.clock.advance(30_000);
    const read = [first, second, third].map((_, index) => world.eventsOf('users', `k:after${index}`).length);
    expect(read).toEqual([first, second, third].map((each) => (each === shardId ? 0 : 1)));
  });

  it('is named by health, which is not ready, and holds every watermark back', async () => {
    await broken(second);
    const worker = world.worker('b');
    const before = watermarks();
    await world.clock.advance(30_000);
    expect(watermarks()).toBe(before);
    const { ready, reason } = worker.health();
    expect(ready).toBe(false);
    expect(reason).toContain(`the lease of ${second}: leaseCounter: expected a whole number`);
  });

  it('stands as it is until somebody mends it; then nothing is missing', async () => {
    const row = await broken(second);
    const worker = world.worker('b');
    world.write('users', 'k:2', 0.5);
    await world.clock.advance(60_000);
    expect(world.leases.row(second)?.problem).toBeDefined();
    world.leases.overwrite(row);
    await world.clock.advance(20_000);
    expect(world.eventsOf('users', 'k:2')).toHaveLength(1);
    expect(worker.health()).toMatchObject({ ready: true, reason: null });
    const before = watermarks();
    await world.clock.advance(3_000);
    expect(watermarks()).toBeGreaterThan(before);
  });

  it('may be removed: its shard is read from the oldest record on, after a flush', async () => {
    await broken(second);
    world.worker('b');
    await world.clock.advance(5_000);
    const before = world.controls('users', 'flush-table').length;
    world.leases.lose(second);
    await world.clock.advance(60_000);
    expect(world.controls('users', 'flush-table').length).toBeGreaterThan(before);
    expect(world.leases.row(second)?.owner).toBe('b');
  });
});
