import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DecodedRecord, decodeRecord, partitionOf } from '@tidemark/protocol';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import * as fc from 'fast-check';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

const first = 'shardId-000000000000';
const partitions = 3;
let world: SyncWorld;

beforeEach(() => open());

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

let wrong: string[];
let accepted: { table: string; key: string; to: string; at: number }[];

/** A world that notes each watermark that says more than is true: a change that the stream accepted before it is neither there nor flushed. */
function open(options: SyncWorldOptions = {}): void {
  world = new SyncWorld({ looks: false, ...options });
  wrong = [];
  accepted = [];
  const seen = new Map<string, { events: Set<string | null>; flushedAt: number }>();
  world.sink.onAppend((topic, partition, record) => {
    const id = `${topic}/${partition}`;
    const place = seen.get(id) ?? { events: new Set(), flushedAt: -1 };
    seen.set(id, place);
    const decoded = decodeRecord(record);
    if (decoded.type === 'event') place.events.add(decoded.event.to);
    if (decoded.type !== 'control') return;
    if (decoded.record.control === 'flush-table') place.flushedAt = world.clock.now();
    if (decoded.record.control !== 'watermark') return;
    const { at } = decoded.record;
    for (const write of accepted) {
      const isHere = world.names.cdc(write.table) === topic && partitionOf(write.key, partitions) === partition;
      if (!isHere || write.at >= at || place.flushedAt >= write.at || place.events.has(write.to)) continue;
      wrong.push(`${topic}: ${write.key} of ${write.at} is missing before ${at}`);
    }
  });
}

function write(table: string, key: string, share = 0): void {
  const at = world.clock.now();
  accepted.push({ table, key, to: world.write(table, key, share), at });
}

/** Topics that take nothing. */
function refuse(...tables: string[]): void {
  const topics = new Set(tables.map((table) => world.names.cdc(table)));
  world.sink.fault = (topic) =>
    topics.has(topic) ? new TidemarkError('ACCESS_DENIED', `${topic} is not yours`, { retriable: false }) : undefined;
}

const lastWatermark = (table: string): number => world.controls(table, 'watermark').at(-1)?.at ?? -1;
const debts = (): readonly string[] => world.leases.row(first)?.owes ?? [];
const flushes = (table: string): number => world.controls(table, 'flush-table').length;

/** A worker that has read both tables, then parked `orders` because its topic refuses it; its row says so. */
async function parked(workerId = 'a') {
  const worker = world.worker(workerId);
  write('orders', 'k:0');
  write('users', 'k:0');
  await world.clock.advance(3_000);
  refuse('orders');
  write('orders', 'k:1');
  write('users', 'k:1');
  await world.clock.advance(15_000);
  expect(debts()).toEqual(['orders']);
  return worker;
}

/** Everything is told in the end: what is owed was flushed, and the watermark of both tables is past all that was written. */
async function expectAllTold(): Promise<void> {
  await world.clock.advance(90_000);
  expect(debts()).toEqual([]);
  expect(wrong).toEqual([]);
  const last = Math.max(...accepted.map(({ at }) => at));
  expect(lastWatermark('orders')).toBeGreaterThan(last);
  expect(lastWatermark('users')).toBeGreaterThan(last);
}

describe('a table whose topic takes nothing is parked', () => {
  it('and the other tables of the shard go on, their watermarks too', async () => {
    await parked();
    write('users', 'k:2');
    await world.clock.advance(3_000);
    expect(world.eventsOf('users', 'k:1')).toHaveLength(1);
    expect(world.eventsOf('users', 'k:2')).toHaveLength(1);
    expect(world.clock.now() - lastWatermark('users')).toBeLessThan(3_000);
    expect(wrong).toEqual([]);
  });

  it('after it has stood still for as long as the topic may be gone, no earlier', async () => {
    world.worker('a', { parkAfterMs: 8_000 });
    await world.clock.advance(2_000);
    refuse('orders');
    write('orders', 'k:1');
    write('users', 'k:1');
    await world.clock.advance(1_000);
    write('users', 'k:2');
    await world.clock.advance(6_000);
    expect(world.eventsOf('users', 'k:2')).toEqual([]);
    refuse();
    await world.clock.advance(6_000);
    expect(world.eventsOf('orders', 'k:1')).toHaveLength(1);
    expect(debts()).toEqual([]);
  });

  it('and its watermark stands still, from before the first change that is left out', async () => {
    await parked();
    const before = lastWatermark('orders');
    await world.clock.advance(60_000);
    expect(lastWatermark('orders')).toBe(before);
    const missed = accepted.filter(({ key, table }) => table === 'orders' && key === 'k:1');
    expect(missed[0]?.at).toBeGreaterThanOrEqual(before);
  });

  it('and told: by health, which stays ready, by metrics, and once in the log', async () => {
    const metrics = new MetricRegistry();
    const worker = world.worker('a', { metrics });
    await world.clock.advance(2_000);
    refuse('orders');
    write('orders', 'k:1');
    await world.clock.advance(15_000);
    expect(worker.health().ready).toBe(true);
    expect(worker.health().withheldTables['orders']).toContain('not yours');
    expect(valueOf(metrics, 'tidemark_sync_parked_tables')).toBe(1);
    expect(valueOf(metrics, 'tidemark_sync_tables_parked_total')).toBe(1);
    expect(valueOf(metrics, 'tidemark_sync_left_out_total')).toBe(0);
    refuse();
    await world.clock.advance(60_000);
    expect(worker.health()).toMatchObject({ ready: true, withheldTables: {} });
    expect(valueOf(metrics, 'tidemark_sync_parked_tables')).toBe(0);
  });

  it('and flushed once its topic takes records again, before anything else of it', async () => {
    await parked();
    const flushed = flushes('orders');
    write('orders', 'k:2');
    await world.clock.advance(5_000);
    refuse();
    const from = world.sink.log(world.names.cdc('orders'), partitionOf('k:3', partitions)).length;
    await world.clock.advance(500);
    write('orders', 'k:3');
    await expectAllTold();
    expect(flushes('orders')).toBeGreaterThanOrEqual(flushed + partitions);
    const log = world.sink.log(world.names.cdc('orders'), partitionOf('k:3', partitions));
    const after = log.slice(from).map((record) => decodeRecord(record));
    const isFlush = (one: DecodedRecord): boolean => one.type === 'control' && one.record.control === 'flush-table';
    const first = after.findIndex(isFlush);
    expect(first).toBeGreaterThanOrEqual(0);
    // Only what asks whether the topic takes anything comes before.
    for (const one of after.slice(0, first)) expect(one).toMatchObject({ record: { control: 'watermark', at: 0 } });
  });

  it('also when it is missing and nobody may make it, until somebody does', async () => {
    open({ sink: { autoCreate: 0 } });
    world.sink.createTopic(world.names.cdc('users'), partitions);
    world.worker('a');
    write('orders', 'k:1');
    write('users', 'k:1');
    await world.clock.advance(15_000);
    expect(world.eventsOf('users', 'k:1')).toHaveLength(1);
    expect(debts()).toEqual(['orders']);
    world.sink.createTopic(world.names.cdc('orders'), partitions);
    await expectAllTold();
  });

  it('also when it takes no record of that size, however small', async () => {
    world.worker('a');
    await world.clock.advance(2_000);
    world.sink.fault = (topic, records) =>
      topic === world.names.cdc('orders') && records.some(({ record }) => !String(record.header).includes('flush'))
        ? new TidemarkError('PUBLISH_FAILED', 'too large', { retriable: false })
        : undefined;
    write('orders', 'k:1');
    write('users', 'k:1');
    await world.clock.advance(15_000);
    expect(world.eventsOf('users', 'k:1')).toHaveLength(1);
    refuse();
    await expectAllTold();
  });

  it('but not where all of Kafka is away: then nothing goes on', async () => {
    world.worker('a');
    await world.clock.advance(2_000);
    world.sink.down = true;
    write('orders', 'k:1');
    await world.clock.advance(60_000);
    expect(debts()).toEqual([]);
    world.sink.down = false;
    await world.clock.advance(10_000);
    expect(world.eventsOf('orders', 'k:1')).toHaveLength(1);
  });

  it('also when its shard is read to its end: the row keeps the debt, and is settled by whoever publishes the watermark', async () => {
    await parked();
    world.stream.split(first);
    write('users', 'k:2', 0.7);
    await world.clock.advance(10_000);
    expect(world.leases.row(first)).toMatchObject({ checkpoint: 'SHARD_END', owes: ['orders'] });
    expect(world.eventsOf('users', 'k:2')).toHaveLength(1);
    await world.clock.advance(30_000);
    const before = lastWatermark('orders');
    await world.clock.advance(5_000);
    expect(lastWatermark('orders')).toBe(before);
    refuse();
    await expectAllTold();
  });

  it('also when who was asked for that lease is still named in the row: a release that knows of no hand-over took it, and read it to its end', async () => {
    await parked();
    world.stream.split(first);
    await world.clock.advance(10_000);
    const ended = world.leases.row(first);
    if (ended === undefined) throw new Error('no row');
    expect(ended).toMatchObject({ checkpoint: 'SHARD_END', owes: ['orders'] });
    world.leases.overwrite({ ...ended, owner: 'old', checkpointOwner: 'gone' });
    refuse();
    await expectAllTold();
    expect(world.leases.row(first)?.checkpointOwner).toBeUndefined();
  });

  it('and a flush of every table leaves it out, and owes it', async () => {
    await parked();
    world.leases.overwrite({ ...rowOf(), checkpoint: 'TRIM_HORIZON', owes: [] });
    await world.workers[0]?.kill();
    world.worker('b');
    await world.clock.advance(40_000);
    expect(flushes('users')).toBeGreaterThan(0);
    expect(debts()).toEqual(['orders']);
    refuse();
    await expectAllTold();
  });
});

describe('a parked table, when the worker dies', () => {
  const steps: readonly [title: string, prepare: () => void, isReached: () => boolean][] = [
    [
      'before what is owed stands in the lease table',
      () => {
        world.leases.fault = (operation) =>
          operation === 'renew' || operation === 'checkpoint'
            ? new TidemarkError('STORE_UNAVAILABLE', 'no', { retriable: true })
            : undefined;
      },
      () => Object.keys(world.workers[0]?.health().withheldTables ?? {}).includes('orders'),
    ],
    ['when what is owed stands there', () => undefined, () => debts().includes('orders')],
    [
      'when a part of the flush is sent',
      () => afterParking(() => refuse()),
      () => flushes('orders') > 0 && debts().includes('orders'),
    ],
    [
      'when the flush is sent, and the lease table still says that it is owed',
      () => afterParking(() => refuse()),
      () => flushes('orders') >= partitions && debts().includes('orders'),
    ],
    [
      'when nothing is owed any more',
      () => afterParking(() => refuse()),
      () => flushes('orders') >= partitions && !debts().includes('orders'),
    ],
  ];
  it.each(steps)('%s', async (_, prepare, isReached) => {
    const worker = world.worker('a', { parkAfterMs: 2_000 });
    write('users', 'k:0');
    await world.clock.advance(3_000);
    const flushedBefore = flushes('orders');
    expect(flushedBefore).toBe(0);
    refuse('orders');
    write('orders', 'k:1');
    write('users', 'k:1');
    prepare();
    for (let step = 0; step < 4_000 && !isReached(); step += 1) {
      if (step % 40 === 0) write('orders', `k:${2 + (step % 7)}`);
      await world.clock.advance(5);
    }
    expect(isReached()).toBe(true);
    await worker.kill();
    world.leases.fault = () => undefined;
    write('orders', 'k:9');
    world.worker('b');
    await world.clock.advance(15_000);
    expect(wrong).toEqual([]);
    refuse();
    await expectAllTold();
  });
});

function valueOf(metrics: MetricRegistry, name: string): number | undefined {
  const family = metrics.collect().find((each) => each.name === name);
  return [...(family?.series.values() ?? [])].flatMap((series) => ('value' in series ? [series.value] : []))[0];
}

function rowOf() {
  const row = world.leases.row(first);
  if (row === undefined) throw new Error('no row');
  return row;
}

/** Runs once the clock has moved for long enough that the table is parked. */
function afterParking(work: () => void): void {
  world.clock.setTimer(work, 8_000);
}

describe('parked tables, as it comes', () => {
  it('never let a watermark say more than is true, and are told in the end', async () => {
    const act = fc.oneof(
      fc.record({
        act: fc.constant('write' as const),
        table: fc.constantFrom('users', 'orders'),
        key: fc.nat(5),
        share: fc.constantFrom(0, 0.7),
      }),
      fc.record({ act: fc.constant('refuse' as const), tables: fc.subarray(['users', 'orders']) }),
      fc.record({ act: fc.constant('kill' as const), index: fc.nat(1) }),
      fc.record({ act: fc.constant('split' as const) }),
      fc.record({ act: fc.constant('wait' as const), ms: fc.integer({ min: 50, max: 12_000 }) }),
      fc.record({ act: fc.constant('leases' as const), down: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 30 }), async (acts) => {
        open({ stream: { shards: 2 } });
        let isSplit = false;
        const slots = ['a', 'b'].map((id) => world.worker(id, { parkAfterMs: 1_000 }));
        await world.clock.advance(3_000);
        for (const [step, each] of acts.entries()) {
          if (each.act === 'write') write(each.table, `k:${each.key}`, each.share);
          if (each.act === 'refuse') refuse(...each.tables);
          if (each.act === 'leases') world.leases.down = each.down;
          if (each.act === 'wait') await world.clock.advance(each.ms);
          if (each.act === 'split' && !isSplit) {
            isSplit = true;
            world.stream.split(first);
          }
          if (each.act === 'kill') {
            await slots[each.index]?.kill();
            slots[each.index] = world.worker(`${each.index}-${step}`, { parkAfterMs: 1_000 });
          }
          await world.clock.advance(100);
        }
        refuse();
        world.leases.down = false;
        write('users', 'k:last');
        write('orders', 'k:last');
        await world.clock.advance(150_000);
        const end = Math.max(...accepted.map(({ at }) => at));
        const told = [lastWatermark('orders') > end, lastWatermark('users') > end];
        const owed = (await world.leases.list(new AbortController().signal)).flatMap((row) => row.owes ?? []);
        await world.close();
        expect({ wrong, told, owed }).toEqual({ wrong: [], told: [true, true], owed: [] });
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});
