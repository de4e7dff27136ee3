import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { FakeLeaseStore } from './testing/fake-lease-store.js';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';
import { isEnded } from './watermark.js';

let world: SyncWorld;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld(options);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

describe('hazard 32: resharding', () => {
  it.each([0, 1, 2])(
    'reads a parent to its end before its children; the end comes %p pages late',
    async (closesAfter) => {
      const { clock, stream } = open({ stream: { closesAfter, pageMax: 3 } });
      world.worker('a');
      world.worker('b');
      await clock.advance(2_000);
      const ids: Record<string, string[]> = { low: [], high: [] };
      const writeBoth = (): void => {
        ids['low']?.push(world.write('users', 'low', 0.1));
        ids['high']?.push(world.write('users', 'high', 0.9));
      };
      for (let n = 0; n < 10; n += 1) writeBoth();
      stream.split('shardId-000000000000');
      for (let n = 0; n < 10; n += 1) writeBoth();
      await clock.advance(10_000);
      writeBoth();
      const [left, right] = stream.openShards;
      stream.merge(left ?? '', right ?? '');
      for (let n = 0; n < 10; n += 1) writeBoth();
      await clock.advance(20_000);
      for (const key of ['low', 'high']) expect([...new Set(world.eventsOf('users', key))]).toEqual(ids[key]);
      const shardIds = ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002'];
      for (const shardId of shardIds) expect(world.leases.row(shardId)?.checkpoint).toBe('SHARD_END');
      expect(world.leases.row('shardId-000000000003')?.checkpoint).not.toBe('TRIM_HORIZON');
    },
  );

  it('creates the children before it marks the parent as ended', async () => {
    const { clock, stream, leases } = open();
    world.worker('a');
    await clock.advance(2_000);
    stream.split('shardId-000000000000');
    let isBroken = false;
    const parent = 'shardId-000000000000';
    const { signal } = new AbortController();
    for (let step = 0; step < 100; step += 1) {
      await clock.advance(20);
      const rows = await leases.list(signal);
      const row = rows.find(({ shardId }) => shardId === parent);
      if (row !== undefined && isEnded(row) && rows.length < 3) isBroken = true;
    }
    expect(isBroken).toBe(false);
    expect(leases.row(parent)?.checkpoint).toBe('SHARD_END');
  });

  it.each([
    ['split twice', false],
    ['split twice, and merged with another one', true],
  ])('reads every ancestor before a shard that was %s while one was behind', async (_, isMerged) => {
    const { clock, stream } = open({ stream: { shards: 2 } });
    const behind = 'shardId-000000000001';
    world.worker('a');
    await clock.advance(2_000);
    stream.fault = (operation, shardId) =>
      operation === 'read' && shardId === behind
        ? new TidemarkError('THROTTLED', 'slow', { retriable: true })
        : undefined;
    const write = (): string => world.write('users', 'k', 0.55);
    const ids = [write()];
    stream.split(behind);
    ids.push(write());
    stream.split('shardId-000000000002');
    ids.push(write());
    if (isMerged) stream.merge('shardId-000000000000', 'shardId-000000000004');
    ids.push(write());
    await clock.advance(60_000);
    expect(world.eventsOf('users', 'k')).toEqual([]);
    stream.fault = () => undefined;
    await clock.advance(60_000);
    expect(world.eventsOf('users', 'k')).toEqual(ids);
  });

  it('does not read a shard of which the row, once taken, says that it is read to its end', async () => {
    /** As where this worker's own runner ends the shard between the listing of the rows and the choice. */
    class EndedMeanwhile extends FakeLeaseStore {
      override async take(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
        const row = await super.take(lease, owner, signal);
        return row && this.checkpoint(row, 'SHARD_END', null, signal);
      }
    }
    const { clock } = open();
    const leases = new EndedMeanwhile();
    const worker = world.worker('a', { leases });
    await clock.advance(5_000);
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: 'a', checkpoint: 'SHARD_END' });
    expect(worker.health().shards).toEqual([]);
  });

  it('removes the rows of shards that left the stream', async () => {
    const { clock, stream, leases } = open();
    world.worker('a');
    await clock.advance(2_000);
    stream.split('shardId-000000000000');
    await clock.advance(5_000);
    stream.trim(clock.now());
    await clock.advance(31_000);
    expect(leases.row('shardId-000000000000')).toBeUndefined();
    expect(world.workers[0]?.health().ready).toBe(true);
  });
});
