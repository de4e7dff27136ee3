import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

const hour = 3_600_000;
let world: SyncWorld;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld(options);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

describe('records that left the stream unread (hazards 36 and 51)', () => {
  const flushed = (): number => world.controls('users', 'flush-table').length;

  it('flushes every table, acknowledged, before a checkpoint goes past the hole', async () => {
    const { clock, stream, sink, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    const before = flushed();
    await clock.advance(24 * hour);
    stream.trim(clock.now() - hour);
    world.write('users', 'k:2');
    sink.fault = (_, records) =>
      records.some(({ record }) => String(record.header).includes('flush-table'))
        ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
        : undefined;
    world.worker('b');
    await clock.advance(20_000);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('1');
    expect(world.eventsOf('users', 'k:2')).toEqual([]);
    sink.fault = () => undefined;
    await clock.advance(10_000);
    expect(flushed()).toBe(before + 3);
    expect(world.eventsOf('users', 'k:2')).toHaveLength(1);
  });

  it('flushes nothing when a worker goes on soon enough', async () => {
    const { clock } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    const before = flushed();
    await clock.advance(22 * hour);
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before);
  });

  it('flushes when the lease table was lost', async () => {
    const { clock, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.kill();
    const before = flushed();
    leases.clear();
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before + 3);
  });

  it('flushes and reads the new stream when the old one was replaced', async () => {
    const { clock, stream } = open();
    world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await world.close();
    const before = flushed();
    stream.replace();
    const id = world.write('users', 'k:2');
    world.worker('b');
    await clock.advance(15_000);
    expect(flushed()).toBe(before + 3);
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
  });

  it('ends a shard that left the stream and goes on with what took its place', async () => {
    const { clock, stream, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    stream.split('shardId-000000000000');
    await clock.advance(25 * hour);
    stream.trim(clock.now() - 24 * hour);
    const id = world.write('users', 'k:2', 0.9);
    const worker = world.worker('b');
    await clock.advance(10_000);
    expect(leases.row('shardId-000000000000')?.checkpoint ?? 'SHARD_END').toBe('SHARD_END');
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
    expect(worker.health().ready).toBe(true);
  });
});
