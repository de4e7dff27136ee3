import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { CompressionTypes, Partitioners } from 'kafkajs';
import { EmbeddedKafka } from './embedded-kafka.js';
import { KafkaClients } from './testing/kafka-clients.js';
import { RawClient } from './testing/raw-client.js';

let clients: KafkaClients;
beforeEach(() => {
  clients = new KafkaClients();
});
afterEach(() => clients.close());

const createPartitioner = Partitioners.DefaultPartitioner;

describe('EmbeddedKafka', () => {
  it('starts in a moment', async () => {
    const kafka = new EmbeddedKafka();
    const before = process.cpuUsage();
    await kafka.start();
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(100);
    await kafka.stop();
  });

  it.each([CompressionTypes.None, CompressionTypes.GZIP])(
    'hands over records as they were sent, compression %i',
    async (compression) => {
      const kafka = await clients.brokerWith('t');
      const producer = await clients.producer(kafka, { createPartitioner });
      const [answer] = await producer.send({
        topic: 't',
        compression,
        messages: [
          { key: 'a', value: 'é', headers: { origin: 'here', empty: '' }, timestamp: '1700000000000' },
          { key: 'b', value: null, timestamp: '1700000000005' },
          { value: '', timestamp: '1700000000009' },
        ],
      });
      expect(answer).toMatchObject({ errorCode: 0, baseOffset: '0', logAppendTime: '-1', logStartOffset: '0' });
      const { seen } = await clients.reader(kafka, { topics: ['t'] });
      await eventually('three records', () => seen.length === 3);
      expect(
        seen.map(({ key, value, offset, timestamp, headers }) => [key, value, offset, timestamp, headers]),
      ).toEqual([
        ['a', 'é', '0', '1700000000000', { origin: 'here', empty: '' }],
        ['b', null, '1', '1700000000005', {}],
        [null, '', '2', '1700000000009', {}],
      ]);
    },
  );

  it('keeps the order of every partition through thousands of records', async () => {
    const kafka = await clients.brokerWith('t', 3);
    const producer = await clients.producer(kafka, { createPartitioner });
    const { seen } = await clients.reader(kafka, { topics: ['t'], maxBytesPerPartition: 5_000 });
    for (let round = 0; round < 20; round += 1) {
      const messages = Array.from({ length: 150 }, (_, index) => ({
        value: String(round * 150 + index),
        partition: index % 3,
      }));
      await producer.send({ topic: 't', messages });
    }
    await eventually('3,000 records', () => seen.length === 3_000);
    for (const partition of [0, 1, 2]) {
      const own = seen.filter((record) => record.partition === partition);
      expect(own.map(({ offset }) => Number(offset))).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
      expect(own.map(({ value }) => Number(value) % 3)).toEqual(Array(1_000).fill(partition));
    }
  });

  it('wakes a waiting fetch at once when there is a record, on a clock that stands still', async () => {
    const kafka = await clients.broker({ clock: new ManualClock() });
    await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't' }, { topic: 'other' }] });
    const producer = await clients.producer(kafka, { createPartitioner });
    const reader = await RawClient.open(kafka.address);
    reader.send('Fetch', (w) => {
      w.int32(-1).int32(60_000).int32(1).int32(1e6).int8(0).int32(0).int32(-1);
      w.array(['t'], (name) =>
        w.string(name).array([0], (index) => w.int32(index).int32(-1).int64(0n).int64(-1n).int32(1e6)),
      );
      w.array([], () => undefined).string('');
    });
    await eventually('the fetch waits', () => kafka.stats().fetchWaits === 1);
    await producer.send({ topic: 'other', messages: [{ value: 'x' }] });
    expect(kafka.stats().fetchWaits).toBe(1);
    await producer.send({ topic: 't', messages: [{ value: 'y' }] });
    expect(String((await reader.answer())?.reader.remaining)).toMatch(/^\d{3}$/);
    expect(kafka.stats().fetchWaits).toBe(0);
    reader.socket.destroy();
  });

  it('stamps records with the time of their append where the topic asks for it', async () => {
    const clock = new ManualClock(1_800_000_000_000);
    const kafka = await clients.broker({ clock });
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't', configEntries }] });
    const producer = await clients.producer(kafka, { createPartitioner });
    const [answer] = await producer.send({ topic: 't', messages: [{ value: 'x', timestamp: '5' }] });
    expect(answer?.logAppendTime).toBe('1800000000000');
    const { seen } = await clients.reader(kafka, { topics: ['t'], maxWaitTimeInMs: 1 });
    await eventually('the record', () => seen.length === 1);
    expect(seen[0]?.timestamp).toBe('1800000000000');
    let isClosed = false;
    void clients.close().then(() => (isClosed = true));
    await eventually('all is closed', async () => {
      await clock.advance(10);
      return isClosed;
    });
  });

  it('finds offsets by time, at the ends, and behind deleted records', async () => {
    const kafka = await clients.brokerWith('t', 1, { 'retention.ms': '-1' });
    const producer = await clients.producer(kafka, { createPartitioner });
    const messages = [100, 200, 300, 400].map((time) => ({ value: 'x', timestamp: String(1_700_000_000_000 + time) }));
    await producer.send({ topic: 't', messages });
    const admin = await clients.admin(kafka);
    const since = async (time: number): Promise<string | undefined> =>
      (await admin.fetchTopicOffsetsByTimestamp('t', 1_700_000_000_000 + time))[0]?.offset;
    expect([await since(0), await since(200), await since(201), await since(401)]).toEqual(['0', '1', '2', '4']);
    await admin.fetchTopicOffsets('t');
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '3' }] });
    expect(await since(0)).toBe('3');
    expect(await admin.fetchTopicOffsets('t')).toEqual([{ partition: 0, offset: '4', low: '3', high: '4' }]);
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '-1' }] });
    expect(await admin.fetchTopicOffsets('t')).toEqual([{ partition: 0, offset: '4', low: '4', high: '4' }]);
  });

  it('seeks, and starts over when an offset lies before the start or behind the end', async () => {
    const kafka = await clients.brokerWith('t');
    const producer = await clients.producer(kafka, { createPartitioner });
    for (const value of ['0', '1', '2', '3', '4']) await producer.send({ topic: 't', messages: [{ value }] });
    const { consumer, seen } = await clients.reader(kafka, { topics: ['t'] });
    const seenAfterSeek = async (offset: string, expected: string[]): Promise<void> => {
      await eventually('a quiet reader', () => seen.at(-1)?.value === '4');
      seen.length = 0;
      consumer.seek({ topic: 't', partition: 0, offset });
      await eventually(`the records since ${offset}`, () => seen.at(-1)?.value === '4');
      expect(seen.map(({ value }) => value)).toEqual(expected);
    };
    await seenAfterSeek('3', ['3', '4']);
    await seenAfterSeek('99', ['0', '1', '2', '3', '4']);
    kafka.faults.truncateBefore({ topic: 't', partition: 0 }, 2n);
    await seenAfterSeek('0', ['2', '3', '4']);
  });

  it('compacts a topic on demand, and shows readers the last of every key at its offset', async () => {
    const kafka = await clients.brokerWith('t', 1, { 'cleanup.policy': 'compact' });
    const producer = await clients.producer(kafka, { createPartitioner });
    const send = (...keys: string[]): Promise<unknown> =>
      producer.send({ topic: 't', messages: keys.map((key, index) => ({ key, value: `${keys.length}.${index}` })) });
    await send('a', 'b', 'a', 'c');
    await send('b', 'd');
    await send('e');
    kafka.compact('t');
    const { seen } = await clients.reader(kafka, { topics: ['t'] });
    await eventually('the last record', () => seen.at(-1)?.key === 'e');
    expect(seen.map(({ key, offset, value }) => [key, offset, value])).toEqual([
      ['a', '2', '4.2'],
      ['c', '3', '4.3'],
      ['b', '4', '2.0'],
      ['d', '5', '2.1'],
      ['e', '6', '1.0'],
    ]);
    await expect(producer.send({ topic: 't', messages: [{ value: 'no key' }] })).rejects.toMatchObject({
      type: 'INVALID_RECORD',
    });
    expect(() => kafka.compact('u')).toThrow(expect.objectContaining({ code: 'TOPIC_MISSING' }));
  });

  it('cleans in turn: retention, compaction, idle groups', async () => {
    const clock = new ManualClock(1_700_000_000_000);
    const kafka = await clients.broker({ clock, cleanIntervalMs: 1_000 });
    const topic = (name: string, config: string, value: string): object => ({
      topic: name,
      configEntries: [{ name: config, value }],
    });
    const admin = await clients.admin(kafka);
    const topics = [topic('brief', 'retention.ms', '500'), topic('last', 'cleanup.policy', 'compact')] as {
      topic: string;
    }[];
    await admin.createTopics({ topics });
    const producer = await clients.producer(kafka, { createPartitioner });
    for (const name of ['brief', 'last', 'last', 'last']) {
      await producer.send({ topic: name, messages: [{ key: 'k', value: 'v', timestamp: '1700000000000' }] });
    }
    const bytes = kafka.stats().bytes;
    const raw = await RawClient.open(kafka.address);
    const member = await raw.join('idle', { sessionTimeoutMs: 6_000 });
    expect([member.error, kafka.stats().groups]).toEqual(['NONE', 1]);
    await clock.advance(1_000);
    expect(kafka.stats().bytes).toBe(bytes / 4);
    await clock.advance(7_000);
    expect(kafka.stats().groups).toBe(0);
    raw.socket.destroy();
  });

  it('gives idempotent producers what they need, and appends a retried batch once', async () => {
    const kafka = await clients.brokerWith('t');
    const producer = await clients.producer(kafka, { createPartitioner, idempotent: true, maxInFlightRequests: 1 });
    await producer.send({ topic: 't', messages: [{ value: 'a' }] });
    kafka.faults.loseAnswer('Produce');
    await producer.send({ topic: 't', messages: [{ value: 'b' }] });
    await producer.send({ topic: 't', messages: [{ value: 'c' }] });
    const { seen } = await clients.reader(kafka, { topics: ['t'] });
    await eventually('three records', () => seen.length >= 3);
    expect(seen.map(({ value }) => value)).toEqual(['a', 'b', 'c']);
  });

  it('serves fifty readers of one topic, each of which sees everything', async () => {
    const kafka = await clients.brokerWith('t', 4);
    const producer = await clients.producer(kafka, { createPartitioner });
    const readers = await Promise.all(Array.from({ length: 50 }, () => clients.reader(kafka, { topics: ['t'] })));
    await eventually('all wait', () => kafka.stats().fetchWaits >= 150);
    for (let round = 0; round < 20; round += 1) {
      await producer.send({
        topic: 't',
        messages: Array.from({ length: 10 }, (_, index) => ({ key: String(index), value: 'x' })),
      });
    }
    await eventually('50 × 200 records', () => readers.every(({ seen }) => seen.length === 200));
    expect(kafka.stats().groups).toBe(50);
    await clients.close();
    expect(kafka.stats()).toMatchObject({ connections: 0, fetchWaits: 0 });
  }, 30_000);

  it('refuses options that cannot be, and a port that is taken', async () => {
    expect(() => new EmbeddedKafka({ defaultPartitions: 0 })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTIONS',
        context: expect.objectContaining({ option: 'defaultPartitions', got: 0 }),
      }),
    );
    const kafka = await clients.broker();
    const other = new EmbeddedKafka({ port: Number(kafka.address.split(':')[1]) });
    await expect(other.start()).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE' });
  });
});
