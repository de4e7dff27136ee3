import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeRecord } from '@tidemark/protocol';
import { type Clock, TidemarkError } from '@tidemark/runtime';
import { type ManualClock } from '@tidemark/runtime/testing';
import { CheckedWorld } from '../test/checked-world.js';
import { type ShardCursor, type ShardReader } from './ports.js';
import { type FakeStream } from './testing/fake-stream.js';

/** The same time, but that its wall clock is ahead. */
function shifted(clock: ManualClock, aheadMs: () => number): Clock {
  return {
    now: () => clock.now() + aheadMs(),
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (fn, delayMs) => clock.setTimer(fn, delayMs),
  };
}

/** A reader in a process with such a clock. */
function readerOn(stream: FakeStream, aheadMs: () => number): ShardReader {
  return {
    describe: (signal) => stream.describe(signal),
    listShards: (signal) => stream.listShards(signal),
    open: (...of) => {
      const cursor = stream.open(...of);
      const read: ShardCursor['read'] = async (signal) => {
        const page = await cursor.read(signal);
        return { ...page, askedAt: page.askedAt + aheadMs() };
      };
      return { read, askedSinceMs: null };
    },
  };
}

let world: CheckedWorld;
afterEach(() => world.close());

describe('the watermark', () => {
  it('reaches every partition of every table topic each second, and only moves on', async () => {
    world = new CheckedWorld();
    world.sink.createTopic(world.names.cdc('orders'), 4);
    world.worker('a');
    await world.clock.advance(10_000);
    for (let partition = 0; partition < 4; partition += 1) {
      const at = world.sink.log(world.names.cdc('orders'), partition).flatMap((wire) => {
        const decoded = decodeRecord(wire);
        return decoded.type === 'control' && decoded.record.control === 'watermark' ? [decoded.record] : [];
      });
      expect(at.length).toBeGreaterThanOrEqual(8);
      expect(at.map((record) => record.at)).toEqual(at.map((record) => record.at).sort((a, b) => a - b));
      expect(at[0]).toMatchObject({ table: 'orders', streamId: 'tidemark:fake:1', since: null });
    }
  });

  it('is at most 2 s old when two workers share the shards', async () => {
    world = new CheckedWorld({ stream: { shards: 4 }, sink: { latencyMs: 20 } });
    world.worker('a');
    await world.clock.advance(3_330);
    world.worker('b');
    await world.clock.advance(10_000);
    world.lagsMs.length = 0;
    const ages: number[] = [];
    for (let step = 0; step < 600; step += 1) {
      if (step % 7 === 0) world.put((step % 100) / 100);
      await world.clock.advance(50);
      ages.push(world.clock.now() - world.latest);
    }
    expect(Math.max(...world.lagsMs)).toBeLessThanOrEqual(1_000);
    expect(Math.max(...ages)).toBeLessThanOrEqual(2_000);
  });

  it('stops while one shard cannot be produced, and goes on when it can', async () => {
    world = new CheckedWorld({ stream: { shards: 2 } });
    world.worker('a');
    await world.clock.advance(5_000);
    world.sink.fault = (_, records) =>
      records.some(({ record }) => record.key === 'k:w0')
        ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
        : undefined;
    world.put(0.9);
    const at = world.clock.now();
    await world.clock.advance(20_000);
    expect(world.latest).toBeLessThanOrEqual(at);
    world.sink.fault = () => undefined;
    await world.clock.advance(10_000);
    expect(world.latest).toBeGreaterThan(at + 20_000);
    expect(world.falsehoods).toEqual([]);
  });

  it('hazard 68: counts no claim of a worker whose clock is ahead, and goes on as soon as that is right again', async () => {
    world = new CheckedWorld({ stream: { shards: 2 } });
    const other = world.worker('a');
    let aheadMs = 0;
    const clock = shifted(world.clock, () => aheadMs);
    world.worker('b', { clock, reader: readerOn(world.stream, () => aheadMs) });
    await world.clock.advance(30_000);
    const owners = (): unknown[] =>
      ['shardId-000000000000', 'shardId-000000000001'].map((shardId) => world.leases.row(shardId)?.owner);
    expect(owners().sort()).toEqual(['a', 'b']);
    aheadMs = 360_000;
    await world.clock.advance(5_000);
    expect(other.health().reason).toMatch(/its readUpTo is 3\d{5} ms ahead of this worker's clock/);
    world.latest = -Infinity;
    aheadMs = 0;
    await world.clock.advance(3_000);
    // What the one whose clock is right reads comes late from now on.
    const isHeld = { now: true };
    world.sink.fault = (_, records) =>
      isHeld.now && records.some(({ record }) => record.key !== null)
        ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
        : undefined;
    for (const share of [0.2, 0.8]) world.put(share);
    const at = world.clock.now();
    await world.clock.advance(20_000);
    expect(world.latest).toBeLessThanOrEqual(at);
    isHeld.now = false;
    await world.clock.advance(10_000);
    expect(world.latest).toBeGreaterThan(at + 20_000);
    expect([world.falsehoods, other.health().reason]).toEqual([[], null]);
  });

  it('hazard 51: is withheld from a table whose changes do not reach the stream', async () => {
    world = new CheckedWorld();
    world.sink.createTopic(world.names.cdc('orders'), 1);
    world.destinations.set('orders', { status: 'DISABLED' });
    world.worker('a');
    await world.clock.advance(10_000);
    expect(world.controls('orders', 'watermark')).toEqual([]);
    expect(world.controls('users', 'watermark').length).toBeGreaterThan(5);
  });

  it('hazard 67: goes on while Kafka does not list its topics, or does not answer for them', async () => {
    world = new CheckedWorld();
    world.sink.createTopic(world.names.cdc('orders'), 1);
    world.worker('a');
    await world.clock.advance(10_000);
    const sent = (): number => world.sink.log(world.names.cdc('orders'), 0).length;
    const list = world.sink.listTopics.bind(world.sink);
    for (const answer of [() => Promise.reject(new Error('no leader')), () => new Promise<never>(() => undefined)]) {
      world.sink.listTopics = answer;
      const before = sent();
      await world.clock.advance(60_000);
      expect(sent() - before).toBeGreaterThanOrEqual(30);
    }
    world.sink.listTopics = list;
  });

  it('is withheld while a shard has no row in the lease table', async () => {
    world = new CheckedWorld({ stream: { shards: 2 } });
    const worker = world.worker('a');
    await world.clock.advance(5_000);
    const before = world.controls('users', 'watermark').length;
    const row = world.leases.row('shardId-000000000001');
    if (row !== undefined) world.leases.overwrite({ ...row, endHash: row.startHash });
    await world.clock.advance(10_000);
    expect(world.controls('users', 'watermark').length).toBeLessThanOrEqual(before + 1);
    expect(worker.health().reason).toMatch(/cover the key space/);
  });
});
