import assert from 'node:assert/strict';
import { type WireRecord } from '@tidemark/protocol';
import { partitionOf } from '@tidemark/protocol';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { KafkaProducer, type KafkaProducerOptions } from '../producer.js';
import { KafkaTopicAdmin } from '../topic-admin.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { firsts } from './load.js';
import { readAll } from './read-all.js';
import { RecordingFeed } from './recording-feed.js';
import { silentTopicClient } from './silent-topic-client.js';

const { signal } = new AbortController();

/** What the pipeline and the pods rely on when they write, and what the control plane may do to topics. */
export function producerCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `producer: ${name}`, run);
  return [
    on('keeps the order of concurrent calls in each partition', order),
    on('keeps the order when connections are cut', orderWhenCut),
    on('sends more than fits a request, in order', large),
    on('publishes into the partition of the key, and without a key into every one', publishes),
    on('tells where each record stands, over requests, callers and partitions', places),
    on('hazard 41: tells a place of each record also when connections are cut and records come twice', placesWhenCut),
    on('carries a record’s place in its table topic to those who read', carriesPlaces),
    on('says that a topic is missing', missing),
    on('makes a missing topic where it may', makes),
    on('hazard 57: writes to a new topic after one it wrote to was deleted', afterDeletion),
    on('fails a record that no broker takes, and nothing beside it', tooLarge),
    on('does not call a partition that does not exist written', unknownPartition),
    on('ends in its time when the brokers do not answer', ends),
    on('is given up by its caller at once', abandoned),
    on('waits for no other topic where each has a connection', silentTopic),
    on('lists topics, and makes them once', admin),
  ];
}

function producerOf(world: ContractWorld, options: Partial<KafkaProducerOptions> = {}): KafkaProducer {
  return world.keep(new KafkaProducer({ client: world.client, names: world.names, ...options }), (one) => one.close());
}

const record = (value: string | number, key = 'k'): WireRecord => ({
  key,
  value: Buffer.from(String(value)),
  header: 'h',
});

async function order(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t', 3);
  const producer = producerOf(world);
  const calls = range(0, 300).map((i) =>
    producer.send(
      topic,
      range(0, 3).map((partition) => ({ partition, record: record(i) })),
      signal,
    ),
  );
  await Promise.all(calls);
  for (const partition of range(0, 3))
    assert.deepEqual((await readAll(world, topic, partition)).map(Number), range(0, 300));
}

async function orderWhenCut(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t', 2);
  const client = world.mortal();
  const producer = producerOf(world, { client });
  const calls: Promise<void>[] = [];
  for (const i of range(0, 400)) {
    calls.push(producer.send(topic, [{ partition: i % 2, record: record(i) }], signal));
    if (i % 100 === 50) client.cut();
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(calls);
  for (const partition of [0, 1]) {
    const numbers = [...new Set((await readAll(world, topic, partition)).map(Number))];
    assert.deepEqual(
      numbers,
      range(0, 400).filter((i) => i % 2 === partition),
    );
  }
}

async function large(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t', 2);
  const padding = 'x'.repeat(400);
  const records = range(0, 10_000).map((i) => ({ partition: i % 2, record: record(`${i} ${padding}`) }));
  const big = range(10_000, 10_020).map((i) => ({ partition: i % 2, record: record(`${i} ${'y'.repeat(300_000)}`) }));
  await producerOf(world).send(topic, [...records, ...big], signal);
  for (const partition of [0, 1])
    assert.deepEqual(
      (await readAll(world, topic, partition)).map((value) => Number.parseInt(value, 10)),
      range(0, 10_020).filter((i) => i % 2 === partition),
    );
}

async function publishes(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.users', 4);
  const producer = producerOf(world);
  const keys = range(0, 20).map((i) => `bucket:ü${i}`);
  await producer.publish(
    'users',
    keys.map((key) => record(key, key)),
    { timeoutMs: 10_000 },
  );
  await producer.publish('users', [{ key: null, value: null, header: 'control' }], { timeoutMs: 10_000 });
  for (const partition of range(0, 4)) {
    const mine = keys.filter((key) => partitionOf(key, 4) === partition);
    assert.deepEqual(await readAll(world, topic, partition), [...mine, '']);
  }
}

/** What stands at the places told, against what was to stand there. */
async function assertPlaced(
  world: ContractWorld,
  topic: string,
  told: readonly { readonly partition: number; readonly offset: number; readonly value: string }[],
): Promise<void> {
  for (const partition of new Set(told.map((one) => one.partition))) {
    const values = await readAll(world, topic, partition);
    const mine = told.filter((one) => one.partition === partition);
    assert.deepEqual(
      mine.map(({ offset }) => values[offset]),
      mine.map(({ value }) => value),
    );
  }
}

async function places(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.users', 3);
  const producer = producerOf(world, { requestRecordsMax: 7 });
  const calls = range(0, 20).map(async (i) => {
    const records = range(0, 25).map((n) => record(`${i}/${n}`, `k${(i * 7 + n) % 11}`));
    const told = await producer.publish('users', records, { timeoutMs: 20_000 });
    assert.equal(told.length, records.length);
    return told.map((place, n) => ({ ...place, value: `${i}/${n}` }));
  });
  const told = (await Promise.all(calls)).flat();
  assert.equal(new Set(told.map(({ partition, offset }) => `${partition}:${offset}`)).size, 500);
  await assertPlaced(world, topic, told);
}

async function placesWhenCut(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.users', 2);
  const client = world.mortal();
  const producer = producerOf(world, { client });
  const calls: Promise<{ partition: number; offset: number; value: string }[]>[] = [];
  for (const i of range(0, 200)) {
    const sent = producer.publish('users', [record(i, `k${i % 5}`)], { timeoutMs: 20_000 });
    calls.push(sent.then((told) => told.map((place) => ({ ...place, value: String(i) }))));
    if (i % 50 === 25) client.cut();
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const told = (await Promise.all(calls)).flat();
  assert.equal(told.length, 200);
  await assertPlaced(world, topic, told);
  for (const partition of [0, 1]) {
    const offsets = told.filter((one) => one.partition === partition).map(({ offset }) => offset);
    assert.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    );
  }
}

async function carriesPlaces(world: ContractWorld): Promise<void> {
  await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  const topic = await world.topic('cache.a');
  const recording = new RecordingFeed(world);
  await recording.feed.open(recording);
  await recording.feed.tail([topic]);
  const records = [{ ...record('a'), src: 90_071_992_547 }, record('b')];
  await producerOf(world).send(
    topic,
    records.map((one) => ({ partition: 0, record: one })),
    signal,
  );
  await eventually('both', () => recording.values(topic).length === 2);
  assert.deepEqual(recording.sources, [90_071_992_547, undefined]);
}

async function missing(world: ContractWorld): Promise<void> {
  const producer = producerOf(world);
  const topic = `${world.names.prefix}.nowhere`;
  await assert.rejects(producer.partitionsOf(topic, signal), { code: 'TOPIC_MISSING' });
  await assert.rejects(producer.send(topic, [{ partition: 0, record: record(0) }], signal), { code: 'TOPIC_MISSING' });
  await assert.rejects(producer.publish('nowhere', [record(0)], { timeoutMs: 5_000 }), { code: 'TOPIC_MISSING' });
  await world.topic('nowhere');
  await producer.send(topic, [{ partition: 0, record: record(1) }], signal);
  assert.deepEqual(await readAll(world, topic, 0), ['1']);
}

async function makes(world: ContractWorld): Promise<void> {
  const producer = producerOf(world, { createTopics: { partitions: 3, replicationFactor: world.replicationFactor } });
  const topic = `${world.names.prefix}.made`;
  const counts = await Promise.all([producer.partitionsOf(topic, signal), producer.partitionsOf(topic, signal)]);
  assert.deepEqual(counts, [3, 3]);
  await producer.send(`${topic}2`, [{ partition: 2, record: record(0) }], signal);
  assert.deepEqual(await readAll(world, `${topic}2`, 2), ['0']);
  const existing = await world.topic('existing', 2);
  assert.equal(await producer.partitionsOf(existing, signal), 2);
}

async function afterDeletion(world: ContractWorld): Promise<void> {
  const [old, known] = [await world.topic('old'), await world.topic('known')];
  const producer = producerOf(world);
  for (const topic of [old, known]) await producer.send(topic, [{ partition: 0, record: record(0) }], signal);
  await world.deleteTopic(old);
  const fresh = await world.topic('fresh');
  for (const topic of [fresh, known, fresh]) await producer.send(topic, [{ partition: 0, record: record(1) }], signal);
  assert.deepEqual(await readAll(world, fresh, 0), ['1', '1']);
  assert.deepEqual(await readAll(world, known, 0), ['0', '1']);
}

async function tooLarge(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t', 1, { 'max.message.bytes': '20000' });
  const producer = producerOf(world);
  const send = (value: string): Promise<void> =>
    producer.send(topic, [{ partition: 0, record: record(value) }], signal);
  const results = await Promise.allSettled([
    send('1'),
    send('x'.repeat(50_000)),
    send('2'),
    send('x'.repeat(2_000_000)),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  );
  for (const result of results)
    if (result.status === 'rejected') assert.equal((result.reason as { code: string }).code, 'PUBLISH_FAILED');
  assert.deepEqual(await readAll(world, topic, 0), ['1', '2']);
}

async function unknownPartition(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t', 2);
  const producer = producerOf(world, { publishTimeoutMs: 3_000 });
  await assert.rejects(producer.send(topic, [{ partition: 7, record: record(0) }], signal), { code: 'PUBLISH_FAILED' });
}

async function ends(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.users', 1);
  const client = world.mortal();
  const producer = producerOf(world, { client, publishTimeoutMs: 1_500 });
  await producer.publish('users', [record(0)], { timeoutMs: 10_000 });
  client.sever();
  const startedMs = performance.now();
  await assert.rejects(producer.publish('users', [record(1)], { timeoutMs: 500 }), { code: 'TIMEOUT' });
  await assert.rejects(producer.send(topic, [{ partition: 0, record: record(2) }], signal), { code: 'PUBLISH_FAILED' });
  assert.ok(performance.now() - startedMs < 4_000);
  client.mend();
  await eventually('a send', async () => {
    const sent = producer.send(topic, [{ partition: 0, record: record(3) }], signal);
    return sent.then(
      () => true,
      () => false,
    );
  });
}

async function silentTopic(world: ContractWorld): Promise<void> {
  const [silent, fine] = [await world.topic('silent'), await world.topic('fine')];
  const client = world.keep(silentTopicClient(world.harness.brokers, silent), async (one) => one.heal());
  const producer = producerOf(world, { client, connectionsMax: 8 });
  client.silence();
  let answered = false;
  const waiting = Promise.all(
    range(0, 3).map((i) => producer.send(silent, [{ partition: 0, record: record(i) }], signal)),
  ).then(() => (answered = true));
  await eventually('a request without an answer', () => client.silenced === 1);
  for (const i of range(0, 20)) await producer.send(fine, [{ partition: 0, record: record(i) }], signal);
  assert.deepEqual([answered, client.silenced], [false, 1]);
  client.heal();
  await waiting;
  assert.deepEqual(firsts((await readAll(world, silent, 0)).map(Number)), range(0, 3));
  assert.deepEqual((await readAll(world, fine, 0)).map(Number), range(0, 20));
}

async function abandoned(world: ContractWorld): Promise<void> {
  const topic = await world.topic('t');
  const client = world.mortal();
  const producer = producerOf(world, { client });
  client.sever();
  const aborter = new AbortController();
  const sent = producer.send(topic, [{ partition: 0, record: record(0) }], aborter.signal);
  aborter.abort();
  await assert.rejects(sent, { code: 'ABORTED' });
}

async function admin(world: ContractWorld): Promise<void> {
  const { client, replicationFactor } = world;
  const topics = new KafkaTopicAdmin({ client, replicationFactor });
  const topic = `${world.names.prefix}.made`;
  assert.equal(await topics.partitionsOf(topic, signal), undefined);
  await topics.create(topic, 3, signal);
  await eventually('the topic', async () => (await topics.partitionsOf(topic, signal)) === 3);
  await topics.create(topic, 3, signal);
  await assert.rejects(topics.create(topic, 4, signal), { code: 'PARTITION_MISMATCH' });
  assert.deepEqual(await topics.list(`${world.names.prefix}.`, signal), [topic]);
  assert.deepEqual(await producerOf(world).listTopics(`${world.names.prefix}.m`, signal), [topic]);
}
