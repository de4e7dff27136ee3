import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { Partitioners } from 'kafkajs';
import { apiNames } from './api-table.js';
import { type EmbeddedKafka } from './embedded-kafka.js';
import { errorCodes } from './error-codes.js';
import { KafkaClients } from './testing/kafka-clients.js';
import { RawClient } from './testing/raw-client.js';

let clients: KafkaClients;
beforeEach(() => {
  clients = new KafkaClients();
});
afterEach(() => clients.close());

type Producer = Awaited<ReturnType<KafkaClients['producer']>>;

async function brokerAndProducer(): Promise<{
  kafka: EmbeddedKafka;
  producer: Producer;
  send: (value: string) => Promise<unknown>;
}> {
  const kafka = await clients.brokerWith('t');
  const producer = await clients.producer(kafka, { createPartitioner: Partitioners.DefaultPartitioner });
  const send = (value: string): Promise<unknown> => producer.send({ topic: 't', messages: [{ value }] });
  await send('first');
  return { kafka, producer, send };
}

async function valuesIn(kafka: EmbeddedKafka, last: string): Promise<(string | null)[]> {
  const { seen } = await clients.reader(kafka, { topics: ['t'] });
  await eventually(last, () => seen.some(({ value }) => value === last));
  return seen.map(({ value }) => value);
}

describe('faults of the embedded Kafka', () => {
  it('drop the connection before a request is carried out', async () => {
    const { kafka, send } = await brokerAndProducer();
    kafka.faults.dropConnection('Produce', 2);
    await send('second');
    expect(kafka.stats().requests.Produce).toBe(4);
    expect(await valuesIn(kafka, 'second')).toEqual(['first', 'second']);
  });

  it('lose the answer to a request that was carried out', async () => {
    const { kafka, send } = await brokerAndProducer();
    kafka.faults.loseAnswer('Produce');
    await send('second');
    await send('third');
    expect(await valuesIn(kafka, 'third')).toEqual(['first', 'second', 'second', 'third']);
  });

  it('answer an error as often as they were told to', async () => {
    const { kafka, send } = await brokerAndProducer();
    kafka.faults.answerError('Produce', 'NOT_LEADER_FOR_PARTITION', 2);
    await send('second');
    kafka.faults.answerError('Produce', 'TOPIC_AUTHORIZATION_FAILED');
    await expect(send('third')).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    kafka.faults.answerError('Produce', 'TOPIC_AUTHORIZATION_FAILED');
    kafka.faults.clear();
    await send('fourth');
    expect(await valuesIn(kafka, 'fourth')).toEqual(['first', 'second', 'fourth']);
  });

  it('delay a request by the broker’s clock, and with it those behind it on its connection only', async () => {
    const clock = new ManualClock();
    const kafka = await clients.broker({ clock });
    const [slow, quick] = [await RawClient.open(kafka.address), await RawClient.open(kafka.address)];
    kafka.faults.delay('ListGroups', 1_000);
    slow.send('ListGroups', () => undefined);
    slow.send('ApiVersions', () => undefined);
    let answers = 0;
    const first = slow.answer().then((answer) => ((answers += 1), answer));
    await eventually('it is held', () => kafka.stats().requests.ListGroups === 1);
    await quick.ask('ListGroups', () => undefined);
    await clock.advance(999);
    expect(answers).toBe(0);
    await clock.advance(1);
    expect([(await first)?.correlationId, (await slow.answer())?.correlationId]).toEqual([1, 2]);
    slow.socket.destroy();
    quick.socket.destroy();
  });

  it('take the leader away until it is elected again', async () => {
    const { kafka, send } = await brokerAndProducer();
    const { seen } = await clients.reader(kafka, { topics: ['t'] });
    await eventually('the first record', () => seen.length === 1);
    const elect = kafka.faults.loseLeader('t');
    let isSent = false;
    const sending = send('second').then(() => (isSent = true));
    const before = kafka.stats().requests.Metadata;
    await eventually('clients look for the leader', () => kafka.stats().requests.Metadata > before + 1);
    expect(isSent).toBe(false);
    elect();
    await sending;
    await eventually('the second record', () => seen.some(({ value }) => value === 'second'));
  });

  it('forbid writes into one topic until they are allowed again', async () => {
    const { kafka, send } = await brokerAndProducer();
    const allow = kafka.faults.forbidWrites('t');
    await expect(send('second')).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    await expect(send('third')).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    allow();
    await send('fourth');
    expect(await valuesIn(kafka, 'fourth')).toEqual(['first', 'fourth']);
    expect(() => kafka.faults.forbidWrites('u')).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
  });

  it('refuse reads of one partition until its disk is mended', async () => {
    const { kafka, send } = await brokerAndProducer();
    const { seen } = await clients.reader(kafka, { topics: ['t'] });
    await eventually('the first record', () => seen.length === 1);
    const mend = kafka.faults.breakDisk({ topic: 't', partition: 0 });
    await send('second');
    const before = kafka.stats().requests.Fetch;
    await eventually('reads are tried', () => kafka.stats().requests.Fetch > before + 1);
    expect(seen).toHaveLength(1);
    mend();
    await eventually('the second record', () => seen.some(({ value }) => value === 'second'));
    expect(() => kafka.faults.breakDisk({ topic: 't', partition: 1 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });

  it('lose acknowledged records and give their offsets again', async () => {
    const { kafka, send } = await brokerAndProducer();
    await send('lost');
    kafka.faults.truncateFrom({ topic: 't', partition: 0 }, 1n);
    await send('second');
    expect(await valuesIn(kafka, 'second')).toEqual(['first', 'second']);
  });

  it('plant an empty batch, which takes offsets and shows no record', async () => {
    const { kafka, send } = await brokerAndProducer();
    kafka.faults.plantEmptyBatch({ topic: 't', partition: 0 }, 3);
    await send('second');
    const admin = await clients.admin(kafka);
    expect(await admin.fetchTopicOffsets('t')).toMatchObject([{ low: '0', high: '5' }]);
    expect(await valuesIn(kafka, 'second')).toEqual(['first', 'second']);
  });

  it('cut off every client', async () => {
    const { kafka, send } = await brokerAndProducer();
    expect(kafka.stats().connections).toBeGreaterThan(0);
    kafka.faults.dropConnections();
    await eventually('no connection', () => kafka.stats().connections === 0);
    await send('second');
  });

  it('say so when they would hit nothing', async () => {
    const { kafka } = await brokerAndProducer();
    const nothing = expect.objectContaining({ code: 'INVALID_OPTIONS' });
    expect(() => kafka.faults.loseLeader('u')).toThrow(nothing);
    expect(() => kafka.faults.loseLeader('t', 1)).toThrow(nothing);
    expect(() => kafka.faults.truncateBefore({ topic: 't', partition: 1 }, 0n)).toThrow(nothing);
  });

  it.each(apiNames.filter((name) => name !== 'ApiVersions'))('can answer an error to %s', async (api) => {
    const kafka = await clients.brokerWith('t');
    const raw = await RawClient.open(kafka.address);
    const answersCode81 = async (): Promise<boolean> => {
      const reader = await raw.ask(api, requestBodies[api]);
      const bytes = Buffer.from(Array.from({ length: reader.remaining }, () => reader.int8()));
      return bytes.includes(Buffer.from([0, errorCodes.GROUP_MAX_SIZE_REACHED]));
    };
    kafka.faults.answerError(api, 'GROUP_MAX_SIZE_REACHED');
    expect([await answersCode81(), await answersCode81()]).toEqual([true, false]);
    raw.socket.destroy();
  });
});

type Body = Parameters<RawClient['ask']>[1];
const oneTopic =
  (partition: Body): Body =>
  (w) =>
    w.array(['t'], (name) => w.string(name).array([0], () => partition(w)));

/** A request of every kind that names one thing. */
const requestBodies: Record<(typeof apiNames)[number], Body> = {
  ApiVersions: () => undefined,
  Produce: (w) => (w.string(null).int16(1).int32(1_000), oneTopic(() => w.int32(0).bytes(Buffer.alloc(1)))(w)),
  Fetch: (w) => {
    w.int32(-1).int32(0).int32(1).int32(1e6).int8(0).int32(0).int32(-1);
    oneTopic(() => w.int32(0).int32(-1).int64(0n).int64(-1n).int32(1e6))(w);
    w.array([], () => undefined).string('');
  },
  ListOffsets: (w) => (w.int32(-1).int8(0), oneTopic(() => w.int32(0).int64(-1n))(w)),
  Metadata: (w) => w.array(['t'], (name) => w.string(name)).boolean(false),
  OffsetCommit: (w) => (w.string('g').int32(-1).string(''), oneTopic(() => w.int32(0).int64(0n).string(null))(w)),
  OffsetFetch: (w) => (w.string('g'), oneTopic(() => w.int32(0))(w)),
  FindCoordinator: (w) => w.string('g').int8(0),
  JoinGroup: (w) =>
    w
      .string('g')
      .int32(10_000)
      .int32(1_000)
      .string('')
      .string(null)
      .string('consumer')
      .array([], () => undefined),
  Heartbeat: (w) => w.string('g').int32(1).string('m').string(null),
  LeaveGroup: (w) => w.string('g').array([], () => undefined),
  SyncGroup: (w) =>
    w
      .string('g')
      .int32(1)
      .string('m')
      .string(null)
      .array([], () => undefined),
  DescribeGroups: (w) => w.array(['g'], (id) => w.string(id)),
  ListGroups: () => undefined,
  CreateTopics: (w) => {
    w.array(['u'], (name) => w.string(name).int32(-1).int16(-1).int32(0).int32(0));
    w.int32(1_000).boolean(false);
  },
  DeleteTopics: (w) => w.array(['t'], (name) => w.string(name)).int32(1_000),
  DeleteRecords: (w) => (oneTopic(() => w.int32(0).int64(0n))(w), w.int32(1_000)),
  InitProducerId: (w) => w.string(null).int32(1_000),
  DescribeConfigs: (w) => w.array(['t'], (name) => w.int8(2).string(name).int32(-1)).boolean(false),
  AlterConfigs: (w) => w.array(['t'], (name) => w.int8(2).string(name).int32(0)).boolean(false),
  CreatePartitions: (w) =>
    w
      .array(['t'], (name) => w.string(name).int32(2).int32(-1))
      .int32(1_000)
      .boolean(false),
  DeleteGroups: (w) => w.array(['g'], (id) => w.string(id)),
};
