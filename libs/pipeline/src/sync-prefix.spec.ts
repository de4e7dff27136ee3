import { afterEach, describe, expect, it } from '@jest/globals';
import { SyncWorld } from './testing/sync-world.js';

const prefixes = ['tidemark', 'blue'];
const shares = [0.1, 0.9];
let world: SyncWorld;

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

/** A stream of two shards and a table topic under each prefix. */
function open(): void {
  world = new SyncWorld({ stream: { shards: 2 } });
  for (const prefix of prefixes) world.sink.createTopic(`${prefix}.cdc.users`, 1);
}

/** What stands in the table topic of one prefix. */
function topic(prefix: string) {
  const records = world.sink.decoded(`${prefix}.cdc.users`);
  const controls = records.flatMap((record) => (record.type === 'control' ? [record.record] : []));
  return {
    events: new Set(records.flatMap((record) => (record.type === 'event' ? [record.event.to] : []))),
    watermark: Math.max(0, ...controls.map((record) => (record.control === 'watermark' ? record.at : 0))),
    flushes: controls.filter(({ control }) => control === 'flush-table').length,
  };
}

describe('workers of two topic prefixes on one lease table', () => {
  it('hazard 49: give no watermark under one prefix for what stands under the other', async () => {
    open();
    world.worker('a');
    await world.clock.advance(5_000);
    world.worker('b', { topicPrefix: 'blue' });
    await world.clock.advance(10_000);
    for (let round = 0; round < 10; round += 1) {
      const at = world.clock.now();
      const written = shares.map((share) => world.write('users', `k:${share}`, share));
      await world.clock.advance(10_000);
      for (const prefix of prefixes) {
        const { events, watermark } = topic(prefix);
        if (watermark > at) expect(written.filter((id) => !events.has(id))).toEqual([]);
      }
    }
  });

  it('hazard 51: a changed prefix goes on from no checkpoint of the old one, and flushes', async () => {
    open();
    const worker = world.worker('a');
    const written = shares.map((share) => world.write('users', `k:${share}`, share));
    await world.clock.advance(5_000);
    await worker.stop();
    world.worker('b', { topicPrefix: 'blue' });
    await world.clock.advance(5_000);
    const { events, watermark, flushes } = topic('blue');
    expect([...events].sort()).toEqual(written.sort());
    expect(flushes).toBe(1);
    expect(watermark).toBeGreaterThan(world.clock.now() - 3_000);
  });
});
