import { afterEach, describe, expect, it } from '@jest/globals';
import { type ControlRecord } from '@tidemark/protocol';
import { MetricRegistry, TidemarkError, wait } from '@tidemark/runtime';
import { recordingLogger } from '@tidemark/runtime/testing';
import { type ShardReader } from './ports.js';
import { type SyncWorkerOptions } from './sync-options.js';
import { type SyncWorker } from './sync-worker.js';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

const hour = 3_600_000;
const first = 'shardId-000000000000';
const partitions = 3;
let world: SyncWorld;

/** Nobody looks at destinations here, so every flush is of a hole in the stream. */
function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld({ looks: false, ...options });
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const flushed = (table = 'users'): number => world.controls(table, 'flush-table').length;

/** A worker that has read a record of `users` and claimed that, and is gone. */
async function readAndStopped(): Promise<void> {
  const worker = world.worker('a');
  world.write('users', 'k:1');
  await world.clock.advance(5_000);
  await worker.stop();
}

/** A worker whose counters and log the test reads. */
function watched(workerId: string, options: Partial<SyncWorkerOptions> = {}) {
  const metrics = new MetricRegistry();
  const log = recordingLogger();
  const worker = world.worker(workerId, { metrics, log, ...options });
  const count = (name: string, reason: string): number => {
    const family = metrics.collect().find((each) => each.name === name);
    return [...(family?.series.values() ?? [])].reduce(
      (sum, series) => (series.labels['reason'] === reason && 'value' in series ? sum + series.value : sum),
      0,
    );
  };
  return {
    worker,
    holes: (reason: string) => count('tidemark_sync_holes_total', reason),
    flushes: (reason: string) => count('tidemark_sync_flushes_total', reason),
    warned: (text: string, reason: string) =>
      log.lines.some(
        ({ level, message, fields }) => level === 'warn' && message.includes(text) && fields['reason'] === reason,
      ),
  };
}

/** Kafka takes nothing that flushes a table. */
function refuseFlushes(): void {
  world.sink.fault = (_, records) =>
    records.some(({ record }) => String(record.header).includes('flush-table'))
      ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
      : undefined;
}

describe('a hole in the stream ends in a flush of every table, acknowledged before anything goes past it', () => {
  /** How a hole opens while no worker runs, and what a worker calls it. */
  const holes: readonly [title: string, reason: string, make: () => void | Promise<void>][] = [
    [
      'hazard 36: a checkpoint older than the retention less an hour',
      'records-may-have-expired',
      async () => {
        await world.clock.advance(24 * hour);
        world.stream.trim(world.clock.now() - hour);
      },
    ],
    ['hazard 51: the lease table was lost', 'nothing-known', () => world.leases.clear()],
    [
      'hazard 51: one row of it was lost',
      'nothing-known',
      async () => void (await world.leases.remove(rowOf(first), new AbortController().signal)),
    ],
    [
      'hazard 51: a checkpoint was reset to a later record',
      'checkpoint-reset',
      () => {
        world.write('users', 'k:skipped');
        world.leases.overwrite({ ...rowOf(first), checkpoint: '2' });
      },
    ],
    [
      'hazard 51: a checkpoint was reset to an earlier record',
      'checkpoint-reset',
      () => world.leases.overwrite({ ...rowOf(first), checkpoint: 'TRIM_HORIZON' }),
    ],
    ...['LATEST', 'AT_TIMESTAMP'].map((checkpoint): (typeof holes)[number] => [
      `hazard 51: a checkpoint was reset to ${checkpoint}, which is no sequence number`,
      'checkpoint-reset',
      () => world.leases.overwrite({ ...rowOf(first), checkpoint }),
    ]),
    ['hazard 51: the stream was replaced', 'nothing-known', () => world.stream.replace()],
    [
      'hazard 51: the stream was replaced by one whose sequence numbers go on',
      'nothing-known',
      () => world.stream.replace({ sequencesGoOn: true }),
    ],
  ];

  it.each(holes)('%s', async (_, reason, make) => {
    const { clock, sink, leases } = open();
    await readAndStopped();
    const before = flushed();
    const claimed = rowOf(first).readUpTo ?? 0;
    await make();
    refuseFlushes();
    const id = world.write('users', 'k:2');
    const { worker, holes: holesOf, flushes, warned } = watched('b');
    await clock.advance(20_000);
    expect(world.eventsOf('users', 'k:2')).toEqual([]);
    const latest = (): number => Math.max(...world.controls('users', 'watermark').map(({ at }) => at));
    expect(latest()).toBeLessThanOrEqual(claimed);
    expect(leases.row(first)?.readUpTo ?? claimed).toBe(claimed);
    expect(flushes(reason)).toBe(0);
    expect(worker.health().reason).toMatch(/sending to Kafka topic/);
    sink.fault = () => undefined;
    await clock.advance(10_000);
    expect(flushed()).toBe(before + partitions);
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
    expect({
      holes: holesOf(reason),
      flushes: flushes(reason),
      warned: warned('records may be missing', reason),
    }).toEqual({
      holes: 1,
      flushes: 1,
      warned: true,
    });
    expect(latest()).toBeGreaterThan(clock.now() - 3_000);
    expect(worker.health()).toMatchObject({ ready: true });
  });

  it('hazard 51: it is flushed again by the next worker when the one that found it dies first', async () => {
    const { clock, leases, sink } = open();
    await readAndStopped();
    const before = flushed();
    leases.overwrite({ ...rowOf(first), checkpoint: 'TRIM_HORIZON' });
    refuseFlushes();
    const dying = world.worker('b');
    await clock.advance(30_000);
    await dying.kill();
    sink.fault = () => undefined;
    await clock.advance(11_000);
    world.worker('c');
    await clock.advance(25_000);
    expect(flushed()).toBe(before + partitions);
  });

  it('hazard 36: a retention that was shortened counts from then on', async () => {
    const { clock, stream } = open();
    await readAndStopped();
    const before = flushed();
    stream.retentionMs = 4 * hour;
    await clock.advance(5 * hour);
    stream.trim(clock.now() - 4 * hour);
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before + partitions);
  });
});

describe('no hole', () => {
  it('hazard 36: nothing is flushed when a worker goes on soon enough', async () => {
    const { clock } = open();
    await readAndStopped();
    const before = flushed();
    await clock.advance(22 * hour);
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before);
  });

  it('hazard 32: nothing is flushed when a shard is split before it was claimed, nor for its children', async () => {
    const { clock, stream } = open();
    world.sink.createTopic('tidemark.cdc.users', partitions);
    stream.split(first);
    world.worker('a');
    await clock.advance(10_000);
    expect(world.leases.row('shardId-000000000002')?.readUpTo).not.toBeNull();
    expect(flushed()).toBe(partitions);
  });
});

describe('one flush for every shard', () => {
  const shards = 12;

  it.each([false, true])('at a first start; looking at destinations: %p', async (looks) => {
    const { clock, sink } = open({ stream: { shards }, sink: { latencyMs: 400 }, looks });
    for (const table of ['users', 'orders']) sink.createTopic(`tidemark.cdc.${table}`, partitions);
    world.worker('a');
    await clock.advance(10_000);
    expect([flushed('users'), flushed('orders')]).toEqual([partitions, partitions]);
    expect(world.controls('users', 'watermark').length).toBeGreaterThan(0);
  });

  it('at a restart before the first claim', async () => {
    const { clock, sink } = open({ stream: { shards } });
    sink.createTopic('tidemark.cdc.users', partitions);
    const dying = world.worker('a');
    await clock.advance(150);
    await dying.kill();
    const before = flushed();
    world.worker('a');
    await clock.advance(30_000);
    expect(flushed()).toBe(before + partitions);
    expect(world.controls('users', 'watermark').length).toBeGreaterThan(0);
  });

  it('each time the lease table is lost, while the worker goes on', async () => {
    const { clock, sink, leases } = open({ stream: { shards } });
    sink.createTopic('tidemark.cdc.users', partitions);
    world.worker('a');
    for (let times = 1; times <= 3; times += 1) {
      await clock.advance(20_000);
      expect(flushed()).toBe(times * partitions);
      leases.clear();
    }
  });
});

describe('hazard 51: a stream that was replaced', () => {
  it.each([0, 1])(
    'is read by workers that run on, though it uses shard ids that were read to their end (%p splits)',
    async (splits) => {
      const { clock, stream, leases } = open();
      const { worker, holes } = watched('a');
      world.write('users', 'k:1');
      await clock.advance(5_000);
      stream.split(first);
      await clock.advance(5_000);
      expect(leases.row(first)?.checkpoint).toBe('SHARD_END');
      stream.replace();
      if (splits > 0) stream.split(first);
      const id = world.write('users', 'k:2');
      await clock.advance(40_000);
      expect(world.eventsOf('users', 'k:2')).toEqual([id]);
      expect(leases.row(first)?.streamId).toBe('tidemark:fake:2');
      expect(holes('stream-replaced')).toBeGreaterThan(0);
      expect(worker.health()).toMatchObject({ ready: true });
      expect((worker.health().watermark ?? 0) > clock.now() - 3_000).toBe(true);
    },
  );

  it('gives no watermark that claims of the old one would allow, though the old iterators go on in it', async () => {
    const { clock, stream, sink } = open();
    world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    const controls = (): readonly ControlRecord['control'][] =>
      world
        .records('users')
        .flatMap((each) => (each.type === 'control' && each.record.control !== 'probe' ? [each.record.control] : []));
    const seen = controls().length;
    world.write('users', 'k:lost');
    stream.replace({ sequencesGoOn: true });
    await clock.advance(10_000);
    const after = sink
      .log('tidemark.cdc.users', 0)
      .map((record) => String(record.header))
      .filter((header) => /flush-table|watermark/.test(header));
    expect(seen).toBeGreaterThan(0);
    const streams = after.map((header) =>
      header.includes('flush-table') ? 'flush' : /fake:\d|fake%3A\d/.exec(header)?.[0],
    );
    expect(streams.lastIndexOf('flush')).toBeGreaterThan(-1);
    expect(streams.slice(streams.lastIndexOf('flush') + 1).every((each) => each?.endsWith('2'))).toBe(true);
    expect(streams.slice(0, streams.lastIndexOf('flush')).some((each) => each?.endsWith('2'))).toBe(false);
  });
});

describe('hazard 51: a stream that was replaced, at the worst moments', () => {
  it('before anything was claimed of the one that the first flush was for: flushed again', async () => {
    const { clock, stream, sink } = open({ sink: { latencyMs: 70 } });
    sink.createTopic('tidemark.cdc.users', partitions);
    world.worker('a');
    await clock.advance(140);
    expect(flushed()).toBe(partitions);
    world.write('users', 'k:lost');
    stream.replace();
    await clock.advance(10_000);
    expect(flushed()).toBe(2 * partitions);
  });

  it('while it takes Kinesis long to say which stream it is: claims about the new one count only as such', async () => {
    const { clock, stream } = open();
    const slow: ShardReader = {
      describe: async (signal) => {
        const description = await stream.describe(signal);
        await wait(clock, 1_500, signal);
        return description;
      },
      listShards: (signal) => stream.listShards(signal),
      open: (shardId, position) => stream.open(shardId, position),
    };
    world.worker('a', { reader: slow });
    world.write('users', 'k:1');
    await clock.advance(12_100);
    const before = { flushes: flushed(), at: latestWatermark() };
    world.write('users', 'k:lost');
    const lostAt = clock.now();
    stream.replace({ sequencesGoOn: true });
    for (let step = 0; step < 100 && flushed() === before.flushes; step += 1) {
      await clock.advance(100);
      if (flushed() === before.flushes) expect(latestWatermark()).toBeLessThanOrEqual(lostAt);
    }
    expect(flushed()).toBeGreaterThan(before.flushes);
    await clock.advance(10_000);
    expect(latestWatermark()).toBeGreaterThan(lostAt);
  });

  const latestWatermark = (): number => Math.max(...world.controls('users', 'watermark').map(({ at }) => at));
});

describe('a shard that left the stream', () => {
  it('hazard 36: is ended, and what took its place is read', async () => {
    const { clock, stream, leases } = open();
    await readAndStopped();
    stream.split(first);
    await clock.advance(25 * hour);
    stream.trim(clock.now() - 24 * hour);
    const id = world.write('users', 'k:2', 0.9);
    const worker: SyncWorker = world.worker('b');
    await clock.advance(10_000);
    expect(leases.row(first)?.checkpoint ?? 'SHARD_END').toBe('SHARD_END');
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
    expect(worker.health().ready).toBe(true);
  });
});

function rowOf(shardId: string) {
  const row = world.leases.row(shardId);
  if (row === undefined) throw new Error(`no row of ${shardId}`);
  return row;
}
