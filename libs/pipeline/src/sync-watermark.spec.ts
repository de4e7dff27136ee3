import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { CheckedWorld } from '../test/checked-world.js';

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
