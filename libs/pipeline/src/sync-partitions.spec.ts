import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { SyncWorld } from './testing/sync-world.js';

let world: SyncWorld;

function open(partitions: number): SyncWorld {
  world = new SyncWorld({ sink: { autoCreate: 0 }, looks: false });
  world.sink.createTopic(world.names.cdc('users'), partitions);
  world.sink.createTopic(world.names.cdc('orders'), 1);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const events = (table: string): number => world.records(table).filter(({ type }) => type === 'event').length;

/** Partitions of the topic that have a flush. */
function flushed(table: string, count: number): readonly boolean[] {
  return Array.from({ length: count }, (_, partition) =>
    world.sink.log(world.names.cdc(table), partition).some((record) => {
      const decoded = decodeRecord(record);
      return decoded.type === 'control' && decoded.record.control === 'flush-table';
    }),
  );
}

describe('a table topic whose partitions change while sync runs', () => {
  it('made anew with fewer: a flush stands for the changes addressed to the old ones, later ones are sent, and no other table waits', async () => {
    const { clock, sink, names } = open(12);
    let count = 12;
    sink.fault = (topic, records) =>
      topic === names.cdc('users') && records.some(({ partition }) => partition >= count)
        ? new TidemarkError('PUBLISH_FAILED', 'a partition did not answer', { retriable: true })
        : undefined;
    const worker = world.worker('a');
    for (let each = 0; each < 20; each += 1) world.write('users', `u:${each}`);
    await clock.advance(5_000);
    expect(events('users')).toBe(20);
    count = 4;
    sink.createTopic(names.cdc('users'), 4);
    for (let each = 0; each < 20; each += 1) world.write('users', `u:${each}`);
    world.write('orders', 'o:1');
    await clock.advance(10_000);
    expect(flushed('users', 4)).toEqual([true, true, true, true]);
    const later = world.write('users', 'u:1');
    await clock.advance(2_000);
    expect(world.eventsOf('users', 'u:1')).toEqual([later]);
    expect([events('orders'), worker.health().reason]).toEqual([1, null]);
  });

  it('grown: a flush reaches the new ones, too', async () => {
    const { clock, sink, names, stream } = open(2);
    world.worker('a');
    world.write('users', 'u:1');
    await clock.advance(5_000);
    sink.createTopic(names.cdc('users'), 4);
    stream.put(0, Buffer.from('no change record'));
    await clock.advance(5_000);
    expect(flushed('users', 4)).toEqual([true, true, true, true]);
  });

  it('grown: changes are addressed to all of them after a minute at most', async () => {
    const { clock, sink, names } = open(1);
    world.worker('a');
    world.write('users', 'u:0');
    await clock.advance(5_000);
    sink.createTopic(names.cdc('users'), 8);
    await clock.advance(60_000);
    for (let each = 0; each < 50; each += 1) world.write('users', `u:${each}`);
    await clock.advance(5_000);
    expect(Array.from({ length: 8 }, (_, partition) => sink.log(names.cdc('users'), partition).length > 1)).toEqual(
      Array.from({ length: 8 }, () => true),
    );
    expect(events('users')).toBe(50);
  });

  it('grown: its table is flushed once, whoever hears of it first', async () => {
    const { clock, sink, names } = open(2);
    world.worker('a');
    world.write('users', 'u:1');
    await clock.advance(5_000);
    sink.createTopic(names.cdc('users'), 4);
    for (let second = 0; second < 120; second += 1) {
      world.write('users', `u:${second % 20}`);
      await clock.advance(1_000);
    }
    expect(world.controls('users', 'flush-table')).toHaveLength(4);
    expect(flushed('users', 4)).toEqual([true, true, true, true]);
  });

  it('made anew with fewer, while nothing changes: watermarks go on at once', async () => {
    const { clock, sink, names } = open(4);
    let count = 4;
    sink.fault = (topic, records) =>
      topic === names.cdc('users') && records.some(({ partition }) => partition >= count)
        ? new TidemarkError('PUBLISH_FAILED', 'a partition did not answer', { retriable: true })
        : undefined;
    world.worker('a');
    world.write('users', 'u:1');
    await clock.advance(5_000);
    count = 2;
    sink.createTopic(names.cdc('users'), 2);
    await clock.advance(10_000);
    expect(world.controls('users', 'watermark').length).toBeGreaterThan(4);
  });
});
