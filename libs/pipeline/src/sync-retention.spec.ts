import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

const hour = 3_600_000;
const first = 'shardId-000000000000';
const partitions = 3;
const throttled = (): TidemarkError => new TidemarkError('THROTTLED', 'not now', { retriable: true });
let world: SyncWorld;
/** Flushes of the table before anything was lost. */
let before: number;

const open = (options: SyncWorldOptions = {}): void => void (world = new SyncWorld({ looks: false, ...options }));
const flushes = (): number => world.controls('users', 'flush-table').length;

beforeEach(() => {
  before = 0;
});
afterEach(() => world.close());

/** Hours in which the stream keeps records for so many. */
async function pass(hours: number, keptHours: number): Promise<void> {
  for (let passed = 0; passed < hours; passed += 1) {
    await world.clock.advance(hour);
    world.stream.trim(world.clock.now() - keptHours * hour);
  }
}

async function readAndStopped(): Promise<void> {
  const worker = world.worker('a');
  world.write('users', 'k:1');
  await world.clock.advance(5_000);
  await worker.stop();
  before = flushes();
}

/** Reading goes on, the record of `lost` is gone, and each partition of its table has been told that it may be stale. */
async function flushedFor(lost: string, place = 0.1): Promise<void> {
  const next = world.write('users', 'k:next', place);
  await world.clock.advance(60_000);
  expect(world.eventsOf('users', 'k:next')).toEqual([next]);
  expect(world.eventsOf('users', lost)).toEqual([]);
  expect(flushes() - before).toBeGreaterThanOrEqual(partitions);
}

describe('hazard 36: what left the stream unread is covered by a flush, of a shard', () => {
  it.each([
    ['whose parent’s end was seen late, and is read by a worker that comes later still', true, 0],
    ['whose parent’s end was seen late, by a worker that then could not read', false, 0],
    ['whose parent was read late, and said later still that it was closed', true, 2],
  ])('%s', async (_, dies, closesAfter) => {
    open({ stream: { retentionMs: 6 * hour, closesAfter } });
    await readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await pass(4, 6);
    const reader = world.worker('b');
    world.stream.fault = (operation, shardId) => (operation === 'read' && shardId !== first ? throttled() : undefined);
    await world.clock.advance(3_000);
    expect(world.leases.row(first)?.checkpoint).toBe('SHARD_END');
    if (dies) await reader.kill();
    await pass(3, 6);
    world.stream.fault = () => undefined;
    if (dies) world.worker('c');
    await flushedFor('k:lost');
  });

  it('that waits for Kafka behind the end of its parent', async () => {
    open({ stream: { retentionMs: 6 * hour } });
    await readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await pass(4, 6);
    world.worker('b');
    world.stream.fault = (operation, shardId) => (operation === 'read' && shardId !== first ? throttled() : undefined);
    await world.clock.advance(3_000);
    expect(flushes()).toBe(before);
    await pass(3, 6);
    world.stream.fault = () => undefined;
    await flushedFor('k:lost');
  });

  it('without a flush that nothing calls for, where a parent’s end is seen at once', async () => {
    open({ stream: { retentionMs: 3 * hour } });
    world.worker('a');
    await world.clock.advance(5_000);
    before = flushes();
    world.stream.split(first);
    await pass(4, 3);
    const next = world.write('users', 'k:next', 0.1);
    await world.clock.advance(5_000);
    expect([world.eventsOf('users', 'k:next'), flushes()]).toEqual([[next], before]);
  });

  it.each([
    ['while no worker ran', true],
    ['while the worker could not read', false],
  ])('whose stream came to keep records for longer after they had expired, %s', async (_, isAway) => {
    open({ stream: { retentionMs: 3 * hour } });
    if (isAway) await readAndStopped();
    else {
      world.worker('a');
      world.write('users', 'k:1');
      await world.clock.advance(5_000);
      before = flushes();
      world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    }
    world.write('users', 'k:lost', 0.1);
    await pass(4, 3);
    world.stream.retentionMs = 168 * hour;
    await world.clock.advance(60_000);
    world.stream.fault = () => undefined;
    if (isAway) world.worker('c');
    await flushedFor('k:lost');
  });

  it.each([
    ['by a worker that waits for Kafka with its flush, and dies', true],
    ['by a worker that could not read, and dies', false],
  ])('whose stream came to keep records for longer after they had expired, %s', async (_, waits) => {
    open({ stream: { retentionMs: 3 * hour } });
    const kafkaIsAway = new TidemarkError('PUBLISH_FAILED', 'away', { retriable: true });
    if (waits) await readAndStopped();
    const running = waits ? undefined : world.worker('a');
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    before = flushes();
    if (!waits) world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    world.write('users', 'k:lost', 0.1);
    await pass(4, 3);
    world.stream.retentionMs = 168 * hour;
    if (waits) world.sink.fault = () => kafkaIsAway;
    const worker = running ?? world.worker('b');
    await world.clock.advance(60_000);
    await worker.kill();
    world.sink.fault = () => undefined;
    world.stream.fault = () => undefined;
    world.worker('c');
    await flushedFor('k:lost');
  });

  it('without a flush that nothing calls for, where workers were away for less long than records were kept all the time', async () => {
    open({ stream: { retentionMs: 60 * hour } });
    await readAndStopped();
    const kept = world.write('users', 'k:kept', 0.1);
    await pass(30, 60);
    world.worker('c');
    await world.clock.advance(20_000);
    expect([world.eventsOf('users', 'k:kept'), flushes()]).toEqual([[kept], before]);
  });

  it('that was behind as its stream came to keep records for less', async () => {
    open({ stream: { retentionMs: 6 * hour, shards: 2 } });
    for (const id of ['a', 'b']) world.worker(id);
    world.write('users', 'k:1');
    await world.clock.advance(20_000);
    before = flushes();
    world.stream.fault = (operation, shardId) => (operation === 'read' && shardId !== first ? throttled() : undefined);
    world.write('users', 'k:lost', 0.99);
    await pass(4, 6);
    expect(flushes()).toBe(before);
    world.stream.fault = () => undefined;
    world.stream.retentionMs = hour;
    world.stream.trim(world.clock.now() - hour);
    await flushedFor('k:lost', 0.99);
  });
});

describe('hazard 68: what left the stream unread is covered by a flush after a worker’s clock was hours ahead', () => {
  it.each([
    ['and it runs on', false],
    ['and another one takes its lease', true],
  ])('%s', async (_, dies) => {
    open({ stream: { retentionMs: 3 * hour } });
    let aheadMs = 0;
    const clock = {
      now: () => world.clock.now() + aheadMs,
      monotonicMs: () => world.clock.monotonicMs(),
      setTimer: (callback: () => void, delayMs: number) => world.clock.setTimer(callback, delayMs),
    };
    const reader = {
      describe: (signal: AbortSignal) => world.stream.describe(signal),
      listShards: (signal: AbortSignal) => world.stream.listShards(signal),
      open: (...of: Parameters<typeof world.stream.open>) => {
        const cursor = world.stream.open(...of);
        const read = async (signal: AbortSignal) => {
          const page = await cursor.read(signal);
          return { ...page, askedAt: page.askedAt + aheadMs };
        };
        return { read, askedSinceMs: null };
      },
    };
    const worker = world.worker('b', { clock, reader });
    world.write('users', 'k:1');
    await world.clock.advance(10_000);
    aheadMs = 3 * hour;
    await world.clock.advance(5_000);
    if (dies) {
      await worker.kill();
      world.worker('c');
    }
    aheadMs = 0;
    await world.clock.advance(20);
    world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    before = flushes();
    world.write('users', 'k:lost');
    await pass(4, 3);
    world.stream.fault = () => undefined;
    await flushedFor('k:lost');
  });
});
