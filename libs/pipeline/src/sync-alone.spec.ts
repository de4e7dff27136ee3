import { afterEach, describe, expect, it } from '@jest/globals';
import { partitionOf } from '@tidemark/protocol';
import { TidemarkError, wait } from '@tidemark/runtime';
import { SyncWorld } from './testing/sync-world.js';

const partitions = 3;
let world: SyncWorld;

function open(): SyncWorld {
  world = new SyncWorld({ looks: false });
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const debts = (): readonly string[] => world.leases.row('shardId-000000000000')?.owes ?? [];
const flushes = (table: string): number => world.controls(table, 'flush-table').length;
const watermark = (table: string): number => world.controls(table, 'watermark').at(-1)?.at ?? -1;

describe('a topic that fails as Kafka as a whole may', () => {
  const failsAt = (table: string, partition?: number): void => {
    world.sink.fault = (topic, records) =>
      topic === world.names.cdc(table) &&
      (partition === undefined || records.some((record) => record.partition === partition))
        ? new TidemarkError('PUBLISH_FAILED', 'NOT_ENOUGH_REPLICAS', { retriable: true })
        : undefined;
  };

  it('is parked after a minute in which another topic takes records, and flushed once it takes them again', async () => {
    const { clock } = open();
    const worker = world.worker('a');
    for (const table of ['users', 'orders']) world.write(table, 'k:1');
    await clock.advance(5_000);
    failsAt('users');
    world.write('users', 'k:2');
    await clock.advance(2_000);
    world.write('orders', 'k:2');
    await clock.advance(40_000);
    expect([debts(), world.eventsOf('orders', 'k:2')]).toEqual([[], []]);
    await clock.advance(40_000);
    expect([Object.keys(worker.health().withheldTables), debts()]).toEqual([['users'], ['users']]);
    expect(world.eventsOf('orders', 'k:2')).toHaveLength(1);
    world.sink.fault = () => undefined;
    await clock.advance(70_000);
    expect([worker.health().withheldTables, debts(), flushes('users')]).toEqual([{}, [], partitions]);
    const later = world.write('users', 'k:3');
    await clock.advance(5_000);
    expect(world.eventsOf('users', 'k:3')).toEqual([later]);
    expect(clock.now() - watermark('users')).toBeLessThan(3_000);
  });

  it('is parked, too, where one of its partitions alone takes nothing', async () => {
    const { clock } = open();
    world.worker('a');
    for (const table of ['users', 'orders']) world.write(table, 'k:1');
    await clock.advance(5_000);
    const failedAt = clock.now();
    failsAt('users', partitionOf('k:2', partitions));
    world.write('users', 'k:2');
    await clock.advance(80_000);
    expect(debts()).toEqual(['users']);
    // Its other partitions would take one, but nothing that was left out may be said to be there.
    expect(watermark('users')).toBeLessThanOrEqual(failedAt);
    world.sink.fault = () => undefined;
    await clock.advance(70_000);
    expect([debts(), flushes('users')]).toEqual([[], partitions]);
  });

  it.each([100, 105, 110, 115, 120, 125, 130, 135, 140, 145])(
    'is not parked where Kafka as a whole takes nothing for %d s, and is back while other topics are tried',
    async (outageSeconds) => {
      const { clock, sink } = open();
      const tables = ['users', 'orders', 'carts', 'items'];
      world.worker('a');
      for (const table of tables) world.write(table, 'k:1');
      await clock.advance(5_000);
      let isDown = true;
      // As the producer: tries for 20 s, and takes the records as soon as Kafka does.
      const send = sink.send.bind(sink);
      sink.send = async (topic, records, signal) => {
        for (let leftMs = 20_000; isDown && leftMs > 0; leftMs -= 250) await wait(clock, 250, signal);
        if (isDown) throw new TidemarkError('PUBLISH_FAILED', 'NOT_ENOUGH_REPLICAS', { retriable: true });
        return send(topic, records, signal);
      };
      const ids = tables.map((table) => world.write(table, 'k:2'));
      await clock.advance(outageSeconds * 1_000);
      isDown = false;
      await clock.advance(120_000);
      expect(tables.map(flushes)).toEqual(tables.map(() => 0));
      expect(tables.flatMap((table) => world.eventsOf(table, 'k:2'))).toEqual(ids);
    },
  );

  it('gets its flush no more often than it takes it in every partition', async () => {
    const { clock } = open();
    world.worker('a');
    for (const table of ['users', 'orders']) world.write(table, 'k:1');
    await clock.advance(5_000);
    failsAt('users', partitionOf('k:2', partitions));
    // Kafka has written what the partitions before it were sent.
    const send = world.sink.send.bind(world.sink);
    world.sink.send = async (topic, records, signal) => {
      for (const record of records) await send(topic, [record], signal);
    };
    world.write('users', 'k:2');
    await clock.advance(600_000);
    expect([debts(), flushes('users')]).toEqual([['users'], 0]);
    world.sink.fault = () => undefined;
    await clock.advance(70_000);
    expect([debts(), flushes('users')]).toEqual([[], partitions]);
  });

  it('is parked, too, where Kafka does not make it', async () => {
    const { clock } = open();
    world.worker('a');
    world.write('orders', 'k:1');
    await clock.advance(5_000);
    const count = world.sink.partitionsOf.bind(world.sink);
    world.sink.partitionsOf = (topic, signal) =>
      topic === world.names.cdc('users')
        ? Promise.reject(new TidemarkError('FEED_UNAVAILABLE', 'POLICY_VIOLATION', { retriable: true }))
        : count(topic, signal);
    world.write('users', 'k:1');
    await clock.advance(2_000);
    const later = world.write('orders', 'k:2');
    await clock.advance(80_000);
    expect([debts(), world.eventsOf('orders', 'k:2')]).toEqual([['users'], [later]]);
    world.sink.partitionsOf = count;
    await clock.advance(70_000);
    expect([debts(), flushes('users')]).toEqual([[], partitions]);
  });

  it('is waited for while no topic takes anything', async () => {
    const { clock } = open();
    world.worker('a');
    for (const table of ['users', 'orders']) world.write(table, 'k:1');
    await clock.advance(5_000);
    world.sink.down = true;
    world.write('users', 'k:2');
    await clock.advance(600_000);
    expect(debts()).toEqual([]);
    world.sink.down = false;
    await clock.advance(20_000);
    expect([world.eventsOf('users', 'k:2').length, flushes('users')]).toEqual([1, 0]);
  });

  it('is waited for where there is no other', async () => {
    const { clock } = open();
    world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    failsAt('users');
    world.write('users', 'k:2');
    await clock.advance(300_000);
    expect(debts()).toEqual([]);
  });
});
