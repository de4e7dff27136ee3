import assert from 'node:assert/strict';
import { systemClock } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { boundsOf, withAdmin } from '../admin-call.js';
import { KafkaProducer } from '../producer.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { RecordingFeed } from './recording-feed.js';
import { RecordingSource } from './recording-source.js';

/** From now on no partition of the topic has a leader, until the function that it returns is called. */
export type LoseLeader = (topic: string) => () => void;

/** What every part relies on while one topic has no leader: that nothing else stands still, and that it goes on by itself once it has one. */
export function leaderlessCases(harness: KafkaHarness & { readonly loseLeader?: LoseLeader }): ContractCase[] {
  const { loseLeader } = harness;
  if (loseLeader === undefined) return [];
  const on = (name: string, run: (world: ContractWorld, lose: LoseLeader) => Promise<void>): ContractCase =>
    contractCase(harness, `hazard 67: ${name}`, (world) => run(world, loseLeader));
  return [
    on('a member goes on with its other topics while one has no leader, and with that one afterwards', memberGoesOn),
    on('a member begins with its other topics while one has no leader', memberBegins),
    on('a pod feed goes on with its other topics while one has no leader, and with that one afterwards', feedGoesOn),
    on('a pod feed that begins meanwhile reads the others, and that one from its end once it has a leader', feedBegins),
    on('a producer sends into its other topics while one has no leader, and what waits afterwards', producerSends),
    on('topics are listed and counted while one has no leader, and where that ends is not made up', adminAsks),
  ];
}

/** By then a partition that has its leader back is read on: metadata is asked for again every 10 s. */
const backMs = 30_000;
const compacted = { 'cleanup.policy': 'compact' };

async function memberGoesOn(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cdc.good'), await world.topic('cdc.bad')];
  const member = new RecordingSource(world);
  await member.join([bad, good]);
  await world.write(good, [0]);
  await eventually('the first', () => member.numbers(good).length === 1);
  const elect = lose(bad);
  for (const value of range(1, 5)) {
    await world.write(good, [value]);
    await eventually(`${value}`, () => member.numbers(good).length === value + 1);
  }
  elect();
  await world.write(bad, [7]);
  await eventually('the other, too', () => member.numbers(bad).length === 1, backMs);
  member.assertOrderly();
}

async function memberBegins(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cdc.good'), await world.topic('cdc.bad')];
  await world.write(good, [0]);
  await world.write(bad, [1]);
  const elect = lose(bad);
  const member = new RecordingSource(world);
  await member.join([bad, good]);
  await eventually('the one with a leader', () => member.numbers(good).length === 1);
  elect();
  await eventually('the other, too', () => member.numbers(bad).length === 1, backMs);
  member.assertOrderly();
}

async function feedGoesOn(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cache.good'), await world.topic('cache.bad')];
  await world.topic('routes', 1, compacted);
  const recording = new RecordingFeed(world);
  await recording.feed.open(recording);
  await recording.feed.tail([good, bad]);
  await world.write(bad, [0]);
  await eventually('the first', () => recording.values(bad).length === 1);
  const elect = lose(bad);
  for (const value of range(0, 5)) {
    await world.write(good, [value]);
    await eventually(`${value}`, () => recording.values(good).length === value + 1);
  }
  assert.equal(recording.states.at(-1), 'live');
  elect();
  await world.write(bad, [1]);
  await eventually('the other, too', () => recording.values(bad).length === 2, backMs);
  assert.deepEqual([recording.numbers(bad), recording.gaps], [[0, 1], []]);
}

async function feedBegins(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cache.good'), await world.topic('cache.bad')];
  await world.topic('routes', 1, compacted);
  await world.write(bad, [0]);
  const elect = lose(bad);
  const recording = new RecordingFeed(world);
  await recording.feed.open(recording);
  let isFixed = false;
  const fixed = recording.feed.tail([bad, good]).then(() => (isFixed = true));
  // Before its own look, what is written is not for this pod.
  let written = 0;
  await eventually('the one with a leader', async () => {
    await world.write(good, [written++]);
    return recording.values(good).length > 0;
  });
  assert.equal(isFixed, false);
  elect();
  await fixed;
  await world.write(bad, [1]);
  await eventually('the other, too', () => recording.values(bad).length > 0, backMs);
  assert.deepEqual([recording.numbers(bad), recording.gaps], [[1], []]);
}

async function producerSends(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cdc.good'), await world.topic('cdc.bad')];
  const { client, names } = world;
  const producer = world.keep(new KafkaProducer({ client, names, publishTimeoutMs: 60_000 }), (one) => one.close());
  const send = (topic: string): Promise<void> => {
    const record = { key: 'k', value: Buffer.from('v'), header: null };
    return producer.send(topic, [{ partition: 0, record }], new AbortController().signal);
  };
  await Promise.all([send(good), send(bad)]);
  const elect = lose(bad);
  let isSent = false;
  const waiting = send(bad).then(() => (isSent = true));
  for (const _ of range(0, 5)) await send(good);
  assert.equal(isSent, false);
  elect();
  await waiting;
}

async function adminAsks(world: ContractWorld, lose: LoseLeader): Promise<void> {
  const [good, bad] = [await world.topic('cdc.good'), await world.topic('cdc.bad', 3)];
  await world.write(bad, [0, 1]);
  const elect = lose(bad);
  const { client, names } = world;
  const producer = world.keep(new KafkaProducer({ client, names }), (one) => one.close());
  const { signal } = new AbortController();
  assert.deepEqual(await producer.listTopics(names.cdc(''), signal), [bad, good]);
  assert.equal(await producer.partitionsOf(bad, signal), 3);
  const ends = (topic: string) => withAdmin({ client, clock: systemClock }, (admin) => boundsOf(admin, topic));
  await assert.rejects(ends(bad), /has no leader/);
  assert.deepEqual((await ends(good))?.high, [0n]);
  elect();
  assert.deepEqual((await ends(bad))?.high, [2n, 0n, 0n]);
}
