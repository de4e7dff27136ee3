import assert from 'node:assert/strict';
import { encodeRoute, type Route } from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { type ContractCase, eventually, recordingLogger } from '@tidemark/runtime/testing';
import { CompactedTopic } from '../compacted-topic.js';
import { RouteTopic, type RouteTopicOptions } from '../route-topic.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { readAll } from './read-all.js';
import { keyText } from '../wire.js';
import { Partitioners } from 'kafkajs';

const { signal } = new AbortController();

/** What readers and the writer of the routing table rely on. */
export function routeTopicCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `route topic: ${name}`, run);
  const cases = [
    on('is read to its end, overwritten and deleted routes included', readToEnd),
    on('hands over at the barrier what another writer wrote before it', barrier),
    on('is empty at first, and follows', empty),
    on('is made compacted, with one partition', made),
    on('tells what cannot be read, and goes on', unreadable),
    on('survives cut connections', cut),
    on('says why nothing comes while the brokers do not answer, from its start on, and seldom', outage),
    on('says that the topic is not there', notThere),
    on('tells its readers when it was made anew, and hands over what it holds then', madeAnew),
    on('gives up a barrier with its caller', abandoned),
    on('deletes its group when it closes', closes),
  ];
  if (harness.compacts !== true) return cases;
  return [
    ...cases,
    on('is read whole after compaction', compacted),
    on('passes batches that compaction has left without records', shells),
  ];
}

function route(table: string, version: number, deleted = false): Route {
  const topics: Record<string, number> = deleted ? {} : { [`t.${table}`]: version };
  return { table, version, writerEpoch: 1, topics, deleted, changedAt: version, changedBy: 'me' };
}

class Reader {
  readonly topic: RouteTopic;
  readonly routes: Route[] = [];
  readonly unreadable: boolean[] = [];

  constructor(world: ContractWorld, options: Partial<RouteTopicOptions> = {}) {
    const { client, names, logger, replicationFactor } = world;
    const create = { replicationFactor };
    this.topic = world.keep(new RouteTopic({ client, names, logger, create, ...options }), (topic) => topic.close());
  }

  open(): Promise<void> {
    return this.topic.open({
      onRoute: (one) => this.routes.push(one),
      onUnreadable: (_reason, unsupported) => this.unreadable.push(unsupported),
    });
  }

  table(): Map<string, Route> {
    return new Map(this.routes.map((one) => [one.table, one]));
  }
}

async function outage(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const logger = recordingLogger();
  client.sever();
  const reader = new Reader(world, { client, logger });
  const opened = reader.open();
  await eventually('why it does not open', () => reader.topic.problem !== undefined, 6_000);
  client.mend();
  await opened;
  await eventually('no problem', () => reader.topic.problem === undefined);
  client.sever();
  const startedMs = performance.now();
  await eventually('a problem', () => reader.topic.problem !== undefined, 8_000);
  assert.ok(performance.now() - startedMs < 6_000);
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  for (const message of ['kafka tail: trying again', 'kafka: could not make a topic, trying again'])
    assert.ok(logger.lines.filter((line) => line.message === message).length <= 1, message);
  client.mend();
  await eventually('no problem again', () => reader.topic.problem === undefined, 30_000);
  await eventually('a line that says so', () =>
    logger.lines.some(({ message }) => message === 'kafka: the topic is followed again'),
  );
}

async function notThere(world: ContractWorld): Promise<void> {
  const { client, names, logger } = world;
  const reader = world.keep(new RouteTopic({ client, names, logger }), (topic) => topic.close());
  assert.equal(reader.problem, undefined);
  const opened = reader.open(() => undefined);
  await eventually('why', () => /there is no topic/.test(reader.problem ?? ''));
  await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  await opened;
  await eventually('no problem', () => reader.problem === undefined);
}

async function madeAnew(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  let resets = 0;
  const reader = new Reader(world);
  const cutOff = new Reader(world, { client });
  await Promise.all([
    reader.topic.open(
      (one) => reader.routes.push(one),
      () => (resets += 1),
    ),
    cutOff.open(),
  ]);
  for (const version of range(1, 6)) await reader.topic.append(route('aaa', version), signal);
  await Promise.all([reader.topic.barrier(signal), cutOff.topic.barrier(signal)]);
  client.sever();
  await world.deleteTopic(world.names.routes);
  await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  const fresh = new Reader(world);
  await fresh.open();
  await fresh.topic.append(route('bbb', 1), signal);
  client.mend();
  for (const each of [reader, cutOff])
    await eventually('the new route', () => each.routes.at(-1)?.table === 'bbb', 30_000);
  assert.ok(resets >= 1);
  assert.deepEqual(reader.routes.slice(5), [route('bbb', 1)]);
}

async function readToEnd(world: ContractWorld): Promise<void> {
  const writer = new Reader(world);
  await writer.open();
  for (const version of range(1, 6))
    for (const table of ['aaa', 'bbb', 'ccc']) await writer.topic.append(route(table, version), signal);
  await writer.topic.append(route('bbb', 6, true), signal);
  await writer.topic.barrier(signal);
  const reader = new Reader(world);
  const seen: Route[] = [];
  await reader.topic.open((one) => seen.push(one));
  // The broker may have compacted the topic at any time: all that is sure of a table is its last record.
  for (const routes of [writer.routes, seen]) {
    assert.deepEqual(lastOf(routes, 'aaa'), route('aaa', 5));
    assert.deepEqual(lastOf(routes, 'bbb'), route('bbb', 6, true));
    assert.deepEqual(lastOf(routes, 'ccc'), route('ccc', 5));
  }
}

function lastOf(routes: readonly Route[], table: string): Route | undefined {
  return routes.findLast((one) => one.table === table);
}

async function barrier(world: ContractWorld): Promise<void> {
  const [reader, writer] = [new Reader(world), new Reader(world)];
  await Promise.all([reader.open(), writer.open()]);
  for (const version of range(1, 30)) {
    await writer.topic.append(route('aaa', version), signal);
    await reader.topic.barrier(signal);
    assert.deepEqual(reader.routes.at(-1), route('aaa', version));
  }
}

async function empty(world: ContractWorld): Promise<void> {
  const reader = new Reader(world);
  await reader.open();
  assert.deepEqual(reader.routes, []);
  await reader.topic.barrier(signal);
  await reader.topic.append(route('aaa', 1), signal);
  await eventually('the route', () => reader.routes.length === 1);
}

async function made(world: ContractWorld): Promise<void> {
  await new Reader(world).open();
  const admin = await world.admin();
  const offsets = await admin.fetchTopicOffsets(world.names.routes);
  assert.equal(offsets.length, 1);
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: world.names.routes, configNames: ['cleanup.policy'] }],
  });
  assert.equal(
    described.resources[0]?.configEntries.find(({ configName }) => configName === 'cleanup.policy')?.configValue,
    'compact',
  );
}

async function unreadable(world: ContractWorld): Promise<void> {
  const writer = new Reader(world);
  await writer.open();
  await world.write(world.names.routes, ['{', '{"v":"9.0"}', encodeRoute(route('aaa', 1))]);
  await writer.topic.barrier(signal);
  assert.deepEqual(writer.unreadable, [false, true]);
  assert.deepEqual(writer.routes, [route('aaa', 1)]);
}

async function cut(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const [reader, writer] = [new Reader(world, { client }), new Reader(world)];
  await Promise.all([reader.open(), writer.open()]);
  for (const version of range(1, 4)) {
    client.cut();
    await writer.topic.append(route('aaa', version), signal);
    await reader.topic.barrier(signal);
    assert.deepEqual(reader.routes.at(-1), route('aaa', version));
  }
  assert.deepEqual(
    reader.routes.map(({ version }) => version),
    [1, 2, 3],
  );
}

async function abandoned(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const reader = new Reader(world, { client });
  await reader.open();
  client.sever();
  const aborter = new AbortController();
  const waiting = reader.topic.barrier(aborter.signal);
  aborter.abort();
  await assert.rejects(waiting, { code: 'ABORTED' });
  const closing = reader.topic.barrier(signal);
  closing.catch(() => undefined);
  await reader.topic.close();
  await assert.rejects(closing, { code: 'CLOSED' });
}

async function closes(world: ContractWorld): Promise<void> {
  const reader = new Reader(world);
  const groups = async (): Promise<number> => (await world.groups(`${world.names.prefix}.reader.`)).length;
  await reader.open();
  await eventually('a group', async () => (await groups()) === 1);
  await reader.topic.close();
  await eventually('no group', async () => (await groups()) === 0);
  await assert.rejects(reader.topic.append(route('aaa', 1), signal), { code: 'CLOSED' });
  const hasty = new Reader(world);
  await hasty.open();
  await hasty.topic.close();
  await eventually('no group of a hasty reader', async () => (await groups()) === 0);
}

/** Segments of a tenth of a second, so that the cleaner has something to clean. */
async function compacted(world: ContractWorld): Promise<void> {
  const configs = {
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.001',
    'delete.retention.ms': '100',
    'max.compaction.lag.ms': '200',
  };
  const writer = new Reader(world, { create: { replicationFactor: world.replicationFactor, configs } });
  await writer.open();
  for (const version of range(1, 21)) {
    for (const table of ['aaa', 'bbb', 'ccc']) await writer.topic.append(route(table, version), signal);
    await new Promise((resolve) => setTimeout(resolve, 110));
  }
  await eventually(
    'the cleaner has run',
    async () => (await readAll(world, world.names.routes, 0)).length < 40,
    60_000,
  );
  const reader = new Reader(world);
  await reader.open();
  assert.ok(reader.routes.length < 60);
  for (const table of ['aaa', 'bbb', 'ccc']) assert.deepEqual(reader.table().get(table), route(table, 20));
  await writer.topic.append(route('ddd', 1), signal);
  await reader.topic.barrier(signal);
  assert.deepEqual(reader.table().get('ddd'), route('ddd', 1));
  assert.deepEqual(writer.table().get('aaa'), route('aaa', 20));
}

/**
 * The cleaner keeps an idempotent writer's last batch as an empty shell. At the end of a segment (1 MiB here, filled with unique keys) a fetch
 * brings nothing but the shell, again and again, and kafkajs by itself stays there.
 */
async function shells(world: ContractWorld): Promise<void> {
  const { client, names, logger } = world;
  const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.001' };
  const topic = await world.topic('table', 1, { ...configs, 'delete.retention.ms': '100' });
  const createPartitioner = Partitioners.DefaultPartitioner;
  const plain = world.keep(client.producer({ createPartitioner }), (one) => one.disconnect());
  const idempotent = world.keep(
    client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 }),
    (one) => one.disconnect(),
  );
  await Promise.all([plain.connect(), idempotent.connect()]);
  let keys = 0;
  const fill = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1)
      await plain.send({ topic, messages: [{ key: `fill${(keys += 1)}`, value: Buffer.alloc(7_000, 'x') }] });
  };
  await fill(148);
  await idempotent.send({ topic, messages: [{ key: 'victim', value: '1' }] });
  await fill(1);
  await plain.send({ topic, messages: [{ key: 'victim', value: '2' }] });
  await fill(149);
  await plain.send({ topic, messages: [{ key: 'tail', value: 't' }] });
  const metrics = new MetricRegistry();
  const read = async (): Promise<string[]> => {
    const seen: string[] = [];
    const table = world.keep(
      new CompactedTopic({ client, names, topic, logger, metrics }, (record) => keyText(record) ?? ''),
      (one) => one.close(),
    );
    await table.open((key) => seen.push(key));
    await table.close();
    return seen;
  };
  await eventually(
    'the victim is overwritten',
    async () => (await read()).filter((key) => key === 'victim').length === 1,
    60_000,
  );
  const seen = await read();
  assert.equal(seen.at(-1), 'tail');
  assert.equal(new Set(seen).size, keys + 2);
  assert.equal(seen.length, keys + 2);
}
