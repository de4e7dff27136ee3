import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { recordingLogger } from '@tidemark/runtime/testing';
import { takenLease } from './lease-row.js';
import { type SyncWorkerOptions } from './sync-options.js';
import { type SyncWorker } from './sync-worker.js';
import { SyncWorld } from './testing/sync-world.js';

const minute = 60_000;
const partitions = 3;
let world: SyncWorld;

beforeEach(() => {
  world = new SyncWorld();
  for (const table of ['users', 'orders']) world.sink.createTopic(`tidemark.cdc.${table}`, partitions);
});

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const flushed = (table = 'users'): number => world.controls(table, 'flush-table').length;
/** Those that claim something. */
const watermarks = (table = 'users'): number => world.controls(table, 'watermark').filter(({ at }) => at > 0).length;
/** Watermarks that reach a table within some time. */
async function watermarksIn(ms: number, table = 'users'): Promise<number> {
  const before = watermarks(table);
  await world.clock.advance(ms);
  return watermarks(table) - before;
}

/** A worker that has published for a while, and what it counts and logs. */
async function running(options: Partial<SyncWorkerOptions> = {}) {
  const metrics = new MetricRegistry();
  const log = recordingLogger();
  const worker = world.worker('a', { metrics, log, ...options });
  await world.clock.advance(5_000);
  const value = (name: string, reason?: string): number => {
    const family = metrics.collect().find((each) => each.name === name);
    const series = [...(family?.series.values() ?? [])].find(({ labels }) => labels['reason'] === reason);
    return series !== undefined && 'value' in series ? series.value : 0;
  };
  return { worker, log, value };
}

/** Kafka takes no flush of `table`. */
function refuseFlushesOf(table: string): void {
  world.sink.fault = (topic, records) =>
    topic === `tidemark.cdc.${table}` && records.some(({ record }) => String(record.header).includes('flush-table'))
      ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
      : undefined;
}

describe('hazard 51: a streaming destination that is not active', () => {
  it('holds the watermark of its table back, and of no other; health, a metric and the log say so', async () => {
    const { worker, log, value } = await running();
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    world.destinations.set('users', { status: 'DISABLING', description: 'by request' });
    await world.clock.advance(minute);
    expect(await watermarksIn(2 * minute)).toBe(0);
    expect(await watermarksIn(5_000, 'orders')).toBeGreaterThan(0);
    expect(worker.health()).toMatchObject({ ready: true, reason: null, withheldTables: { users: 'DISABLING' } });
    expect(value('tidemark_sync_withheld_tables')).toBe(1);
    const told = log.lines.filter(({ message }) => message.includes('do not reach the stream'));
    expect(told.map(({ level, fields }) => ({ level, ...fields }))).toEqual([
      { level: 'warn', table: 'users', status: 'DISABLING', description: 'by request' },
    ]);
  });

  it.each(['ENABLING', 'DISABLING', 'DISABLED', 'ENABLE_FAILED', 'UPDATING', 'NONE', 'TABLE_MISSING'])(
    'is also one that is %s',
    async (status) => {
      world.destinations.set('users', { status });
      const { worker } = await running();
      expect(await watermarksIn(5_000)).toBe(0);
      expect(worker.health().withheldTables).toEqual({ users: status });
    },
  );

  it('is flushed, acknowledged in every partition, before its watermark goes on', async () => {
    const { worker, value, log } = await running({ parkAloneAfterMs: 10 * minute });
    world.destinations.set('users', { status: 'DISABLED' });
    await world.clock.advance(2 * minute);
    world.write('users', 'k:lost');
    world.destinations.set('users', { status: 'ACTIVE' });
    refuseFlushesOf('users');
    const before = { users: flushed('users'), orders: flushed('orders') };
    expect(await watermarksIn(2 * minute)).toBe(0);
    expect(await watermarksIn(5_000, 'orders')).toBeGreaterThan(0);
    expect(worker.health().withheldTables).toEqual({ users: 'being flushed' });
    world.sink.fault = () => undefined;
    await world.clock.advance(minute);
    expect(flushed('users')).toBeGreaterThanOrEqual(before.users + partitions);
    expect(flushed('orders')).toBe(before.orders);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    expect(worker.health()).toMatchObject({ ready: true, withheldTables: {} });
    expect(value('tidemark_sync_holes_total', 'destination-was-not-active')).toBe(1);
    expect(value('tidemark_sync_flushes_total', 'destination-was-not-active')).toBe(1);
    expect(log.lines.some(({ message }) => message.includes('the table is flushed'))).toBe(true);
    for (let partition = 0; partition < partitions; partition += 1) expect(afterFlush('users', partition)).toBe(true);
  });

  /** Whether a partition ends in watermarks behind a flush. */
  function afterFlush(table: string, partition: number): boolean {
    const headers = world.sink.log(`tidemark.cdc.${table}`, partition).map(({ header }) => String(header));
    const last = headers.findLastIndex((header) => header.includes('flush-table'));
    return last > -1 && headers.slice(last + 1).some((header) => header.includes('watermark'));
  }
});

describe('hazard 51: a change of a destination that no look has seen', () => {
  it('is looked for twice a minute', async () => {
    await running();
    world.destinations.looks.length = 0;
    await world.clock.advance(10 * minute);
    expect(world.destinations.looks.filter((table) => table === 'users')).toHaveLength(20);
    expect(flushed()).toBe(partitions);
  });

  it.each([
    ['another precision', { precision: 'MILLISECOND' }],
    ['another description', { description: 'beside one DISABLED' }],
  ])('shows in %s: the table is flushed', async (_, change) => {
    const { value } = await running();
    const before = flushed();
    world.destinations.set('users', change);
    await world.clock.advance(minute + 5_000);
    expect(flushed()).toBe(before + partitions);
    expect(value('tidemark_sync_holes_total', 'destination-changed')).toBe(1);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });

  it('is not ruled out after looks have failed for too long: the watermark stops, and goes on behind a flush', async () => {
    const { worker, value } = await running();
    const before = flushed();
    world.destinations.down = true;
    await world.clock.advance(minute / 2);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    await world.clock.advance(minute);
    expect(await watermarksIn(minute)).toBe(0);
    expect(worker.health()).toMatchObject({ ready: false, withheldTables: { users: 'not looked at lately' } });
    expect(worker.health().reason).toMatch(/streaming destination of \w+: too many looks/);
    world.destinations.down = false;
    await world.clock.advance(15_000);
    expect(flushed()).toBe(before + partitions);
    expect(value('tidemark_sync_holes_total', 'destination-not-watched')).toBe(2);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    expect(worker.health().ready).toBe(true);
  });
});

describe('hazard 51: looks that fail for less time than a hole takes', () => {
  /** Whenever in the time between two looks it begins. */
  const phases = [0, 10_000, 20_000, 29_999, 40_000, 52_000];

  it.each(phases)('are no sign of one: DynamoDB is away for 50 s, begun %i ms later', async (afterMs) => {
    const { worker, value } = await running();
    const before = flushed();
    await world.clock.advance(afterMs);
    for (const part of [world.destinations, world.destinations.store, world.leases]) part.down = true;
    await world.clock.advance(50_000);
    for (const part of [world.destinations, world.destinations.store, world.leases]) part.down = false;
    await world.clock.advance(15_000);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    expect(worker.health()).toMatchObject({ ready: true, withheldTables: {} });
    await world.clock.advance(2 * minute);
    expect(flushed()).toBe(before);
    expect(value('tidemark_sync_holes_total', 'destination-not-watched')).toBe(0);
  });

  it('but one that failed for longer may be: each table is flushed once, whoever looks next', async () => {
    const { value } = await running();
    const before = flushed();
    for (const part of [world.destinations, world.destinations.store, world.leases]) part.down = true;
    await world.clock.advance(2 * minute);
    for (const part of [world.destinations, world.destinations.store, world.leases]) part.down = false;
    await world.clock.advance(5 * minute);
    expect(flushed()).toBe(before + partitions);
    expect(value('tidemark_sync_holes_total', 'destination-not-watched')).toBe(2);
  });

  it('come fast while a flush can still be spared, and then no more often than a destination that is not active is looked at', async () => {
    await running();
    world.destinations.down = true;
    const askedIn = async (ms: number): Promise<number> => {
      const before = world.destinations.asked.length;
      await world.clock.advance(ms);
      return world.destinations.asked.slice(before).filter((table) => table === 'users').length;
    };
    await world.clock.advance(minute / 2);
    expect(await askedIn(minute)).toBeGreaterThanOrEqual(20);
    await world.clock.advance(minute);
    expect(await askedIn(10 * minute)).toBeLessThanOrEqual(60);
  });

  it('a destination that is active again is noticed within ten seconds', async () => {
    await running();
    world.destinations.set('users', { status: 'DISABLED' });
    await world.clock.advance(2 * minute);
    world.destinations.set('users', { status: 'ACTIVE' });
    await world.clock.advance(12_000);
    expect(await watermarksIn(3_000)).toBeGreaterThan(0);
  });
});

describe('hazard 51: while Kafka is away', () => {
  it.each(['down', 'stalled'] as const)(
    '%s: destinations are looked at all the same, so nothing is flushed after it',
    async (how) => {
      const { worker, value } = await running({ destinationEveryMs: 10_000 });
      const before = flushed();
      world.sink[how] = true;
      await world.clock.advance(10 * minute);
      expect(worker.health().ready).toBe(false);
      world.sink[how] = false;
      await world.clock.advance(20_000);
      expect(await watermarksIn(5_000)).toBeGreaterThan(0);
      expect(flushed()).toBe(before);
      expect(value('tidemark_sync_holes_total', 'destination-not-watched')).toBe(0);
    },
  );

  it('a hole that was seen then is flushed after it, for its table alone', async () => {
    await running();
    const before = { users: flushed('users'), orders: flushed('orders') };
    world.sink.down = true;
    world.destinations.set('users', { status: 'DISABLED' });
    await world.clock.advance(2 * minute);
    world.destinations.set('users', { status: 'ACTIVE' });
    await world.clock.advance(2 * minute);
    world.sink.down = false;
    await world.clock.advance(2 * minute);
    expect(flushed('users')).toBeGreaterThanOrEqual(before.users + partitions);
    expect(flushed('orders')).toBe(before.orders);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });
});

describe('hazard 51: over restarts and hand-overs of sync', () => {
  /** Ends `worker`, lets time pass, and starts another. */
  async function restart(worker: SyncWorker, pauseMs: number, how: 'stop' | 'kill' = 'stop'): Promise<SyncWorker> {
    await worker[how]();
    await world.clock.advance(pauseMs);
    return world.worker('b');
  }

  it('a short restart flushes nothing, and the watermark goes on', async () => {
    const { worker } = await running();
    const before = flushed();
    await restart(worker, 30_000);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    expect(flushed()).toBe(before);
  });

  it('a hole that opened and closed while no sync ran is covered by a flush, since nothing rules it out', async () => {
    const { worker } = await running();
    const before = flushed();
    await worker.stop();
    world.destinations.set('users', { status: 'DISABLED' });
    world.write('users', 'k:lost');
    world.destinations.set('users', { status: 'ACTIVE' });
    await world.clock.advance(2 * minute);
    refuseFlushesOf('users');
    world.worker('b');
    expect(await watermarksIn(20_000)).toBe(0);
    world.sink.fault = () => undefined;
    await world.clock.advance(10_000);
    expect(flushed()).toBe(before + partitions);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });

  it('a hole that one worker saw is flushed by the next, however soon', async () => {
    const { worker } = await running();
    world.destinations.set('users', { status: 'DISABLED' });
    await world.clock.advance(minute + 5_000);
    const before = flushed();
    await worker.stop();
    world.destinations.set('users', { status: 'ACTIVE' });
    world.worker('b');
    await world.clock.advance(5_000);
    expect(flushed()).toBe(before + partitions);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });

  it('a flush that its worker did not live to see acknowledged is made by the next', async () => {
    const { worker } = await running();
    world.destinations.set('users', { status: 'DISABLED' });
    await world.clock.advance(minute + 5_000);
    world.destinations.set('users', { status: 'ACTIVE' });
    refuseFlushesOf('users');
    await world.clock.advance(minute);
    const before = flushed();
    await worker.kill();
    world.sink.fault = () => undefined;
    world.worker('b');
    await world.clock.advance(20_000);
    expect(flushed()).toBe(before + partitions);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });

  it('the worker that publishes next goes on from the last look of the one before', async () => {
    const { worker } = await running();
    world.worker('b');
    await world.clock.advance(3 * minute);
    const before = flushed();
    await worker.stop();
    expect(await watermarksIn(10_000)).toBeGreaterThan(5);
    expect(flushed()).toBe(before);
  });

  it('a worker that publishes again after another had done so goes on from the other’s last look', async () => {
    await running();
    world.worker('b');
    const before = flushed();
    for (const owner of ['b', 'a']) {
      const row = world.leases.row('shardId-000000000000');
      if (row !== undefined) world.leases.overwrite(takenLease(row, owner));
      await world.clock.advance(3 * minute);
      expect(world.leases.row('shardId-000000000000')?.owner).toBe(owner);
    }
    expect(flushed()).toBe(before);
    expect(await watermarksIn(5_000)).toBeGreaterThan(3);
  });

  it('when the looks were lost with the lease table, one flush covers all', async () => {
    const { worker } = await running();
    await worker.kill();
    const before = flushed();
    world.leases.clear();
    world.destinations.store.clear();
    world.worker('b');
    await world.clock.advance(10_000);
    expect(flushed()).toBe(before + partitions);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
  });

  it('while the last look cannot be read, the watermark is withheld and the lease table is named', async () => {
    world.destinations.store.down = true;
    const { worker } = await running();
    expect(await watermarksIn(20_000)).toBe(0);
    expect(worker.health().reason).toMatch(/the lease table does not answer/);
    world.destinations.store.down = false;
    await world.clock.advance(20_000);
    expect(await watermarksIn(5_000)).toBeGreaterThan(0);
    expect(worker.health().ready).toBe(true);
  });

  it('a wall clock that was set back does not make an old look young', async () => {
    const { worker } = await running();
    const before = flushed();
    await worker.stop();
    await world.clock.advance(10 * minute);
    world.clock.jump(-20 * minute);
    world.worker('b');
    await world.clock.advance(10_000);
    expect(flushed()).toBe(before + partitions);
  });
});

describe('tables that come and go', () => {
  it('a new table is looked at, flushed once, and has watermarks within seconds', async () => {
    await running();
    world.write('invoices', 'k:1');
    await world.clock.advance(3_000);
    expect(flushed('invoices')).toBe(partitions);
    expect(await watermarksIn(3_000, 'invoices')).toBeGreaterThan(0);
  });

  it('a table whose topic is gone is forgotten, with what was wrong with it', async () => {
    const { worker } = await running();
    world.destinations.down = true;
    await world.clock.advance(2 * minute);
    world.sink.deleteTopic('tidemark.cdc.users');
    world.sink.deleteTopic('tidemark.cdc.orders');
    await world.clock.advance(10_000);
    expect(worker.health()).toMatchObject({ ready: true, withheldTables: {} });
  });
});
