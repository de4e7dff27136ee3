import { afterEach, describe, expect, it } from '@jest/globals';
import { type Clock, TidemarkError } from '@tidemark/runtime';
import { type ManualClock } from '@tidemark/runtime/testing';
import { CheckedWorld } from '../test/checked-world.js';
import { type ShardCursor, type ShardReader } from './ports.js';
import { type SyncWorker } from './sync-worker.js';
import { type FakeStream } from './testing/fake-stream.js';

/** How wrong the wall clock of a process is, ms; its monotonic clock is right. */
interface Skew {
  aheadMs: number;
  /** Whether the stream can be read there. */
  isCut?: boolean;
}

function shifted(clock: ManualClock, skew: Skew): Clock {
  return {
    now: () => clock.now() + skew.aheadMs,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (fn, delayMs) => clock.setTimer(fn, delayMs),
  };
}

function readerOn(stream: FakeStream, skew: Skew): ShardReader {
  return {
    describe: (signal) => stream.describe(signal),
    listShards: (signal) => stream.listShards(signal),
    open: (...of) => {
      const cursor = stream.open(...of);
      const read: ShardCursor['read'] = async (signal) => {
        const page = await cursor.read(signal);
        if (skew.isCut === true) throw new TidemarkError('STREAM_UNAVAILABLE', 'cut off', { retriable: true });
        return { ...page, askedAt: page.askedAt + skew.aheadMs };
      };
      return { read, askedSinceMs: null };
    },
  };
}

let world: CheckedWorld;
afterEach(() => world.close());

function workerWith(workerId: string, skew: Skew): SyncWorker {
  return world.worker(workerId, { clock: shifted(world.clock, skew), reader: readerOn(world.stream, skew) });
}

/** Two workers with a shard each; the first has the lower one, and a clock that is right. */
async function twoWorkers(): Promise<{ readonly a: SyncWorker; readonly b: SyncWorker; readonly skew: Skew }> {
  world = new CheckedWorld({ stream: { shards: 2 } });
  const skew = { aheadMs: 0 };
  const [a, b] = [world.worker('a'), workerWith('b', skew)];
  await world.clock.advance(30_000);
  const owners = [0, 1].map((shard) => world.leases.row(`shardId-00000000000${shard}`)?.owner);
  expect(owners).toEqual(['a', 'b']);
  return { a, b, skew };
}

const toBoth = (): void => [0.2, 0.8].forEach((share) => world.put(share));

describe('hazard 68: a worker whose clock is ahead', () => {
  it('claims nothing that the others count, is told by them, and forgotten once its clock is right', async () => {
    const { a, skew } = await twoWorkers();
    skew.aheadMs = 360_000;
    await world.clock.advance(5_000);
    expect(a.health().reason).toMatch(/its readUpTo is 3\d{5} ms ahead of this worker's clock/);
    world.latest = -Infinity;
    skew.aheadMs = 0;
    await world.clock.advance(3_000);
    const isHeld = { now: true };
    world.sink.fault = (_, records) =>
      isHeld.now && records.some(({ record }) => record.key !== null)
        ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
        : undefined;
    toBoth();
    const at = world.clock.now();
    await world.clock.advance(20_000);
    expect(world.latest).toBeLessThanOrEqual(at);
    isHeld.now = false;
    await world.clock.advance(10_000);
    expect(world.latest).toBeGreaterThan(at + 20_000);
    expect([world.falsehoods, a.health().reason]).toEqual([[], null]);
  });

  it.each([20_000, 360_000])(
    'by %d ms has claimed nothing also when that time has come, and its shard could not be read since',
    async (aheadMs) => {
      const { skew } = await twoWorkers();
      skew.aheadMs = aheadMs;
      await world.clock.advance(5_000);
      skew.isCut = true;
      await world.clock.advance(500);
      skew.aheadMs = 0;
      await world.clock.advance(1_000);
      toBoth();
      const at = world.clock.now();
      await world.clock.advance(aheadMs + 30_000);
      expect([world.falsehoods, world.latest <= at]).toEqual([[], true]);
    },
  );

  it.each([
    ['ahead', 360_000],
    ['behind', -360_000],
  ])('lists the shards again once its clock is right, whenever that would have been due: %s', async (_, aheadMs) => {
    const { skew } = await twoWorkers();
    skew.aheadMs = aheadMs;
    await world.clock.advance(31_000);
    skew.aheadMs = 0;
    const at = world.clock.now();
    world.latest = -Infinity;
    await world.clock.advance(5_000);
    expect([world.falsehoods, world.latest > at]).toEqual([[], true]);
  });

  it.each([8_000, 15_000, 20_000])('by %d ms, and dies, leaves no claim that comes true', async (aheadMs) => {
    const { b, skew } = await twoWorkers();
    skew.aheadMs = aheadMs;
    await world.clock.advance(5_000);
    await b.kill();
    await world.clock.advance(200);
    toBoth();
    const at = world.clock.now();
    await world.clock.advance(25_000);
    expect([world.falsehoods, world.latest > at]).toEqual([[], true]);
  });

  it.each([
    ['who takes is behind', 0, -10_000],
    ['who gives is ahead', 10_000, 0],
  ])('flushes nothing where leases are handed over: %s', async (_, giverMs, takerMs) => {
    world = new CheckedWorld({ stream: { shards: 8 } });
    const shares = Array.from({ length: 8 }, (_each, shard) => (shard + 0.5) / 8);
    const busy = async (turns: number): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) {
        for (const share of shares) world.put(share);
        await world.clock.advance(500);
      }
    };
    workerWith('a', { aheadMs: giverMs });
    await busy(40);
    const before = world.flushes;
    workerWith('b', { aheadMs: takerMs });
    await busy(60);
    const owners = shares.map((_share, shard) => world.leases.row(`shardId-00000000000${shard}`)?.owner);
    expect([owners.filter((owner) => owner === 'b').length, world.flushes - before]).toEqual([4, 0]);
  });
});
