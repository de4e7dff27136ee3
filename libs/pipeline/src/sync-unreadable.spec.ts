import { afterEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { changeRecordBytes } from './testing/change-record-bytes.js';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

let world: SyncWorld;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld(options);
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

describe('hazard 35: records that cannot be translated', () => {
  const bytesOf = (record: unknown): Buffer => Buffer.from(JSON.stringify(record));
  const readable = { awsRegion: 'us-east-1', tableName: 'users', eventName: 'MODIFY' };

  it.each<[string, Buffer, { invalidated: string[]; users: number; orders: number }]>([
    [
      'drops the key where it is readable',
      bytesOf({ ...readable, dynamodb: { Keys: { key: { S: 'k:1' } } } }),
      { invalidated: ['k:1'], users: 0, orders: 0 },
    ],
    [
      'flushes the table where the key is not',
      bytesOf({ ...readable, dynamodb: { Keys: { id: { N: '1' } } } }),
      { invalidated: [], users: 3, orders: 0 },
    ],
    [
      'flushes the table where the key cannot be one',
      bytesOf({ ...readable, dynamodb: { Keys: { key: { S: 'k'.repeat(3_000) } } } }),
      { invalidated: [], users: 3, orders: 0 },
    ],
    [
      'flushes every table where the table is not readable',
      Buffer.from('not json'),
      { invalidated: [], users: 3, orders: 3 },
    ],
    [
      'flushes every table where the table cannot be one',
      bytesOf({ ...readable, tableName: 'no table!', dynamodb: { Keys: { key: { S: 'k' } } } }),
      { invalidated: [], users: 3, orders: 3 },
    ],
    [
      'flushes every table for an aggregated record',
      Buffer.from('f3899ac20a01', 'hex'),
      { invalidated: [], users: 3, orders: 3 },
    ],
    [
      'drops the key of another region’s record',
      bytesOf({ ...readable, awsRegion: 'eu-west-1', dynamodb: { Keys: { key: { S: 'k:1' } } } }),
      { invalidated: ['k:1'], users: 0, orders: 0 },
    ],
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
    expect(world.deadLetters()[0]).toMatchObject({
      base64: bytes.toString('base64'),
      truncated: false,
      sequenceNumber: '3',
    });
  });

  it('hazard 34: drops the key of a record that Kafka would not take, and keeps the first 384 KiB of it', async () => {
    const { clock, stream } = open();
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

  it('gives up the dead letters of a page together, in the time of one call, where their topic does not answer', async () => {
    const { clock, sink, stream, names } = open();
    world.worker('a', { sendTimeoutMs: 2_000 });
    await clock.advance(2_000);
    for (let each = 0; each < 300; each += 1) stream.put(0, bytesOf({ ...readable, dynamodb: { Keys: { key: {} } } }));
    const after = world.write('users', 'k:1');
    const send = sink.send.bind(sink);
    sink.send = (topic, records, signal) =>
      topic === names.deadLetters ? new Promise<never>(() => undefined) : send(topic, records, signal);
    await clock.advance(10_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([after]);
    expect(world.leases.row('shardId-000000000000')?.checkpoint).toBe('301');
    expect(world.deadLetters()).toHaveLength(0);
  });

  it('sends the dead letters of a page but for the one that Kafka does not take', async () => {
    const { clock, sink, stream, names } = open();
    world.worker('a');
    await clock.advance(2_000);
    sink.fault = (topic, records) =>
      topic === names.deadLetters && records.some(({ record }) => (record.value?.byteLength ?? 0) > 10_000)
        ? new TidemarkError('PUBLISH_FAILED', 'too large', { retriable: false })
        : undefined;
    const unreadable = (over: object): Buffer => bytesOf({ ...readable, ...over, dynamodb: { Keys: { key: {} } } });
    for (const over of [{}, { text: 'x'.repeat(20_000) }, {}, {}]) stream.put(0, unreadable(over));
    await clock.advance(5_000);
    expect(world.deadLetters().map(({ sequenceNumber }) => sequenceNumber)).toEqual(['1', '3', '4']);
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

  it('flush every table once for a page of them, behind all that the page has', async () => {
    const { clock, stream } = open({ looks: false, stream: { pageMax: 200 } });
    world.worker('a');
    await clock.advance(2_000);
    for (const table of ['users', 'orders']) world.write(table, 'k');
    await clock.advance(2_000);
    const flushes = (table: string): number => world.controls(table, 'flush-table').length;
    const before = ['users', 'orders'].map(flushes);
    for (let record = 0; record < 100; record += 1) {
      stream.put(0, '{not json');
      if (record === 50) world.write('users', 'k');
    }
    await clock.advance(2_000);
    expect(['users', 'orders'].map(flushes)).toEqual(before.map((count) => count + 3));
    expect(world.deadLetters()).toHaveLength(100);
    const kinds = world.records('users').map((one) => (one.type === 'control' ? one.record.control : one.type));
    expect(kinds.lastIndexOf('flush-table')).toBeGreaterThan(kinds.lastIndexOf('event'));
  });
});
