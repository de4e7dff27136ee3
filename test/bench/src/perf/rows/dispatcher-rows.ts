import { randomUUID } from 'node:crypto';
import { createKafkaClient, GroupConsumer, KafkaProducer } from '@tidemark/kafka';
import { Dispatcher, type EventSink, type RouteStore } from '@tidemark/pipeline';
import { encodeEvent, formatWriteId, headerName, partitionOf, topicNames } from '@tidemark/protocol';
import { type Message } from 'kafkajs';
import { overriding } from '../../races/libraries/overriding.js';
import { kafkaAt, withBroker } from '../broker.js';
import { Meter } from '../meter.js';
import { type BenchRow, type Plan } from '../row.js';
import { keysOf } from '../workload.js';

const table = 'bench';
/** Its own in every process: a broker that was there before keeps its topics. */
const names = topicNames(`bench-${randomUUID().slice(0, 8)}`);
const source = names.cdc(table);
const target = names.cache(table);
const partitions = 4;
/** The dispatcher's default. */
const recordsASend = 500;
const valueBytes = Number(process.env['TIDEMARK_BENCH_VALUE_BYTES'] ?? 200);
const value = Buffer.from(JSON.stringify({ id: 1, note: 'x'.repeat(valueBytes - 20) }));

/** What the dispatcher costs where it has one target and changes nothing. */
export const dispatcherRows: readonly BenchRow[] = [
  {
    name: 'dispatcher-vs-bare-loop',
    what: 'events of 200 bytes through a dispatcher with one target, beside a loop that consumes and sends with kafkajs, on the embedded broker',
    goal: { compared: 'ratio', rule: 'at least', bound: 0.85 },
    unit: 'events per CPU-second',
    lowerIsBetter: false,
    tidemark: throughDispatcher,
    rival: {
      name: 'kafkajs',
      settings:
        '`eachBatch` over four partitions at once, `producer.send` of 500 messages with their partitions and headers, `acks: -1`, autocommit',
      measure: throughBareLoop,
    },
    note: 'The broker runs in a process of its own and is not in the figure, which is the CPU of all threads from the first send to the last acknowledgement. Half of what kafkajs spends on this loop goes into encoding: Tidemark encodes its produce requests itself and groups messages in one go (decision 13). Beside a loop that is given the same encoding the ratio is about 0.97; with both encoded by kafkajs it is about 0.8.',
    whyBehind:
      'each record is looked at for control records, gaps and watermarks, and is given a header with its place in the table topic',
  },
  {
    name: 'dispatcher-rate',
    what: 'events of 200 bytes through a dispatcher with one target, on the embedded broker',
    goal: { compared: 'figure', rule: 'at least', bound: 50_000 },
    unit: 'events per CPU-second',
    lowerIsBetter: false,
    tidemark: throughDispatcher,
  },
];

function throughDispatcher({ quick }: Plan): Promise<number> {
  return withBroker(async (address) => {
    const meter = new Meter(await prepare(address, eventsOf(quick)));
    const client = createKafkaClient({ brokers: [address] });
    const producer = new KafkaProducer({ client, names });
    const sink = overriding<EventSink>(producer, {
      async send(topic, records, signal) {
        meter.sending();
        await producer.send(topic, records, signal);
        meter.acknowledged(records.filter(({ record }) => record.key !== null).length);
      },
    });
    const consumer = new GroupConsumer({ client, groupId: names.dispatcherGroup });
    const dispatcher = new Dispatcher({ source: consumer, sink, routes: oneRoute, names });
    await dispatcher.start();
    return meter.done;
  });
}

function throughBareLoop({ quick }: Plan): Promise<number> {
  return withBroker(async (address) => {
    const meter = new Meter(await prepare(address, eventsOf(quick)));
    const kafka = kafkaAt(address);
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: `${names.prefix}.bare` });
    await Promise.all([producer.connect(), consumer.connect()]);
    await consumer.subscribe({ topic: source, fromBeginning: true });
    await consumer.run({
      partitionsConsumedConcurrently: partitions,
      eachBatch: async ({ batch: { partition, messages } }) => {
        meter.sending();
        for (let at = 0; at < messages.length; at += recordsASend) {
          const part = messages.slice(at, at + recordsASend);
          const sent = part.map(({ key, value, headers }) => ({ partition, key, value, headers }));
          await producer.send({ topic: target, acks: -1, messages: sent });
          meter.acknowledged(part.length);
        }
      },
    });
    return meter.done;
  });
}

function eventsOf(quick: boolean): number {
  return quick ? 40_000 : 120_000;
}

/** Makes both topics, and fills the table topic; how many events there are. */
async function prepare(address: string, events: number): Promise<number> {
  const kafka = kafkaAt(address);
  const admin = kafka.admin();
  await admin.connect();
  const topics = [source, target].map((topic) => ({ topic, numPartitions: partitions }));
  await admin.createTopics({ topics });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const keys = keysOf(1_000).map((key) => `bench:${key}`);
  for (let at = 0; at < events; at += recordsASend)
    await producer.send({ topic: source, messages: messagesOf(keys, at, recordsASend) });
  await producer.disconnect();
  return events;
}

function messagesOf(keys: readonly string[], from: number, count: number): Message[] {
  return Array.from({ length: count }, (_, index) => {
    const version = from + index;
    const key = keys[version % keys.length] ?? '';
    const ids = { from: idOf(version), to: idOf(version + keys.length), stampUs: 1_800_000_000_000_000 + version };
    const place = { lane: 'cdc', region: 'local', position: `shard-0:${version}` } as const;
    const { header } = encodeEvent({
      table,
      key,
      kind: 'modify',
      ...ids,
      ...place,
      expiresAt: null,
      codec: null,
      value,
    });
    return { key, value, partition: partitionOf(key, partitions), headers: { [headerName]: header } };
  });
}

function idOf(version: number): string {
  return formatWriteId({ ms: 1_800_000_000_000 + version, counter: 0, incarnation: '0123456789abcdef' });
}

const oneRoute: RouteStore = {
  async open(onRoute) {
    const by = { changedAt: 0, changedBy: 'bench' };
    onRoute({ table, version: 1, writerEpoch: 1, topics: { [target]: 1 }, deleted: false, ...by });
  },
  barrier: async () => undefined,
  close: async () => undefined,
};
