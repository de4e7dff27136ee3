import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { RoutingTable } from '@tidemark/control';
import {
  createKafkaClient,
  GroupConsumer,
  type KafkaClient,
  KafkaProducer,
  KafkaTopicAdmin,
  RouteTopic,
} from '@tidemark/kafka';
import { type KafkaHarness, type SilentTopicClient, silentTopicClient } from '@tidemark/kafka/testing';
import { Dispatcher } from '@tidemark/pipeline';
import { decodeRecord, encodeEvent, headerName, partitionOf, type TopicNames, topicNames } from '@tidemark/protocol';
import { MetricRegistry, wait, systemClock } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type Consumer } from 'kafkajs';

const partitions = 4;
const keys = 20;
/** Half of what a send without an answer is waited for. */
const promptMs = 10_000;

/** That no route waits for another, with whole dispatchers. */
export function dispatchIsolationCases(harness: KafkaHarness): readonly ContractCase[] {
  const cases: Record<string, (world: World) => Promise<void>> = {
    'a cache topic that does not answer holds up no other route': silentTarget,
    'a cache topic that is missing holds up no other route': missingTarget,
    'routes come and go without an assignment': routesComeAndGo,
    'a route for a table that is new begins without anybody leaving the group': newTable,
    'members come and go under load: every event in order, once': membersComeAndGo,
    'a rewind under load is done by whoever is left, and nothing new is lost over it': rewindUnderLoad,
  };
  return Object.entries(cases).map(([name, test]) => ({
    name,
    run: async () => {
      const world = new World(harness);
      try {
        await world.open();
        await test(world);
      } finally {
        await world.close();
      }
    },
  }));
}

interface Member {
  readonly dispatcher: Dispatcher;
  readonly metrics: MetricRegistry;
}

/** Two tables, `users` and `orders`, and the dispatchers over them. */
class World {
  readonly names: TopicNames = topicNames(`iso-${randomBytes(6).toString('hex')}`);
  readonly silent: SilentTopicClient;
  readonly #routing: RoutingTable;
  readonly #topics: KafkaTopicAdmin;
  readonly #client: KafkaClient;
  readonly #producer: KafkaProducer;
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #written = new Map<string, number>();
  readonly #versions = new Map<string, number>();

  constructor({ brokers, replicationFactor = 1 }: KafkaHarness) {
    const { names } = this;
    this.#client = createKafkaClient({ brokers });
    this.silent = silentTopicClient(brokers, names.cache('users'));
    this.#topics = new KafkaTopicAdmin({ client: this.#client, replicationFactor });
    const log = new RouteTopic({ client: this.#client, names, create: { replicationFactor } });
    this.#routing = new RoutingTable({
      log,
      topics: this.#topics,
      names,
      tablePartitions: partitions,
      timeoutMs: 30_000,
    });
    this.#producer = new KafkaProducer({ client: this.#client, names });
    this.#closers.push(
      () => this.#producer.close(),
      () => this.#routing.close(),
    );
  }

  async open(): Promise<void> {
    await this.#routing.open();
    for (const table of ['users', 'orders'])
      for (const topic of [this.names.cdc(table), this.names.cache(table)]) await this.createTopic(topic);
  }

  async route(table: string): Promise<void> {
    const ifMatch = this.#versions.get(table) ?? 'none';
    const { route } = await this.#routing.put(table, [this.names.cache(table)], { ifMatch, actor: 'test' });
    this.#versions.set(table, route.version);
  }

  async rewind(table: string, to: number): Promise<void> {
    const options = { ifMatch: this.#versions.get(table) ?? 0, actor: 'test' };
    const { route } = await this.#routing.operate(table, { type: 'rewind', to }, options);
    this.#versions.set(table, route.version);
  }

  async unroute(table: string): Promise<void> {
    await this.#routing.delete(table, { ifMatch: this.#versions.get(table) ?? 0, actor: 'test' });
    this.#versions.delete(table);
  }

  createTopic(topic: string): Promise<void> {
    return this.#topics.create(topic, partitions, new AbortController().signal);
  }

  async deleteTopic(topic: string): Promise<void> {
    const admin = this.#client.admin({});
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
  }

  async member(): Promise<Member> {
    const { names } = this;
    const metrics = new MetricRegistry();
    const sink = new KafkaProducer({ client: this.silent, names, connectionsMax: 8 });
    const source = new GroupConsumer({ client: this.#client, groupId: names.dispatcherGroup, metrics });
    const routes = new RouteTopic({ client: this.#client, names });
    const dispatcher = new Dispatcher({ source, sink, routes, names, metrics, refreshIntervalMs: 2_000 });
    this.#closers.push(
      () => sink.close(),
      () => dispatcher.stop(),
    );
    await dispatcher.start();
    return { dispatcher, metrics };
  }

  /** The next event of each key. */
  async write(table: string): Promise<void> {
    const n = this.#written.get(table) ?? 0;
    this.#written.set(table, n + 1);
    const events = Array.from({ length: keys }, (_, i) => eventOf(table, `${table}:${i}`, n));
    await this.#producer.publish(table, events, { timeoutMs: 30_000 });
  }

  written(table: string): number {
    return this.#written.get(table) ?? 0;
  }

  /** What arrives in a topic from now on: by key, what each event says. */
  async follow(topic: string): Promise<ReadonlyMap<string, readonly number[]>> {
    const seen = new Map<string, number[]>();
    const consumer: Consumer = this.#client.consumer({ groupId: `${topic}.${randomBytes(4).toString('hex')}` });
    this.#closers.push(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message, partition }) => {
        const header = message.headers?.[headerName];
        if (!Buffer.isBuffer(header)) return;
        const decoded = decodeRecord({ key: message.key, value: message.value, header });
        if (decoded.type !== 'event') return;
        const { key } = decoded.event;
        assert.equal(partition, partitionOf(key, partitions));
        seen.set(key, [...(seen.get(key) ?? []), Number(Buffer.from(message.value ?? []).toString())]);
      },
    });
    return seen;
  }

  async close(): Promise<void> {
    this.silent.heal();
    for (const close of this.#closers.reverse()) await close();
  }
}

const eventOf = (table: string, key: string, n: number) =>
  encodeEvent({
    ...{ table, key, kind: 'modify', from: `v${n}`, to: `v${n + 1}`, stampUs: 1, expiresAt: null, codec: 'json' },
    ...{ lane: 'cdc', region: 'eu-west-1', position: `shardId-0:${n}`, value: Buffer.from(String(n)) },
  });

function assignments({ metrics }: Member): number {
  return metric(metrics, 'tidemark_dispatcher_assignments_total');
}

function metric(metrics: MetricRegistry, name: string): number {
  const family = metrics.collect().find((one) => one.name === name);
  const [series] = family?.series.values() ?? [];
  return series !== undefined && 'value' in series ? series.value : 0;
}

/** Whether everything written is there, per key in order; repetitions apart. */
function isWhole(seen: ReadonlyMap<string, readonly number[]>, world: World, table: string): boolean {
  const expected = Array.from({ length: world.written(table) }, (_, n) => n).join();
  return [...Array(keys).keys()].every((i) => [...new Set(seen.get(`${table}:${i}`))].join() === expected);
}

function assertWholeSoon(seen: ReadonlyMap<string, readonly number[]>, world: World, table: string): Promise<void> {
  return eventually(`all of ${table}`, () => isWhole(seen, world, table), 60_000);
}

async function silentTarget(world: World): Promise<void> {
  for (const table of ['users', 'orders']) await world.route(table);
  const [users, orders] = [
    await world.follow(world.names.cache('users')),
    await world.follow(world.names.cache('orders')),
  ];
  const member = await world.member();
  for (const table of ['users', 'orders']) await world.write(table);
  await assertWholeSoon(users, world, 'users');
  await assertWholeSoon(orders, world, 'orders');

  world.silent.silence();
  await world.write('users');
  await eventually('a send without an answer', () => world.silent.silenced > 0);
  for (let round = 0; round < 30; round += 1) {
    for (const table of ['users', 'orders']) await world.write(table);
    await eventually(`round ${round} of the other route`, () => isWhole(orders, world, 'orders'), promptMs);
  }
  assert.equal(assignments(member), 1);
  world.silent.heal();
  await assertWholeSoon(users, world, 'users');
  await world.write('users');
  await assertWholeSoon(users, world, 'users');
  assert.equal(assignments(member), 1);
}

async function missingTarget(world: World): Promise<void> {
  for (const table of ['users', 'orders']) await world.route(table);
  const orders = await world.follow(world.names.cache('orders'));
  const member = await world.member();
  await world.write('orders');
  await assertWholeSoon(orders, world, 'orders');
  await world.deleteTopic(world.names.cache('users'));
  for (let round = 0; round < 30; round += 1) {
    for (const table of ['users', 'orders']) await world.write(table);
    await eventually(`round ${round} of the other route`, () => isWhole(orders, world, 'orders'), promptMs);
  }
  await eventually('word of it', () => member.dispatcher.health().heldTables['users'] !== undefined, 30_000);
  await world.createTopic(world.names.cache('users'));
  const users = await world.follow(world.names.cache('users'));
  await assertWholeSoon(users, world, 'users');
  assert.equal(assignments(member), 1);
}

async function routesComeAndGo(world: World): Promise<void> {
  await world.route('orders');
  const [users, orders] = [
    await world.follow(world.names.cache('users')),
    await world.follow(world.names.cache('orders')),
  ];
  const members = [await world.member(), await world.member()];
  await eventually('both have partitions', () =>
    members.every(({ dispatcher }) => dispatcher.health().assignedPartitions === partitions),
  );
  const before = members.map(assignments);
  for (let round = 0; round < 3; round += 1) {
    await world.route('users');
    for (const table of ['users', 'orders']) await world.write(table);
    await eventually('the new route', () => isWhole(users, world, 'users'), 20_000);
    await eventually('the other one', () => isWhole(orders, world, 'orders'), promptMs);
    await world.unroute('users');
    for (const table of ['users', 'orders']) await world.write(table);
    await eventually('the other one, alone', () => isWhole(orders, world, 'orders'), promptMs);
  }
  assert.deepEqual(members.map(assignments), before);
}

/** The routing table makes the topics of a table that has none. */
async function newTable(world: World): Promise<void> {
  await world.route('orders');
  const orders = await world.follow(world.names.cache('orders'));
  const members = [await world.member(), await world.member()];
  await eventually('both have partitions', () =>
    members.every(({ dispatcher }) => dispatcher.health().assignedPartitions === partitions),
  );
  await world.route('extra');
  const extra = await world.follow(world.names.cache('extra'));
  await eventually(
    'both have partitions of it',
    async () => {
      await world.write('orders');
      await eventually('the other one', () => isWhole(orders, world, 'orders'), promptMs);
      return members.every(({ dispatcher }) => dispatcher.health().assignedPartitions === (3 * partitions) / 2);
    },
    30_000,
  );
  await world.write('extra');
  await assertWholeSoon(extra, world, 'extra');
  for (const { metrics } of members) assert.equal(metric(metrics, 'tidemark_kafka_group_sessions_total'), 1);
}

async function membersComeAndGo(world: World): Promise<void> {
  for (const table of ['users', 'orders']) await world.route(table);
  const [users, orders] = [
    await world.follow(world.names.cache('users')),
    await world.follow(world.names.cache('orders')),
  ];
  await world.member();
  let stopped = false;
  const load = (async () => {
    while (!stopped) {
      for (const table of ['users', 'orders']) await world.write(table);
      await wait(systemClock, 10);
    }
  })();
  for (let round = 0; round < 3; round += 1) {
    const { dispatcher } = await world.member();
    await eventually('a share', () => dispatcher.health().assignedPartitions === partitions, 20_000);
    await dispatcher.stop();
  }
  stopped = true;
  await load;
  await assertWholeSoon(users, world, 'users');
  await assertWholeSoon(orders, world, 'orders');
  for (const seen of [users, orders])
    for (const [key, numbers] of seen) assert.equal(new Set(numbers).size, numbers.length, `${key} came twice`);
}

/** The first owner is given no time to end what it sends. */
async function rewindUnderLoad(world: World): Promise<void> {
  await world.route('orders');
  const orders = await world.follow(world.names.cache('orders'));
  const first = await world.member();
  for (let round = 0; round < 20; round += 1) await world.write('orders');
  const to = Date.now() + 5;
  await eventually('a moment later', () => Date.now() > to + 5);
  for (let round = 0; round < 60; round += 1) await world.write('orders');
  await assertWholeSoon(orders, world, 'orders');
  const before = world.written('orders');
  let stopped = false;
  const load = (async () => {
    while (!stopped) {
      await world.write('orders');
      await wait(systemClock, 10);
    }
  })();
  await world.rewind('orders', to);
  const again = (): number => [...orders.values()].filter((numbers) => countOf(numbers, 20) > 1).length;
  await eventually('what comes again', () => again() > 0, 30_000);
  await first.dispatcher.kill();
  await world.member();
  await eventually('all of it again', () => again() === keys, 60_000);
  stopped = true;
  await load;
  await assertWholeSoon(orders, world, 'orders');
  for (const [key, numbers] of orders)
    for (let n = 0; n < before; n += 1) {
      const times = countOf(numbers, n);
      assert.ok(n < 20 ? times === 1 : times > 1, `${key}: ${n} came ${times} times`);
    }
}

function countOf(numbers: readonly number[], n: number): number {
  return numbers.filter((each) => each === n).length;
}
