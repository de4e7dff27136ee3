import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { recordingLogger } from '@tidemark/runtime/testing';
import { isEnded } from './watermark.js';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

const hour = 3_600_000;
let world: SyncWorld;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld(options);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

describe('one worker', () => {
  it('produces every record to its table topic, in the order of the shard', async () => {
    const { clock } = open();
    world.worker('a');
    const ids = ['1', '2', '3'].map(() => world.write('users', 'k:1'));
    const other = world.write('orders', 'k:9');
    await clock.advance(1_000);
    expect(world.eventsOf('users', 'k:1')).toEqual(ids);
    expect(world.eventsOf('orders', 'k:9')).toEqual([other]);
  });

  it('starts at the oldest record and goes on after its checkpoint', async () => {
    const { clock, leases } = open();
    const first = world.write('users', 'k:1');
    const worker = world.worker('a');
    await clock.advance(2_000);
    await worker.stop();
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: '1' });
    const second = world.write('users', 'k:1');
    world.worker('b');
    await clock.advance(2_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([first, second]);
  });

  it('never checkpoints a record that is not acknowledged', async () => {
    const { clock, sink, leases } = open();
    world.worker('a');
    sink.fault = () => new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true });
    const id = world.write('users', 'k:1');
    await clock.advance(60_000);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('TRIM_HORIZON');
    sink.fault = () => undefined;
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('1');
  });

  it('keeps one page in flight and writes one row per renewal, however much there is to read', async () => {
    const { clock, leases, sink } = open({ stream: { pageMax: 2 }, sink: { latencyMs: 10 } });
    world.worker('a');
    for (let n = 0; n < 200; n += 1) world.write('users', `k:${n}`);
    await clock.advance(1_000);
    const before = leases.writes;
    await clock.advance(5_000);
    expect(leases.writes - before).toBe(10);
    for (const { topic, records } of sink.sends) if (topic === 'tidemark.cdc.users') expect(records.length).toBeLessThanOrEqual(3);
    expect(world.records('users').filter(({ type }) => type === 'event')).toHaveLength(200);
  });

  it('lets what was read be acknowledged before it stops, and gives its leases back', async () => {
    const { clock, sink, leases } = open({ sink: { latencyMs: 2_000 } });
    sink.createTopic('tidemark.cdc.users', 3);
    const worker = world.worker('a', { isWithheld: () => true });
    await clock.advance(10_000);
    const id = world.write('users', 'k:1');
    await clock.advance(300);
    const stopped = worker.stop();
    await clock.advance(3_000);
    await stopped;
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: '1' });
    expect(worker.health()).toMatchObject({ ready: false, reason: 'not running' });
  });

  it('does not wait longer than it was told to when Kafka is down', async () => {
    const { clock, sink, leases } = open();
    const worker = world.worker('a');
    await clock.advance(2_000);
    sink.down = true;
    world.write('users', 'k:1');
    await clock.advance(1_000);
    let isStopped = false;
    const stopped = worker.stop(500).then(() => (isStopped = true));
    await clock.advance(400);
    expect(isStopped).toBe(false);
    await clock.advance(200);
    await stopped;
    expect(leases.row('shardId-000000000000')).toMatchObject({ owner: null, checkpoint: 'TRIM_HORIZON' });
  });
});

describe('when something is down', () => {
  it.each(['stream', 'leases', 'sink'] as const)('starts without the %s, says so, and goes on when it is there', async (part) => {
    const { clock } = open();
    world[part].down = true;
    const log = recordingLogger();
    const worker = world.worker('a', { log });
    const id = world.write('users', 'k:1');
    await clock.advance(30_000);
    expect(worker.health().ready).toBe(false);
    expect(worker.health().reason).toMatch(/does not answer|no broker answers/);
    const warnings = log.lines.filter(({ level }) => level === 'warn').length;
    expect(warnings).toBeGreaterThan(0);
    expect(warnings).toBeLessThanOrEqual(6);
    world[part].down = false;
    await clock.advance(10_000);
    expect(worker.health()).toMatchObject({ ready: true, reason: null });
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });

  it('stands still while Kafka is down and loses nothing', async () => {
    const { clock, sink } = open();
    const worker = world.worker('a');
    const ids = [world.write('users', 'k:1')];
    await clock.advance(2_000);
    sink.down = true;
    for (let n = 0; n < 20; n += 1) ids.push(world.write('users', 'k:1'));
    await clock.advance(120_000);
    expect(worker.health().shards[0]?.lastError).toMatch(/no broker answers/);
    sink.down = false;
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual(ids);
    expect(worker.health()).toMatchObject({ ready: true });
  });

  it('does not start to read a stream that is configured wrongly', async () => {
    const { clock, stream } = open();
    const refused = new TidemarkError('INVALID_CONFIGURATION', 'the stream ignores partition keys', { retriable: false });
    stream.fault = (operation) => (operation === 'describe' ? refused : undefined);
    const worker = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(60_000);
    expect(world.records('users')).toEqual([]);
    expect(worker.health().reason).toMatch(/ignores partition keys/);
  });

  it('goes on when the topic comes into being', async () => {
    const { clock, sink } = open({ sink: { autoCreate: 0 } });
    const worker = world.worker('a');
    const id = world.write('users', 'k:1');
    await clock.advance(10_000);
    expect(worker.health().reason).toMatch(/no topic tidemark.cdc.users/);
    sink.createTopic('tidemark.cdc.users', 2);
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });
});

describe('two workers', () => {
  const owners = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const shardId of world.stream.openShards) {
      const owner = world.leases.row(shardId)?.owner ?? 'nobody';
      counts[owner] = (counts[owner] ?? 0) + 1;
    }
    return counts;
  };

  it('share the shards evenly', async () => {
    const { clock } = open({ stream: { shards: 4 } });
    world.worker('a');
    await clock.advance(3_000);
    expect(owners()).toEqual({ a: 4 });
    world.worker('b');
    await clock.advance(10_000);
    expect(owners()).toEqual({ a: 2, b: 2 });
  });

  it('take over from one that died, after its leases expire: nothing is lost and each key stays in order', async () => {
    const { clock } = open({ stream: { shards: 2 } });
    const dying = world.worker('a');
    await clock.advance(2_000);
    world.worker('b');
    await clock.advance(5_000);
    expect(owners()).toEqual({ a: 1, b: 1 });
    const written = { low: [] as string[], high: [] as string[] };
    for (let round = 0; round < 60; round += 1) {
      written.low.push(world.write('users', 'low', 0.1));
      written.high.push(world.write('users', 'high', 0.9));
      if (round === 20) await dying.kill();
      await clock.advance(500);
    }
    await clock.advance(15_000);
    expect(owners()).toEqual({ b: 2 });
    for (const key of ['low', 'high'] as const) {
      const events = world.eventsOf('users', key);
      expect([...new Set(events)]).toEqual(written[key]);
      expect(events.length).toBeLessThanOrEqual(written[key].length + 2);
    }
  });

  it('hand over at once when one stops', async () => {
    const { clock } = open({ stream: { shards: 2 } });
    const leaving = world.worker('a');
    world.worker('b');
    await clock.advance(5_000);
    await leaving.stop();
    await clock.advance(2_000);
    expect(owners()).toEqual({ b: 2 });
  });

  it('leave a zombie no checkpoint: it stops at its next write (hazard 33)', async () => {
    const { clock, leases } = open();
    const metrics = new MetricRegistry();
    const zombie = world.worker('zombie', { scanEveryMs: 5_000, renewEveryMs: 1_000, metrics });
    await clock.advance(1_500);
    const shardId = 'shardId-000000000000';
    const row = leases.row(shardId);
    if (row === undefined) throw new Error('no row');
    const thief = await leases.take(row, 'thief', new AbortController().signal);
    world.write('users', 'k:1');
    await clock.advance(2_000);
    expect(leases.row(shardId)).toEqual(thief);
    const lost = metrics.collect().find(({ name }) => name === 'tidemark_sync_leases_lost_total');
    expect([...(lost?.series.values() ?? [])]).toEqual([{ labels: {}, value: 1 }]);
    await clock.advance(5_000);
    expect(zombie.health().shards.map(({ owner }) => owner)).toEqual(['thief']);
    expect(leases.row(shardId)).toEqual(thief);
  });

  it('stop reading a shard whose lease cannot be renewed in time, before others may take it', async () => {
    const { clock, leases, stream } = open();
    const worker = world.worker('a', { failoverMs: 10_000 });
    await clock.advance(3_000);
    leases.down = true;
    let reads = 0;
    stream.fault = (operation) => {
      if (operation === 'read') reads += 1;
      return undefined;
    };
    await clock.advance(9_000);
    expect(reads).toBeGreaterThan(20);
    await clock.advance(1_100);
    reads = 0;
    await clock.advance(5_000);
    expect(reads).toBe(0);
    expect(worker.health().ready).toBe(false);
    leases.down = false;
    const id = world.write('users', 'k:1');
    await clock.advance(3_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });

  it('stop a send that waits when the lease is lost', async () => {
    const { clock, leases, sink } = open();
    world.worker('a', { scanEveryMs: 10_000 });
    await clock.advance(1_500);
    sink.down = true;
    world.write('users', 'k:1');
    await clock.advance(2_000);
    const row = leases.row('shardId-000000000000');
    if (row === undefined) throw new Error('no row');
    await leases.take(row, 'thief', new AbortController().signal);
    await clock.advance(2_000);
    sink.down = false;
    await clock.advance(5_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([]);
  });
});

describe('resharding (hazard 32)', () => {
  it.each([0, 1, 2])('reads a parent to its end before its children; the end comes %p pages late', async (closesAfter) => {
    const { clock, stream } = open({ stream: { closesAfter, pageMax: 3 } });
    world.worker('a');
    world.worker('b');
    await clock.advance(2_000);
    const ids: Record<string, string[]> = { low: [], high: [] };
    const writeBoth = (): void => {
      ids['low']?.push(world.write('users', 'low', 0.1));
      ids['high']?.push(world.write('users', 'high', 0.9));
    };
    for (let n = 0; n < 10; n += 1) writeBoth();
    stream.split('shardId-000000000000');
    for (let n = 0; n < 10; n += 1) writeBoth();
    await clock.advance(10_000);
    writeBoth();
    const [left, right] = stream.openShards;
    stream.merge(left ?? '', right ?? '');
    for (let n = 0; n < 10; n += 1) writeBoth();
    await clock.advance(20_000);
    for (const key of ['low', 'high']) expect([...new Set(world.eventsOf('users', key))]).toEqual(ids[key]);
    const shardIds = ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002'];
    for (const shardId of shardIds) expect(world.leases.row(shardId)?.checkpoint).toBe('SHARD_END');
    expect(world.leases.row('shardId-000000000003')?.checkpoint).not.toBe('TRIM_HORIZON');
  });

  it('creates the children before it marks the parent as ended', async () => {
    const { clock, stream, leases } = open();
    world.worker('a');
    await clock.advance(2_000);
    stream.split('shardId-000000000000');
    let isBroken = false;
    const parent = 'shardId-000000000000';
    const { signal } = new AbortController();
    for (let step = 0; step < 100; step += 1) {
      await clock.advance(20);
      const rows = await leases.list(signal);
      const row = rows.find(({ shardId }) => shardId === parent);
      if (row !== undefined && isEnded(row) && rows.length < 3) isBroken = true;
    }
    expect(isBroken).toBe(false);
    expect(leases.row(parent)?.checkpoint).toBe('SHARD_END');
  });

  it('removes the rows of shards that left the stream', async () => {
    const { clock, stream, leases } = open();
    world.worker('a');
    await clock.advance(2_000);
    stream.split('shardId-000000000000');
    await clock.advance(5_000);
    stream.trim(clock.now());
    await clock.advance(31_000);
    expect(leases.row('shardId-000000000000')).toBeUndefined();
    expect(world.workers[0]?.health().ready).toBe(true);
  });
});

describe('records that cannot be translated (hazard 35)', () => {
  const bytesOf = (record: unknown): Buffer => Buffer.from(JSON.stringify(record));
  const readable = { awsRegion: 'us-east-1', tableName: 'users', eventName: 'MODIFY' };

  it.each<[string, Buffer, { invalidated: string[]; users: number; orders: number }]>([
    ['drops the key where it is readable', bytesOf({ ...readable, dynamodb: { Keys: { key: { S: 'k:1' } } } }), { invalidated: ['k:1'], users: 0, orders: 0 }],
    ['flushes the table where the key is not', bytesOf({ ...readable, dynamodb: { Keys: { id: { N: '1' } } } }), { invalidated: [], users: 3, orders: 0 }],
    ['flushes the table where the key cannot be one', bytesOf({ ...readable, dynamodb: { Keys: { key: { S: 'k'.repeat(3_000) } } } }), { invalidated: [], users: 3, orders: 0 }],
    ['flushes every table where the table is not readable', Buffer.from('not json'), { invalidated: [], users: 3, orders: 3 }],
    ['flushes every table where the table cannot be one', bytesOf({ ...readable, tableName: 'no table!', dynamodb: { Keys: { key: { S: 'k' } } } }), { invalidated: [], users: 3, orders: 3 }],
    ['flushes every table for an aggregated record', Buffer.from('f3899ac20a01', 'hex'), { invalidated: [], users: 3, orders: 3 }],
    ['drops the key of another region’s record', bytesOf({ ...readable, awsRegion: 'eu-west-1', dynamodb: { Keys: { key: { S: 'k:1' } } } }), { invalidated: ['k:1'], users: 0, orders: 0 }],
  ])('%s', async (_, bytes, expected) => {
    const { clock, stream } = open();
    world.worker('a');
    world.write('users', 'k:0');
    world.write('orders', 'k:0');
    await clock.advance(2_000);
    const flushes = (table: string): number => world.controls(table, 'flush-table').length;
    const before = { users: flushes('users'), orders: flushes('orders') };
    stream.put(0, bytes);
    const after = world.write('users', 'k:1');
    await clock.advance(2_000);
    expect({
      invalidated: world.controls('users', 'invalidate').map(({ key }) => key),
      users: flushes('users') - before.users,
      orders: flushes('orders') - before.orders,
    }).toEqual(expected);
    expect(world.eventsOf('users', 'k:1')).toEqual([after]);
    expect(world.deadLetters()).toHaveLength(1);
    expect(world.deadLetters()[0]).toMatchObject({ base64: bytes.toString('base64'), truncated: false, sequenceNumber: '3' });
  });

  it('drops the key of a record that Kafka would not take, and keeps the first 384 KiB of it (hazard 34)', async () => {
    const { clock, stream } = open();
    const { changeRecordBytes } = await import('./testing/change-record-bytes.js');
    world.worker('a');
    stream.put(0, changeRecordBytes({ table: 'users', key: 'k:1', to: 'w1', value: 'x'.repeat(900_000) }));
    await clock.advance(2_000);
    expect(world.controls('users', 'invalidate').map(({ key }) => key)).toEqual(['k:1']);
    const [letter] = world.deadLetters();
    expect(letter).toMatchObject({ table: 'users', key: 'k:1', truncated: true });
    expect(String(letter?.['base64'])).toHaveLength(512 * 1_024);
  });

  it('offers a topic that refuses large records only the key', async () => {
    const { clock, sink, stream } = open();
    const { changeRecordBytes } = await import('./testing/change-record-bytes.js');
    world.worker('a');
    sink.fault = (_, records) =>
      records.some(({ record }) => (record.value?.byteLength ?? 0) > 100_000)
        ? new TidemarkError('PUBLISH_FAILED', 'too large', { retriable: false })
        : undefined;
    stream.put(0, changeRecordBytes({ table: 'users', key: 'k:1', to: 'w1', value: 'x'.repeat(500_000) }));
    const small = world.write('users', 'k:2');
    await clock.advance(2_000);
    expect(world.controls('users', 'invalidate').map(({ key }) => key)).toEqual(['k:1']);
    expect(world.eventsOf('users', 'k:2')).toEqual([small]);
  });

  it('goes on without a dead letter that Kafka does not take', async () => {
    const { clock, sink, stream } = open();
    world.worker('a');
    sink.fault = (topic) =>
      topic.endsWith('dead-letters') ? new TidemarkError('ACCESS_DENIED', 'no', { retriable: false }) : undefined;
    stream.put(0, Buffer.from('not json'));
    const id = world.write('users', 'k:1');
    await clock.advance(2_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });
});

describe('records that left the stream unread (hazards 36 and 51)', () => {
  const flushed = (): number => world.controls('users', 'flush-table').length;

  it('flushes every table, acknowledged, before a checkpoint goes past the hole', async () => {
    const { clock, stream, sink, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    const before = flushed();
    await clock.advance(24 * hour);
    stream.trim(clock.now() - hour);
    world.write('users', 'k:2');
    sink.fault = (_, records) =>
      records.some(({ record }) => String(record.header).includes('flush-table'))
        ? new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true })
        : undefined;
    world.worker('b');
    await clock.advance(20_000);
    expect(leases.row('shardId-000000000000')?.checkpoint).toBe('1');
    expect(world.eventsOf('users', 'k:2')).toEqual([]);
    sink.fault = () => undefined;
    await clock.advance(10_000);
    expect(flushed()).toBe(before + 3);
    expect(world.eventsOf('users', 'k:2')).toHaveLength(1);
  });

  it('flushes nothing when a worker goes on soon enough', async () => {
    const { clock } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    const before = flushed();
    await clock.advance(22 * hour);
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before);
  });

  it('flushes when the lease table was lost', async () => {
    const { clock, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.kill();
    const before = flushed();
    leases.clear();
    world.worker('b');
    await clock.advance(5_000);
    expect(flushed()).toBe(before + 3);
  });

  it('flushes and reads the new stream when the old one was replaced', async () => {
    const { clock, stream } = open();
    world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await world.close();
    const before = flushed();
    stream.replace();
    const id = world.write('users', 'k:2');
    world.worker('b');
    await clock.advance(15_000);
    expect(flushed()).toBe(before + 3);
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
  });

  it('ends a shard that left the stream and goes on with what took its place', async () => {
    const { clock, stream, leases } = open();
    const first = world.worker('a');
    world.write('users', 'k:1');
    await clock.advance(5_000);
    await first.stop();
    stream.split('shardId-000000000000');
    await clock.advance(25 * hour);
    stream.trim(clock.now() - 24 * hour);
    const id = world.write('users', 'k:2', 0.9);
    const worker = world.worker('b');
    await clock.advance(10_000);
    expect(leases.row('shardId-000000000000')?.checkpoint ?? 'SHARD_END').toBe('SHARD_END');
    expect(world.eventsOf('users', 'k:2')).toEqual([id]);
    expect(worker.health().ready).toBe(true);
  });
});
