import assert from 'node:assert/strict';
import { encodeRoute, type Route } from '@tidemark/protocol';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { RouteTopic } from '../route-topic.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { RecordingFeed } from './recording-feed.js';
import { RecordingSource } from './recording-source.js';

/** Of one partition: acknowledged records from `from` on are lost, as by an unclean election of a leader. */
export type Cut = (topic: string, from: bigint) => void;

/**
 * What every reader relies on when another log has come into the place of the one that it has read, and has grown past where it was: that it is
 * never taken for its continuation.
 */
export function otherLogCases(harness: KafkaHarness & { readonly cut?: Cut }): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld, cut: Cut) => Promise<void>): ContractCase =>
    contractCase(harness, `hazard 52: ${name}`, (world) => run(world, harness.cut ?? noCut));
  const cases = [
    on('a pod feed tells a gap of a topic that was made anew and has outgrown it, while it was cut off', feedAway),
    on('a pod feed tells a gap of a topic that was made anew and has outgrown it, while it read', feedReading),
    on('a pod feed has the routes of a routing topic that was made anew and has outgrown it', feedRoutes),
    on('a routing table has the routes of a topic that was made anew and has outgrown it', tableRoutes),
    on('a member tells a gap of a topic that was made anew and has outgrown its offset, while it was away', memberAway),
    on('a member tells a gap of a topic that was made anew and has outgrown it, while it was cut off', memberCutOff),
    on('a member tells a gap of a topic that was made anew and has outgrown it, while it read', memberReading),
    on('a member tells a gap of a topic that was made anew since it was rewound there', memberRewound),
  ];
  if (harness.cut === undefined) return cases;
  return [
    ...cases,
    on('a pod feed tells a gap of a log that was cut before it and has outgrown it, while it was cut off', feedCut),
    on(
      'a pod feed that has read nothing yet tells a gap of a log that was cut before it and has outgrown it',
      feedCutAtOnce,
    ),
    on('a routing table has the routes of a log that was cut before it and has outgrown it', tableCut),
    on(
      'a member tells a gap of a log that was cut before its offset and has outgrown it, while it was away',
      memberCut,
    ),
  ];
}

/** Only called where there is one. */
function noCut(): void {
  throw new Error('this Kafka cannot cut a log');
}

const compacted = { 'cleanup.policy': 'compact' };

async function madeAnew(
  world: ContractWorld,
  name: string,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  await world.deleteTopic(`${world.names.prefix}.${name}`);
  await world.topic(name, 1, configs);
}

interface Fed {
  readonly recording: RecordingFeed;
  readonly topic: string;
  readonly client: ReturnType<ContractWorld['mortal']>;
}

/** A feed that has read ten records, 0 to 9. */
async function fed(world: ContractWorld): Promise<Fed> {
  const topic = await world.topic('cache.a');
  await world.topic('routes', 1, compacted);
  const client = world.mortal();
  const recording = new RecordingFeed(world, { client });
  await recording.feed.open(recording);
  await recording.feed.tail([topic]);
  await world.write(topic, range(0, 10));
  await eventually('the old', () => recording.values(topic).length === 10);
  return { recording, topic, client };
}

async function assertAllNew({ recording, topic }: Fed, last: number): Promise<void> {
  await eventually('the new', () => recording.numbers(topic).at(-1) === last, 60_000);
  assert.deepEqual(recording.numbers(topic).slice(10), range(100, last + 1));
  const gaps = recording.gaps.map(({ topic: name, partition }) => `${name}/${partition}`);
  assert.deepEqual([...new Set(gaps)], [`${topic}/0`]);
}

async function feedAway(world: ContractWorld): Promise<void> {
  const one = await fed(world);
  one.client.sever();
  await madeAnew(world, 'cache.a');
  await world.write(one.topic, range(100, 130));
  one.client.mend();
  await assertAllNew(one, 129);
}

async function feedReading(world: ContractWorld): Promise<void> {
  const one = await fed(world);
  await madeAnew(world, 'cache.a');
  await world.write(one.topic, range(100, 130));
  await assertAllNew(one, 129);
}

function route(version: number): Route {
  const topics = { t: version };
  return { table: `tab${version}`, version, writerEpoch: 1, topics, deleted: false, changedAt: 1, changedBy: 'me' };
}

function routesOf(from: number, to: number): string[] {
  return range(from, to).map((version) => encodeRoute(route(version)));
}

async function feedRoutes(world: ContractWorld): Promise<void> {
  const { recording, client } = await fed(world);
  const { routes } = world.names;
  await world.write(routes, routesOf(1, 6));
  await eventually('the old', () => recording.routes.length === 5);
  client.sever();
  await madeAnew(world, 'routes', compacted);
  await world.write(routes, routesOf(100, 110));
  client.mend();
  await eventually('the new', () => recording.routes.at(-1)?.version === 109, 60_000);
  assert.deepEqual(
    recording.routes.slice(5).map(({ version }) => version),
    range(100, 110),
  );
  assert.ok(recording.resets > 0);
}

async function tableRoutes(world: ContractWorld): Promise<void> {
  const { versions, client, resets } = await tabled(world);
  client.sever();
  await madeAnew(world, 'routes', compacted);
  await world.write(world.names.routes, routesOf(100, 110));
  client.mend();
  await eventually('the new', () => versions.at(-1) === 109, 60_000);
  assert.deepEqual(versions.slice(5), range(100, 110));
  assert.ok(resets() > 0);
}

/** A table that has read five routes. */
async function tabled(world: ContractWorld): Promise<{
  readonly versions: readonly number[];
  readonly client: Fed['client'];
  readonly resets: () => number;
}> {
  await world.topic('routes', 1, compacted);
  await world.write(world.names.routes, routesOf(1, 6));
  const client = world.mortal();
  const table = world.keep(new RouteTopic({ client, names: world.names, logger: world.logger }), (one) => one.close());
  const versions: number[] = [];
  let resets = 0;
  await table.open(
    ({ version }) => void versions.push(version),
    () => void (resets += 1),
  );
  assert.deepEqual(versions, range(1, 6));
  return { versions, client, resets: () => resets };
}

/** A member that has handled and committed ten records, 0 to 9. */
async function member(world: ContractWorld, client = world.client): Promise<{ first: RecordingSource; topic: string }> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const first = new RecordingSource(world, { client });
  await first.join([topic]);
  await eventually('the old', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 10);
  return { first, topic };
}

async function assertHandled(reader: RecordingSource, topic: string, before: number, start = 0n): Promise<void> {
  const last = 129;
  const batches = (): RecordingSource['batches'] => reader.batches.slice(before);
  await eventually('the new', () => reader.numbers(topic).at(-1) === last, 60_000);
  assert.deepEqual(reader.numbers(topic).slice(-30), range(last - 29, last + 1));
  const [head] = batches();
  // Brokers forget a group's offsets with the topic: who joins anew before the other log is noticed has no place in it. Either is a reason to flush.
  const isTold = head?.afterGap === true || head?.uncharted === true;
  assert.deepEqual([head?.firstOffset, isTold], [start, true]);
  reader.assertOrderly();
}

async function memberAway(world: ContractWorld): Promise<void> {
  const { first, topic } = await member(world);
  await first.source.stop();
  const groupId = world.names.dispatcherGroup;
  const [committed] = await (await world.admin()).fetchOffsets({ groupId, topics: [topic] });
  const metadata = committed?.partitions[0]?.metadata ?? null;
  await madeAnew(world, 'cdc.a');
  await world.write(topic, range(100, 130));
  // Brokers forget a group's offsets with the topic; a member that had not heard of it, or who restores a group, commits them again.
  const late = await world.join(groupId, topic);
  await late.commitOffsets([{ topic, partition: 0, offset: '10', metadata }]);
  await late.disconnect();
  const second = new RecordingSource(world);
  await second.join([topic]);
  await assertHandled(second, topic, 0);
}

async function memberCutOff(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const { first, topic } = await member(world, client);
  const before = first.batches.length;
  client.sever();
  await madeAnew(world, 'cdc.a');
  await world.write(topic, range(100, 130));
  client.mend();
  await assertHandled(first, topic, before);
}

async function memberReading(world: ContractWorld): Promise<void> {
  const { first, topic } = await member(world);
  const before = first.batches.length;
  await madeAnew(world, 'cdc.a');
  await world.write(topic, range(100, 130));
  await assertHandled(first, topic, before);
}

async function memberRewound(world: ContractWorld): Promise<void> {
  const { first, topic } = await member(world);
  const { signal } = new AbortController();
  assert.equal(await first.source.rewind({ topic, partition: 0 }, { id: 1, to: 1 }, signal), 'rewound');
  await eventually('all again', () => first.numbers(topic).length === 20);
  await eventually('the commit', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 10);
  const before = first.batches.length;
  await madeAnew(world, 'cdc.a');
  await world.write(topic, range(100, 130));
  await assertHandled(first, topic, before);
}

async function feedCut(world: ContractWorld, cut: Cut): Promise<void> {
  const one = await fed(world);
  one.client.sever();
  cut(one.topic, 4n);
  await world.write(one.topic, range(100, 130));
  one.client.mend();
  await eventually('the new', () => one.recording.numbers(one.topic).at(-1) === 129, 60_000);
  assert.ok(range(100, 130).every((value) => one.recording.numbers(one.topic).includes(value)));
  assert.ok(one.recording.gaps.length > 0);
}

async function feedCutAtOnce(world: ContractWorld, cut: Cut): Promise<void> {
  const topic = await world.topic('cache.a');
  await world.write(topic, range(0, 10));
  await world.topic('routes', 1, compacted);
  const client = world.mortal();
  const recording = new RecordingFeed(world, { client });
  await recording.feed.open(recording);
  await recording.feed.tail([topic]);
  client.sever();
  cut(topic, 4n);
  await world.write(topic, range(100, 130));
  client.mend();
  await eventually('the new', () => recording.numbers(topic).at(-1) === 129, 60_000);
  assert.ok(range(100, 130).every((value) => recording.numbers(topic).includes(value)));
  assert.ok(recording.gaps.length > 0);
}

async function tableCut(world: ContractWorld, cut: Cut): Promise<void> {
  const { versions, client, resets } = await tabled(world);
  client.sever();
  cut(world.names.routes, 2n);
  await world.write(world.names.routes, routesOf(100, 110));
  client.mend();
  await eventually('the new', () => versions.at(-1) === 109, 60_000);
  assert.ok(range(100, 110).every((version) => versions.includes(version)));
  assert.ok(resets() > 0);
}

async function memberCut(world: ContractWorld, cut: Cut): Promise<void> {
  const { first, topic } = await member(world);
  await first.source.stop();
  cut(topic, 4n);
  await world.write(topic, range(100, 130));
  const second = new RecordingSource(world);
  await second.join([topic]);
  await assertHandled(second, topic, 0, 4n);
}
