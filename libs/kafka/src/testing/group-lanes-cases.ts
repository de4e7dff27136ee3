import assert from 'node:assert/strict';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { type Outcome, RecordingSource } from './recording-source.js';

/** That partitions do not wait for one another, and are let go in good order. */
export function groupLanesCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `group lanes: ${name}`, run);
  return [
    on('a handler that does not end holds up no other partition', silent),
    on('a topic whose handlers take long is not waited for', slow),
    on('what a topic holds in memory is bounded, and nothing of it is lost', bounded),
    on('what was held goes on when it is released, without an assignment', releases),
    on('ends and commits what is at work before it lets a partition go', drains),
    on('commits what was done of a batch when it lets a partition go', drainsPart),
    on('aborts what does not end before it has to let a partition go', abortsAtLast),
    on('stays a member while what is at work ends', staysMember),
    on('takes more topics without leaving the group', takesMore),
  ];
}

interface Gate {
  readonly open: () => void;
  readonly opened: Promise<void>;
}

function gate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

async function silent(world: ContractWorld): Promise<void> {
  const [stuck, fine] = [await world.topic('cdc.stuck', 20), await world.topic('cdc.fine')];
  for (const p of range(0, 20)) await world.write(stuck, range(0, 3), p);
  const { open, opened } = gate();
  const member = new RecordingSource(world);
  member.onBatchDo = ({ topic }) => (topic === stuck ? opened.then((): Outcome => 'commit') : 'commit');
  await member.join([stuck, fine]);
  await eventually('handlers that do not end', () => member.batches.length >= 20);
  for (const i of range(0, 10)) {
    await world.write(fine, [i]);
    await eventually('the other topic', () => member.numbers(fine).length === i + 1);
  }
  for (const p of range(0, 20)) await world.write(stuck, range(3, 6), p);
  await world.write(fine, [10]);
  await eventually('the other topic, again', () => member.numbers(fine).length === 11);
  await eventually('its commit', async () => (await world.committed(world.names.dispatcherGroup, fine))[0] === 11);
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, stuck), Array(20).fill(-1));
  open();
  await eventually('the rest', () => range(0, 20).every((p) => member.numbers(stuck, p).length === 6));
  for (const p of range(0, 20)) assert.deepEqual(member.numbers(stuck, p), range(0, 6));
  assert.equal(member.assignments.length, 1);
  member.assertOrderly();
}

async function slow(world: ContractWorld): Promise<void> {
  const [late, fine] = [await world.topic('cdc.late'), await world.topic('cdc.fine')];
  const member = new RecordingSource(world, { patienceMs: 100 });
  member.onBatchDo = async ({ topic }): Promise<Outcome> => {
    if (topic === late) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return 'commit';
  };
  await member.join([late, fine]);
  await world.write(late, [0]);
  await eventually('the first one', () => member.batches.length === 1);
  for (const i of range(0, 10)) {
    await world.write(late, [i + 1]);
    await world.write(fine, [i]);
    await eventually('the other topic', () => member.numbers(fine).length === i + 1);
  }
  assert.ok(member.numbers(late).length < 10, 'the other topic ended first');
  await eventually('the late one', () => member.numbers(late).length === 11, 30_000);
  assert.deepEqual(member.numbers(late), range(0, 11));
  member.assertOrderly();
}

async function bounded(world: ContractWorld): Promise<void> {
  const [stuck, fine] = [await world.topic('cdc.stuck', 8), await world.topic('cdc.fine')];
  const long = 'x'.repeat(10_000);
  for (const p of range(0, 8))
    await world.write(
      stuck,
      range(0, 20).map((i) => `${i}.${long}`),
      p,
    );
  const { open, opened } = gate();
  let inHand = 0;
  let most = 0;
  const member = new RecordingSource(world, { workBytesMax: 3_200_000 });
  member.onBatchDo = async ({ topic, records }): Promise<Outcome> => {
    if (topic === fine) return 'commit';
    const bytes = records.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
    inHand += bytes;
    most = Math.max(most, inHand);
    await opened;
    inHand -= bytes;
    return 'commit';
  };
  await member.join([stuck, fine]);
  await eventually('handlers that do not end', () => inHand > 0);
  for (const i of range(0, 5)) {
    await world.write(fine, [i]);
    await eventually('the other topic', () => member.numbers(fine).length === i + 1);
  }
  assert.ok(most <= 400_000, `${most} bytes in hand`);
  open();
  await eventually('the rest', () => range(0, 8).every((p) => isDone(member, stuck, p)), 30_000);
  assert.ok(most <= 400_000, `${most} bytes in hand`);
  member.assertOrderly();
}

function isDone(member: RecordingSource, topic: string, partition: number): boolean {
  const ofIt = member.batches.filter((batch) => batch.topic === topic && batch.partition === partition);
  const offsets = ofIt.flatMap(({ records }) => records.map(({ src }) => src));
  return offsets.join() === range(0, 20).join();
}

async function releases(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10), 0);
  await world.write(topic, range(0, 10), 1);
  const member = new RecordingSource(world);
  let held = true;
  member.onBatchDo = ({ partition }) => (held && partition === 0 ? 'hold' : 'commit');
  await member.join([topic]);
  await eventually('a held batch', () => member.batches.some(({ partition }) => partition === 0));
  await world.write(topic, range(10, 20), 0);
  await eventually('the other partition', () => member.numbers(topic, 1).length === 10);
  for (const round of range(0, 3)) {
    const before = member.batches.length;
    member.source.release([{ topic, partition: 0 }]);
    await eventually(`held again, ${round}`, () => member.batches.length > before);
  }
  await eventually('all is held', () => member.metric('tidemark_kafka_group_held_partitions') === 1);
  held = false;
  member.source.release([{ topic, partition: 0 }]);
  await eventually('what was held', () => member.numbers(topic, 0).length === 20);
  assert.deepEqual(member.numbers(topic, 0), range(0, 20));
  assert.equal(member.assignments.length, 1);
  assert.equal(member.metric('tidemark_kafka_group_gaps_total'), 0);
  member.assertOrderly();
}

async function drains(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10), 0);
  await world.write(topic, range(0, 10), 1);
  const { open, opened } = gate();
  const member = new RecordingSource(world);
  let aborted = 0;
  member.onBatchDo = async (_batch, signal): Promise<Outcome> => {
    if (member.assignments.length === 1) await opened;
    if (signal.aborted) aborted += 1;
    return 'commit';
  };
  let tooEarly = false;
  await member.join([topic]);
  await eventually('batches in hand', () => member.batches.length === 2);
  const peer = new RecordingSource(world);
  peer.onAssignedDo = () => void (tooEarly ||= !areDone(member, topic));
  const joined = peer.join([topic]);
  await eventually('word of the peer', () => member.closings.some((closing) => closing.aborted), 10_000);
  open();
  await joined;
  await eventually('shared partitions', () => member.owns() === 1 && peer.owns() === 1, 20_000);
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [10, 10]);
  assert.deepEqual([tooEarly, aborted, peer.batches.length], [false, 0, 0]);
  await world.write(topic, [10], 0);
  await world.write(topic, [10], 1);
  const all = (p: number): readonly number[] => [...member.numbers(topic, p), ...peer.numbers(topic, p)];
  await eventually('what comes later', () => all(0).length === 11 && all(1).length === 11);
  for (const p of [0, 1]) assert.deepEqual(all(p), range(0, 11));
  member.assertOrderly();
}

function areDone(member: RecordingSource, topic: string): boolean {
  return [0, 1].every((p) => member.numbers(topic, p).length === 10);
}

async function drainsPart(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const member = new RecordingSource(world);
  member.onBatchDo = async (batch, _signal, closing): Promise<Outcome> => {
    if (batch.firstOffset !== 0n || closing === undefined) return 'commit';
    await new Promise((resolve) => closing.addEventListener('abort', resolve, { once: true }));
    return { commitTo: 4n };
  };
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  const peer = new RecordingSource(world);
  await peer.join([topic]);
  const rest = (): bigint | undefined => [...member.batches.slice(1), ...peer.batches][0]?.firstOffset;
  await eventually('the rest, by whoever owns it now', () => rest() !== undefined, 20_000);
  assert.equal(rest(), 4n);
  await eventually('its commit', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 10);
  member.assertOrderly();
}

async function abortsAtLast(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10));
  let aborted = 0;
  const member = new RecordingSource(world, { rebalanceTimeoutMs: 4_000 });
  member.onBatchDo = async (_batch, signal): Promise<Outcome> => {
    if (member.assignments.length > 1) return 'commit';
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    aborted += 1;
    throw new Error('aborted');
  };
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  const peer = new RecordingSource(world);
  await peer.join([topic]);
  await eventually('the abort', () => aborted === 1, 20_000);
  const all = (): number => member.numbers(topic).length + peer.numbers(topic).length;
  await eventually('the records, by whoever owns them now', () => all() === 10, 20_000);
  assert.equal(member.metric('tidemark_kafka_group_sessions_total'), 1);
  member.assertOrderly();
}

/** Longer than the session time-out: heartbeats go on. */
async function staysMember(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10));
  const member = new RecordingSource(world, { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000 });
  member.onBatchDo = async (): Promise<Outcome> => {
    if (member.assignments.length === 1) await new Promise((resolve) => setTimeout(resolve, 8_000));
    return 'commit';
  };
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  const peer = new RecordingSource(world, { rebalanceTimeoutMs: 20_000 });
  await peer.join([topic]);
  await eventually('shared partitions', () => member.owns() === 1 && peer.owns() === 1, 30_000);
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [10, -1]);
  assert.deepEqual([member.batches.length, peer.batches.length], [1, 0]);
  assert.equal(member.assignments.length, 2);
}

async function takesMore(world: ContractWorld): Promise<void> {
  const [a, b] = [await world.topic('cdc.a', 2), await world.topic('cdc.b', 2)];
  for (const [topic, p] of [a, b].flatMap((topic) => [0, 1].map((p) => [topic, p] as const)))
    await world.write(topic, range(0, 10), p);
  const members = [new RecordingSource(world), new RecordingSource(world)];
  await Promise.all(members.map((member) => member.join([a])));
  await eventually('shared partitions', () => members.every((member) => member.owns() === 1), 20_000);
  const before = members.map((member) => member.assignments.length);
  await Promise.all(members.map((member) => member.source.subscribe([a, b])));
  await eventually('both topics', () => members.every((member) => member.owns() === 2), 20_000);
  for (const topic of [a, b]) for (const p of [0, 1]) await world.write(topic, range(10, 20), p);
  const all = (topic: string, p: number): readonly number[] => members.flatMap((member) => member.numbers(topic, p));
  const isWhole = (): boolean => [a, b].every((topic) => [0, 1].every((p) => all(topic, p).length >= 20));
  await eventually('all of both', isWhole);
  for (const topic of [a, b]) for (const p of [0, 1]) assert.deepEqual(all(topic, p).toSorted(ascending), range(0, 20));
  for (const [i, member] of members.entries()) {
    assert.equal(member.metric('tidemark_kafka_group_sessions_total'), 1);
    assert.ok(member.assignments.length - (before[i] ?? 0) <= 3);
    member.assertOrderly();
  }
}

const ascending = (a: number, b: number): number => a - b;
