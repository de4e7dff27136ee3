import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ShardReader } from './ports.js';
import { type SyncWorker } from './sync-worker.js';
import { type SyncWorkerOptions } from './sync-options.js';
import { FakeDestinations } from './testing/fake-destinations.js';
import { FakeStream } from './testing/fake-stream.js';
import { SyncWorld } from './testing/sync-world.js';

let world: SyncWorld;
/** Another stream than the world's, with shards of the same ids and one more. */
let other: FakeStream;

beforeEach(() => {
  world = new SyncWorld({ looks: false, stream: { shards: 2 } });
  other = new FakeStream({ clock: world.clock, shards: 3 });
  world.sink.createTopic('tidemark.cdc.users', 3);
});
afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

/** A worker of the other stream on the same lease table; `ends` holds why it must not go on. */
function stranger(
  workerId: string,
  options: Partial<SyncWorkerOptions> = {},
): { readonly worker: SyncWorker; readonly ends: unknown[] } {
  const reader: ShardReader = {
    describe: async (signal) => ({ ...(await other.describe(signal)), streamId: 'orders:1' }),
    listShards: (signal) => other.listShards(signal),
    open: (shardId, position) => other.open(shardId, position),
  };
  const worker = world.worker(workerId, { reader, ...options });
  const ends: unknown[] = [];
  worker.failed.catch((error: unknown) => ends.push(error));
  return { worker, ends };
}

const rows = async () => world.leases.list(new AbortController().signal);
const owners = async (): Promise<readonly string[]> =>
  (await rows()).map(({ shardId, streamId, owner }) => `${shardId.slice(-1)} ${streamId} ${owner}`).sort();
const flushes = (): number => world.controls('users', 'flush-table').length;

describe('a lease table that workers of another stream use', () => {
  it('is refused at the start, by the names of both streams; nothing in it is touched', async () => {
    const worker = world.worker('a');
    await world.clock.advance(10_000);
    const [before, flushed] = [await owners(), flushes()];
    const { worker: late, ends } = stranger('b');
    await world.clock.advance(3_000);
    expect(ends).toMatchObject([
      {
        code: 'INVALID_CONFIGURATION',
        message:
          'the lease table is in use for stream fake and topics tidemark.…: worker a renews the lease of shardId-000000000000; stream orders and topics tidemark.… needs one of its own',
      },
    ]);
    expect(late.health()).toMatchObject({ ready: false, reason: expect.stringContaining('is in use for stream fake') });
    await world.clock.advance(30_000);
    expect(await owners()).toEqual(before);
    expect(flushes()).toBe(flushed);
    expect(worker.health().ready).toBe(true);
  });

  it('is refused without a look at destinations, which would be kept in the place of theirs', async () => {
    world = new SyncWorld({ stream: { shards: 2 } });
    world.sink.createTopic('tidemark.cdc.users', 3);
    world.worker('a');
    await world.clock.advance(10_000);
    const none = new FakeDestinations();
    none.set('users', { status: 'NONE' });
    const { worker, ends } = stranger('b', { destinations: { reader: none, store: world.destinations.store } });
    await world.clock.advance(3_000);
    await worker.stop();
    expect(ends).toHaveLength(1);
    const kept = await world.destinations.store.get('users', new AbortController().signal);
    expect(kept?.status).toBe('ACTIVE');
  });

  it('is taken over behind a flush once they are gone: at once where they gave their leases back, else when these have expired', async () => {
    for (const end of ['stop', 'kill'] as const) {
      const worker = world.worker(`a-${end}`);
      await world.clock.advance(15_000);
      await worker[end]();
      const flushed = flushes();
      const { worker: next, ends } = stranger(`b-${end}`);
      await world.clock.advance(end === 'stop' ? 2_000 : 8_000);
      expect((await owners()).some((each) => each.includes('orders'))).toBe(end === 'stop');
      await world.clock.advance(10_000);
      expect(await owners()).toEqual([0, 1, 2].map((shard) => `${shard} tidemark:orders:1 b-${end}`));
      expect(flushes()).toBeGreaterThan(flushed);
      expect(ends).toEqual([]);
      await next.stop();
    }
  });

  it('is not fought over by two that start at the same moment', async () => {
    const worker = world.worker('a');
    const { worker: late, ends } = stranger('b');
    await world.clock.advance(5_000);
    expect(ends).toMatchObject([{ code: 'INVALID_CONFIGURATION' }]);
    await late.stop();
    await world.clock.advance(15_000);
    const flushed = flushes();
    await world.clock.advance(60_000);
    expect(flushes()).toBe(flushed);
    expect(await owners()).toEqual(['0 tidemark:fake:1 a', '1 tidemark:fake:1 a']);
    expect(worker.health()).toMatchObject({ ready: true, reason: null });
  });

  it('is used at once by workers of a stream that was made anew under its name', async () => {
    await world.worker('a').kill();
    world.worker('b');
    await world.clock.advance(5_000);
    world.stream.replace();
    await world.clock.advance(3_000);
    expect((await owners()).every((each) => each.includes('tidemark:fake:2 b'))).toBe(true);
  });
});
