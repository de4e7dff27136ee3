import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { allButUnread, covered, readOnly, RetentionWorld, span, throttled } from './testing/retention-world.js';

const first = 'shardId-000000000000';
let world: RetentionWorld;

afterEach(() => world.close());

describe('hazard 36: what left the stream unread is covered by a flush, of a shard', () => {
  it.each([
    ['whose parent’s end was seen late, and is read by a worker that comes later still', true, 0],
    ['whose parent’s end was seen late, by a worker that then could not read', false, 0],
    ['whose parent was read late, and said later still that it was closed', true, 2],
  ])('%s', async (_, dies, closesAfter) => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, closesAfter } });
    await world.readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 6);
    const reader = world.worker('b');
    world.stream.fault = allButUnread(first);
    await world.clock.advance(3_000);
    expect(world.leases.row(first)?.checkpoint).toBe('SHARD_END');
    if (dies) await reader.kill();
    await world.pass(3, 6);
    world.stream.fault = () => undefined;
    if (dies) world.worker('c');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('that waits for Kafka behind the end of its parent', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span } });
    await world.readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 6);
    world.worker('b');
    world.stream.fault = allButUnread(first);
    await world.clock.advance(3_000);
    expect(world.flushes).toBe(world.before);
    await world.pass(3, 6);
    world.stream.fault = () => undefined;
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('without a flush that nothing calls for, where a parent’s end is seen at once', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 3 * span } });
    world.worker('a');
    await world.clock.advance(5_000);
    world.before = world.flushes;
    world.stream.split(first);
    await world.pass(4, 3);
    const next = world.write('users', 'k:next', 0.1);
    await world.clock.advance(5_000);
    expect([world.eventsOf('users', 'k:next'), world.flushes]).toEqual([[next], world.before]);
  });

  it.each([
    ['while no worker ran', true],
    ['while the worker could not read', false],
  ])('whose stream came to keep records for longer after they had expired, %s', async (_, isAway) => {
    world = new RetentionWorld({ stream: { retentionMs: 3 * span } });
    if (isAway) await world.readAndStopped();
    else {
      world.worker('a');
      world.write('users', 'k:1');
      await world.clock.advance(5_000);
      world.before = world.flushes;
      world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    }
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 3);
    world.stream.retentionMs = 168 * span;
    await world.clock.advance(60_000);
    world.stream.fault = () => undefined;
    if (isAway) world.worker('c');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it.each([
    ['by a worker that waits for Kafka with its flush, and dies', true],
    ['by a worker that could not read, and dies', false],
  ])('whose stream came to keep records for longer after they had expired, %s', async (_, waits) => {
    world = new RetentionWorld({ stream: { retentionMs: 3 * span } });
    const kafkaIsAway = new TidemarkError('PUBLISH_FAILED', 'away', { retriable: true });
    if (waits) await world.readAndStopped();
    const running = waits ? undefined : world.worker('a');
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    world.before = world.flushes;
    if (!waits) world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 3);
    world.stream.retentionMs = 168 * span;
    if (waits) world.sink.fault = () => kafkaIsAway;
    const worker = running ?? world.worker('b');
    await world.clock.advance(60_000);
    await worker.kill();
    world.sink.fault = () => undefined;
    world.stream.fault = () => undefined;
    world.worker('c');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('without a flush that nothing calls for, where workers were away for less long than records were kept all the time', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 360 * span } });
    await world.readAndStopped();
    const kept = world.write('users', 'k:kept', 0.1);
    await world.pass(180, 360);
    world.worker('c');
    await world.clock.advance(20_000);
    expect([world.eventsOf('users', 'k:kept'), world.flushes]).toEqual([[kept], world.before]);
  });

  it.each([
    ['stops', 2],
    ['is killed', 20],
  ])('whose parent was read late by a worker that %s before it hears of the end', async (how, closesAfter) => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, closesAfter } });
    await world.readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 6);
    const ends = readOnly(first, closesAfter);
    world.stream.fault = (operation, shardId) => allButUnread(first)(operation, shardId) ?? ends(operation, shardId);
    const reader = world.worker('b');
    await world.clock.advance(5_000);
    expect(world.leases.row(first)?.checkpoint).not.toBe('SHARD_END');
    await (how === 'stops' ? reader.stop() : reader.kill());
    world.stream.fault = allButUnread(first);
    const next = world.worker('c');
    await world.clock.advance(30_000);
    expect([world.leases.row(first)?.checkpoint, world.flushes]).toEqual(['SHARD_END', world.before]);
    await next.kill();
    await world.pass(3, 6);
    world.stream.fault = () => undefined;
    world.worker('d');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it.each([
    ['and all comes back at once', 0, 0],
    ['and listings come back later than reads', 3_000, 0],
    ['and the stream is described later than it is read', 0, 10_000],
  ])('that was split while nothing answered, %s', async (_, unlistedMs, undescribedMs) => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, closesAfter: 1 } });
    world.worker('a');
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    world.before = world.flushes;
    world.stream.fault = () => throttled();
    world.stream.split(first);
    const closedAt = world.clock.now();
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 6);
    const from = world.clock.now();
    world.stream.fault = (operation, shardId) => {
      const passedMs = world.clock.now() - from;
      if (operation === 'listShards' && passedMs < unlistedMs) return throttled();
      if (operation === 'describe' && passedMs < undescribedMs) return throttled();
      return allButUnread(first)(operation, shardId);
    };
    await world.clock.advance(40_000);
    expect([world.leases.row(first)?.checkpoint, world.flushes]).toEqual(['SHARD_END', world.before]);
    expect(world.leases.row(first)?.readUpTo).toBeLessThanOrEqual(closedAt + 120_000);
    await world.pass(3, 6);
    world.stream.fault = () => undefined;
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('without a flush that nothing calls for, where workers are replaced while a shard has not said that it is closed', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, closesAfter: 20 } });
    await world.readAndStopped();
    world.stream.split(first);
    await world.clock.advance(1_000);
    const kept = world.write('users', 'k:kept', 0.1);
    await world.clock.advance(span);
    const worker = world.worker('b');
    await world.clock.advance(1_500);
    expect(world.leases.row(first)?.checkpoint).not.toBe('SHARD_END');
    await worker.stop();
    const next = world.worker('c');
    await world.clock.advance(60_000);
    expect([world.eventsOf('users', 'k:kept'), world.flushes]).toEqual([[kept], world.before]);
    expect(world.clock.now() - (next.health().watermark ?? 0)).toBeLessThan(3_000);
  });
});

describe('hazard 68: what left the stream unread is covered by a flush after a worker’s clock was hours ahead', () => {
  it.each([
    ['and it runs on', false],
    ['and another one takes its lease', true],
  ])('%s', async (_, dies) => {
    world = new RetentionWorld({ stream: { retentionMs: 3 * span } });
    let aheadMs = 0;
    const worker = world.workerWithClock('b', () => aheadMs);
    world.write('users', 'k:1');
    await world.clock.advance(10_000);
    aheadMs = 3 * span;
    await world.clock.advance(5_000);
    if (dies) {
      await worker.kill();
      world.worker('c');
    }
    aheadMs = 0;
    await world.clock.advance(20);
    world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    world.before = world.flushes;
    world.write('users', 'k:lost');
    await world.pass(4, 3);
    world.stream.fault = () => undefined;
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('and a look of that time found that the stream keeps records for longer', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 3 * span } });
    let aheadMs = 0;
    world.workerWithClock('b', () => aheadMs);
    world.write('users', 'k:1');
    await world.clock.advance(10_000);
    world.before = world.flushes;
    world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    world.write('users', 'k:lost');
    await world.pass(4, 3);
    aheadMs = 3 * span;
    await world.clock.advance(20);
    world.stream.retentionMs = 168 * span;
    await world.clock.advance(3_000);
    aheadMs = 0;
    await world.clock.advance(20);
    world.stream.fault = () => undefined;
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('or by most of the margin, as it read the parent of a shard that is then left alone', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, closesAfter: 1 } });
    const worker = world.workerWithClock('b', () => 0.8 * (span / 2));
    world.write('users', 'k:1');
    await world.clock.advance(10_000);
    world.stream.fault = (operation) => (operation === 'read' ? throttled() : undefined);
    world.stream.split(first);
    const closedAt = world.clock.now();
    await world.clock.advance(1_000);
    world.write('users', 'k:lost', 0.1);
    await world.clock.advance(130_000);
    world.stream.fault = allButUnread(first);
    await world.clock.advance(10_000);
    expect(world.leases.row(first)?.checkpoint).toBe('SHARD_END');
    await worker.kill();
    world.before = world.flushes;
    world.stream.fault = () => undefined;
    await world.clock.advance(closedAt + 6 * span + 10_000 - world.clock.now());
    world.stream.trim(world.clock.now() - 6 * span);
    world.worker('c');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });
});
