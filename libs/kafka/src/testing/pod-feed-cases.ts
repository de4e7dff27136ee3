import assert from 'node:assert/strict';
import { encodeRoute, type Route } from '@tidemark/protocol';
import { type ContractCase, eventually, recordingLogger } from '@tidemark/runtime/testing';
import { KafkaProducer } from '../producer.js';
import { contractCase, type ContractWorld, type KafkaHarness, range, type RestartableKafka } from './contract-world.js';
import { firsts, Load } from './load.js';
import { RecordingFeed } from './recording-feed.js';

/** What a pod relies on when it follows its region's cache topics. */
export function podFeedCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `pod feed: ${name}`, run);
  return [
    on('hands over what is written right after tail()', writtenRightAfterTail),
    on('hands over nothing that was written before tail()', writtenBefore),
    on('hands over every partition in order, with key, value and header', everyPartition),
    on('keeps the positions of topics that stay when the set changes', setChanges),
    on('waits for a topic that is not there and misses nothing of it', topicMadeLater),
    on('resumes where it was when its group is in motion', intruder),
    on('loses nothing and tells no gap when connections are cut', connectionsCut),
    on('says when the brokers do not answer and when they do again', states),
    on('hazard 26: tells a gap when records were removed before it read them', recordsRemoved),
    on('hazard 52: tells a gap when a topic was made anew', topicMadeAnew),
    on('goes on with the other topics when one is deleted', oneTopicDeleted),
    on('hazard 27: finds partitions that are added, tells their count, and reads them from their start', growth),
    on('tells a gap when its handler throws, and goes on', handlerThrows),
    on('reads the routing table to its end before open() resolves, and follows it', routes),
    on('tells that the routing topic was made anew, which is no gap, and hands over its routes', routesMadeAnew),
    on('deletes its group when it closes, and hands over nothing more', closes),
  ];
}

/** The same while the brokers are killed. */
export function podFeedRestartCases(harness: RestartableKafka): ContractCase[] {
  return [
    contractCase(harness, 'pod feed: loses nothing when the brokers restart under load', (world) =>
      restart(world, harness.restartBrokers),
    ),
  ];
}

async function opened(world: ContractWorld, options = {}): Promise<RecordingFeed> {
  await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  const recording = new RecordingFeed(world, options);
  await recording.feed.open(recording);
  return recording;
}

async function writtenRightAfterTail(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  await world.write(topic, [0]);
  await eventually('the record', () => recording.values(topic).length === 1);
}

async function writtenBefore(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  await world.write(topic, range(0, 5));
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  await world.write(topic, [5]);
  await eventually('the record', () => recording.values(topic).length > 0);
  assert.deepEqual(recording.numbers(topic), [5]);
  assert.deepEqual(recording.gaps, []);
}

async function everyPartition(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a', 4);
  const recording = await opened(world);
  assert.deepEqual(await recording.feed.tail([topic]), new Map([[topic, 4]]));
  await Promise.all(range(0, 4).map((partition) => world.write(topic, range(0, 200), partition)));
  await eventually('all', () => range(0, 4).every((p) => recording.values(topic, p).length === 200));
  for (const partition of range(0, 4)) assert.deepEqual(recording.numbers(topic, partition), range(0, 200));
  assert.deepEqual(recording.first, { key: Buffer.from('k0'), value: Buffer.from('0'), header: Buffer.from('h0') });
}

async function setChanges(world: ContractWorld): Promise<void> {
  const [a, b] = [await world.topic('cache.a', 2), await world.topic('cache.b', 2)];
  const recording = await opened(world);
  await recording.feed.tail([a]);
  const producer = world.keep(new KafkaProducer({ client: world.client, names: world.names }), (one) => one.close());
  const load = new Load(producer, a, 2);
  for (const topics of [[a, b], [a], [a, b], [a]]) {
    const before = recording.values(a, 0).length;
    const counts = await recording.feed.tail(topics);
    assert.deepEqual(counts, new Map(topics.map((topic) => [topic, 2])));
    await eventually('more of the topic that stays', () => recording.values(a, 0).length > before + 50);
  }
  const written = await load.stop();
  await world.write(b, [0]);
  await eventually('everything', () => written.every((count, p) => recording.values(a, p).length >= count));
  for (const [partition, count] of written.entries())
    assert.deepEqual(recording.numbers(a, partition), range(0, count));
  assert.deepEqual(recording.gaps, []);
  assert.deepEqual(recording.values(b), []);
}

async function topicMadeLater(world: ContractWorld): Promise<void> {
  const a = await world.topic('cache.a');
  const logger = recordingLogger();
  const client = world.mortal();
  const recording = await opened(world, { logger, client });
  await recording.feed.tail([a]);
  const later = `${world.names.prefix}.cache.later`;
  const tailed = recording.feed.tail([a, later]);
  await world.write(a, [0]);
  await eventually('the topic that is there', () => recording.values(a).length === 1);
  await eventually('a look for it', () => logger.lines.some(({ fields }) => fields['topic'] === later));
  client.sever();
  await world.topic('cache.later');
  await world.write(later, range(0, 10));
  client.mend();
  assert.equal((await tailed).get(later), 1);
  await eventually('all of it', () => recording.values(later).length === 10);
  assert.deepEqual(recording.gaps, []);
}

async function intruder(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a', 4);
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  const write = (from: number): Promise<unknown> =>
    Promise.all(range(0, 4).map((partition) => world.write(topic, range(from, from + 25), partition)));
  await write(0);
  await eventually('the first', () => range(0, 4).every((p) => recording.values(topic, p).length === 25));
  await eventually('one group', async () => (await world.groups(`${world.names.prefix}.pod.`)).length === 1);
  const [groupId = ''] = await world.groups(`${world.names.prefix}.pod.`);
  const joining = world.join(groupId, topic);
  await write(25);
  const other = await joining;
  await write(50);
  await other.disconnect();
  await write(75);
  await eventually('all', () => range(0, 4).every((p) => recording.values(topic, p).length >= 100), 30_000);
  for (const partition of range(0, 4)) assert.deepEqual(recording.numbers(topic, partition), range(0, 100));
  assert.deepEqual(recording.gaps, []);
}

async function connectionsCut(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a', 2);
  const client = world.mortal();
  const recording = await opened(world, { client });
  await recording.feed.tail([topic]);
  const producer = world.keep(new KafkaProducer({ client: world.client, names: world.names }), (one) => one.close());
  const load = new Load(producer, topic, 2);
  for (let cuts = 0; cuts < 3; cuts += 1) {
    const before = recording.values(topic, 0).length;
    await eventually('records', () => recording.values(topic, 0).length > before + 20, 30_000);
    client.cut();
  }
  const written = await load.stop();
  await eventually('all', () => written.every((count, p) => recording.values(topic, p).length >= count), 30_000);
  for (const [p, count] of written.entries()) assert.deepEqual(recording.numbers(topic, p), range(0, count));
  assert.deepEqual(recording.gaps, []);
}

async function states(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  const client = world.mortal();
  const recording = await opened(world, { client });
  await recording.feed.tail([topic]);
  await eventually('live', () => recording.states.at(-1) === 'live');
  client.sever();
  await eventually('interrupted', () => recording.states.at(-1) === 'interrupted', 15_000);
  await world.write(topic, [0]);
  client.mend();
  await eventually('live again', () => recording.states.at(-1) === 'live', 30_000);
  await eventually('what was written meanwhile', () => recording.values(topic).length === 1);
}

async function recordsRemoved(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  const client = world.mortal();
  const recording = await opened(world, { client });
  await recording.feed.tail([topic]);
  await world.write(topic, range(0, 10));
  await eventually('the first ten', () => recording.values(topic).length === 10);
  client.sever();
  await world.write(topic, range(10, 40));
  await world.deleteRecords(topic, 30);
  client.mend();
  await eventually('the last ten', () => recording.values(topic).length === 20, 30_000);
  assert.deepEqual(recording.numbers(topic), [...range(0, 10), ...range(30, 40)]);
  assert.deepEqual(
    recording.gaps.map(({ topic: name, partition }) => [name, partition]),
    [[topic, 0]],
  );
}

async function topicMadeAnew(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  const client = world.mortal();
  const recording = await opened(world, { client });
  await recording.feed.tail([topic]);
  await world.write(topic, range(0, 10));
  await eventually('the old', () => recording.values(topic).length === 10);
  client.sever();
  await world.deleteTopic(topic);
  await world.topic('cache.a');
  await world.write(topic, range(100, 103));
  client.mend();
  await eventually('the new', () => recording.values(topic).length === 13, 30_000);
  assert.deepEqual(recording.numbers(topic).slice(10), range(100, 103));
  assert.ok(recording.gaps.length > 0);
}

async function oneTopicDeleted(world: ContractWorld): Promise<void> {
  const [a, b] = [await world.topic('cache.a'), await world.topic('cache.b')];
  const recording = await opened(world);
  await recording.feed.tail([a, b]);
  await world.write(b, [0]);
  await eventually('both followed', () => recording.values(b).length === 1);
  await world.deleteTopic(b);
  await world.write(a, range(0, 10));
  await eventually('the other topic', () => recording.values(a).length === 10, 30_000);
  assert.deepEqual(recording.numbers(a), range(0, 10));
}

async function growth(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a', 2);
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  await world.write(topic, [0]);
  await eventually('it is followed', () => recording.values(topic).length === 1);
  const admin = await world.admin();
  await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
  await eventually('the new partition is written to', () =>
    world.write(topic, range(10, 13), 3).then(
      () => true,
      () => false,
    ),
  );
  await eventually('its records', () => recording.values(topic, 3).length === 3, 20_000);
  assert.deepEqual(recording.numbers(topic, 3), range(10, 13));
  assert.deepEqual(recording.grown, [`${topic} 4`]);
  assert.deepEqual(
    recording.gaps.map(({ partition }) => partition),
    [0, 1, 2, 3],
  );
  await world.write(topic, [1]);
  await eventually('the old partitions go on', () => recording.values(topic).length === 2);
  assert.deepEqual(recording.numbers(topic), [0, 1]);
}

async function handlerThrows(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a', 2);
  const recording = await opened(world);
  recording.isPoison = (value) => value === '3';
  await recording.feed.tail([topic]);
  await world.write(topic, range(0, 5));
  await eventually('the gap', () => recording.gaps.length === 1);
  await world.write(topic, range(5, 8));
  await world.write(topic, range(10, 12), 1);
  await eventually(
    'what follows',
    () => recording.numbers(topic).includes(7) && recording.values(topic, 1).length === 2,
  );
  assert.deepEqual(
    recording.gaps.map(({ partition }) => partition),
    [0],
  );
}

async function routes(world: ContractWorld): Promise<void> {
  const topic = await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  const route = (version: number): Route => {
    const topics: Record<string, number> = { t: version };
    return { table: 'tab', version, writerEpoch: 1, topics, deleted: false, changedAt: 1, changedBy: 'me' };
  };
  await world.write(topic, [encodeRoute(route(1)), 'no route', encodeRoute(route(2))]);
  const recording = await opened(world);
  assert.deepEqual(
    recording.routes.map(({ version }) => version),
    [1, 2],
  );
  const cache = await world.topic('cache.a');
  await recording.feed.tail([cache]);
  await world.write(topic, [encodeRoute(route(3))]);
  await eventually('the third', () => recording.routes.length === 3);
  assert.deepEqual(recording.routes.at(-1), route(3));
}

async function routesMadeAnew(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const recording = await opened(world, { client });
  const { routes: topic } = world.names;
  const route = (version: number): Route => {
    const topics: Record<string, number> = { t: version };
    return { table: 'tab', version, writerEpoch: 1, topics, deleted: false, changedAt: 1, changedBy: 'me' };
  };
  await world.write(
    topic,
    range(1, 6).map((version) => encodeRoute(route(version))),
  );
  await eventually('the old', () => recording.routes.length === 5);
  client.sever();
  await world.deleteTopic(topic);
  await world.topic('routes', 1, { 'cleanup.policy': 'compact' });
  await world.write(topic, [encodeRoute(route(1))]);
  client.mend();
  await eventually('the new', () => recording.routes.length === 6, 30_000);
  assert.deepEqual([recording.routes.at(-1), recording.gaps], [route(1), []]);
  assert.ok(recording.resets > 0);
}

async function closes(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cache.a');
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  await world.write(topic, [0]);
  await eventually('the record', () => recording.values(topic).length === 1);
  assert.ok((await world.groups(`${world.names.prefix}.pod.`)).length > 0);
  const startedMs = performance.now();
  await recording.feed.close();
  assert.ok(performance.now() - startedMs < 5_000);
  await eventually('no group', async () => (await world.groups(`${world.names.prefix}.pod.`)).length === 0);
  await world.write(topic, [1]);
  await recording.feed.close();
  assert.deepEqual(recording.numbers(topic), [0]);
  await assert.rejects(recording.feed.tail([topic]), { code: 'CLOSED' });
}

async function restart(world: ContractWorld, restartBrokers: () => Promise<void>): Promise<void> {
  const topic = await world.topic('cache.a', 4);
  const recording = await opened(world);
  await recording.feed.tail([topic]);
  const producer = world.keep(
    new KafkaProducer({ client: world.client, names: world.names, publishTimeoutMs: 60_000 }),
    (one) => one.close(),
  );
  const load = new Load(producer, topic, 4);
  await eventually('a load', () => recording.values(topic, 0).length > 50);
  await restartBrokers();
  const before = recording.values(topic, 0).length;
  await eventually('records again', () => recording.values(topic, 0).length > before + 50, 60_000);
  const written = await load.stop();
  await eventually('all', () => written.every((count, p) => new Set(recording.values(topic, p)).size >= count), 30_000);
  for (const [p, count] of written.entries()) assert.deepEqual(firsts(recording.numbers(topic, p)), range(0, count));
  assert.deepEqual(recording.gaps, []);
}
