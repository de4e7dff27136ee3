import assert from 'node:assert/strict';
import { type Rewind, type RewindOutcome } from '@tidemark/pipeline';
import { decodeRewindNote, type RewindNote } from '@tidemark/protocol';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { type Outcome, RecordingSource } from './recording-source.js';

/** That a partition goes back where it is told to, once, whoever owns it then. */
export function groupRewindCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `group rewind: ${name}`, run);
  return [
    on('hands over again what came since, in that partition alone, without an assignment', goesBack),
    on('comes between two batches, and goes on behind the end that there was', between),
    on('is done once, also by who comes next, who goes on where it had come to', outlasts),
    on('stays done where the group is joined anew', rejoins),
    on('never goes beyond what was handled, and ends a rewind that is under way', neverForward),
    on('begins with what is left of the topic, and says that records before it are lost', beyondTheStart),
    on('goes back in what is held, which waits for its release', whileHeld),
    on('leaves a partition alone that begins at its start anyway', uncharted),
  ];
}

const { signal } = new AbortController();

/** Ten records, a moment, and ten more, all of them handled; the moment. */
async function handled(world: ContractWorld, member: RecordingSource): Promise<{ topic: string; at: number }> {
  const topic = await world.topic('cdc.a', 2);
  const at = await twice(world, topic);
  await member.join([topic]);
  await isCommitted(world, topic, 20);
  return { topic, at };
}

async function twice(world: ContractWorld, topic: string): Promise<number> {
  for (const p of [0, 1]) await world.write(topic, range(0, 10), p);
  const at = Date.now() + 5;
  await eventually('a moment later', () => Date.now() > at + 5);
  for (const p of [0, 1]) await world.write(topic, range(10, 20), p);
  return at;
}

function isCommitted(world: ContractWorld, topic: string, offset: number): Promise<void> {
  return eventually(`${offset} are committed`, async () => {
    const committed = await world.committed(world.names.dispatcherGroup, topic);
    return committed.every((each) => each === offset);
  });
}

async function noteOf(world: ContractWorld, topic: string): Promise<RewindNote | undefined> {
  const admin = await world.admin();
  const [answer] = await admin.fetchOffsets({ groupId: world.names.dispatcherGroup, topics: [topic] });
  return decodeRewindNote(answer?.partitions.find(({ partition }) => partition === 0)?.metadata);
}

/** Of partition 0. */
function rewind(member: RecordingSource, topic: string, demand: Rewind): Promise<RewindOutcome> {
  return member.source.rewind({ topic, partition: 0 }, demand, signal);
}

async function goesBack(world: ContractWorld): Promise<void> {
  const member = new RecordingSource(world);
  const { topic, at } = await handled(world, member);
  const before = member.batches.length;
  assert.equal(await rewind(member, topic, { id: 5, to: at }), 'rewound');
  await eventually('the rest again', () => member.numbers(topic).length === 30);
  await world.write(topic, [20], 0);
  await eventually('what comes later', () => member.numbers(topic).length === 31);
  assert.deepEqual(member.numbers(topic), [...range(0, 20), ...range(10, 21)]);
  assert.deepEqual(member.numbers(topic, 1), range(0, 20));
  const note = { id: 5, until: 20n, lost: false };
  const again = member.batches.slice(before);
  assert.deepEqual(again[0]?.rewind, note);
  const through = { ...note, until: 0n };
  assert.deepEqual(again.at(-1)?.rewind, through);
  for (const batch of again) assert.equal(batch.afterGap, false);
  await eventually('its commit', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 21);
  assert.deepEqual(await noteOf(world, topic), through);
  assert.equal(await rewind(member, topic, { id: 5, to: 0 }), 'done');
  assert.equal(member.assignments.length, 1);
  member.assertOrderly();
}

async function between(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  const member = new RecordingSource(world);
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  member.onBatchDo = async (batch): Promise<Outcome> => {
    if (batch.partition === 0 && batch.firstOffset === 20n) await ended;
    return 'commit';
  };
  const at = await twice(world, topic);
  await member.join([topic]);
  await isCommitted(world, topic, 20);
  await world.write(topic, range(20, 25), 0);
  await eventually('a batch in hand', () => member.batches.some(({ firstOffset }) => firstOffset === 20n));
  // Fetched behind it: handled before, or dropped, and in either case it comes again in its turn.
  await world.write(topic, range(25, 30), 0);
  let isDone = false;
  const outcome = rewind(member, topic, { id: 5, to: at }).finally(() => (isDone = true));
  await world.write(topic, [0], 1);
  await eventually('the other partition', () => member.numbers(topic, 1).length === 21);
  assert.equal(isDone, false);
  end();
  assert.equal(await outcome, 'rewound');
  const again = (): readonly number[] => member.numbers(topic).slice(-20);
  await eventually('all of it again', () => again().join() === range(10, 30).join(), 20_000);
  const before = member.numbers(topic).slice(0, -20);
  assert.deepEqual(before, range(0, before.length));
  assert.equal(member.metric('tidemark_kafka_group_gaps_total'), 0);
  member.assertOrderly();
}

/** The first one dies in the middle of it: what it had handled is not committed. */
async function outlasts(world: ContractWorld): Promise<void> {
  const first = new RecordingSource(world, { drainMs: 1 });
  const { topic, at } = await handled(world, first);
  let isStuck = true;
  first.onBatchDo = (_batch, aborted) =>
    isStuck ? new Promise((resolve) => aborted.addEventListener('abort', () => resolve('hold'))) : 'commit';
  await rewind(first, topic, { id: 5, to: at });
  await first.source.stop();
  isStuck = false;
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [10, 20]);
  const next = new RecordingSource(world);
  await next.join([topic]);
  await eventually('the rest again', () => next.numbers(topic).length === 10);
  assert.deepEqual(next.numbers(topic), range(10, 20));
  assert.deepEqual(next.batches[0]?.rewind, { id: 5, until: 20n, lost: false });
  assert.equal(await rewind(next, topic, { id: 5, to: at }), 'done');
  assert.equal(await rewind(next, topic, { id: 4, to: at }), 'done');
  assert.equal(await rewind(next, topic, { id: 6, to: at }), 'rewound');
  await eventually('again', () => next.numbers(topic).length === 20);
  next.assertOrderly();
}

async function rejoins(world: ContractWorld): Promise<void> {
  const member = new RecordingSource(world);
  const { topic, at } = await handled(world, member);
  await rewind(member, topic, { id: 5, to: at });
  await eventually('the rest again', () => member.numbers(topic).length === 30);
  await isCommitted(world, topic, 20);
  const peer = new RecordingSource(world);
  await peer.join([topic]);
  await eventually('shared partitions', () => member.owns() === 1 && peer.owns() === 1, 20_000);
  await world.write(topic, [20], 0);
  const all = (): readonly number[] => [...member.numbers(topic), ...peer.numbers(topic)];
  await eventually('what comes later', () => all().length === 31);
  assert.deepEqual(all(), [...range(0, 20), ...range(10, 21)]);
  const owner = peer.numbers(topic).length === 1 ? peer : member;
  assert.equal(await rewind(owner, topic, { id: 5, to: at }), 'done');
  assert.equal(await rewind(owner === peer ? member : peer, topic, { id: 6, to: at }), 'gone');
  member.assertOrderly();
}

async function neverForward(world: ContractWorld): Promise<void> {
  const member = new RecordingSource(world, { drainMs: 1 });
  const { topic, at } = await handled(world, member);
  assert.equal(await rewind(member, topic, { id: 5, to: Date.now() + 60_000 }), 'rewound');
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [20, 20]);
  let isHeld = true;
  member.onBatchDo = () => (isHeld ? 'hold' : 'commit');
  await rewind(member, topic, { id: 6, to: 0 });
  await eventually('a held batch', () => member.batches.at(-1)?.firstOffset === 0n);
  await rewind(member, topic, { id: 7, to: at });
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [10, 20]);
  await rewind(member, topic, { id: 8, to: Date.now() + 60_000 });
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [20, 20]);
  isHeld = false;
  member.source.release([{ topic, partition: 0 }]);
  await world.write(topic, [20], 0);
  await eventually('what comes later', () => member.numbers(topic).length === 21);
  assert.deepEqual(member.numbers(topic), range(0, 21));
  member.assertOrderly();
}

async function beyondTheStart(world: ContractWorld): Promise<void> {
  const member = new RecordingSource(world);
  const { topic } = await handled(world, member);
  await world.deleteRecords(topic, 12);
  await rewind(member, topic, { id: 5, to: 0 });
  await eventually('what is left', () => member.numbers(topic).length === 28);
  assert.deepEqual(member.numbers(topic).slice(20), range(12, 20));
  const again = member.batches.filter((batch) => batch.rewind !== undefined);
  assert.deepEqual([again[0]?.firstOffset, again.map(({ afterGap }) => afterGap)[0]], [12n, true]);
  assert.ok(again.slice(1).every(({ afterGap }) => afterGap === false));
  await isCommitted(world, topic, 20);
  assert.deepEqual(await noteOf(world, topic), { id: 5, until: 0n, lost: false });
  member.assertOrderly();
}

async function whileHeld(world: ContractWorld): Promise<void> {
  const member = new RecordingSource(world);
  const { topic, at } = await handled(world, member);
  let isHeld = true;
  member.onBatchDo = ({ partition }) => (isHeld && partition === 0 ? 'hold' : 'commit');
  await world.write(topic, [20], 0);
  await eventually('a held batch', () => member.batches.at(-1)?.firstOffset === 20n);
  assert.equal(await rewind(member, topic, { id: 5, to: at }), 'rewound');
  await world.write(topic, [20], 1);
  await eventually('the other partition', () => member.numbers(topic, 1).length === 21);
  assert.equal(member.numbers(topic).length, 20);
  isHeld = false;
  member.source.release([{ topic, partition: 0 }]);
  await eventually('all of it', () => member.numbers(topic).length === 31);
  assert.deepEqual(member.numbers(topic).slice(20), range(10, 21));
  assert.equal(member.metric('tidemark_kafka_group_gaps_total'), 0);
  member.assertOrderly();
}

async function uncharted(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  const member = new RecordingSource(world);
  await member.join([topic]);
  assert.equal(await rewind(member, topic, { id: 5, to: Date.now() }), 'rewound');
  await world.write(topic, range(0, 10), 0);
  await eventually('its records', () => member.numbers(topic).length === 10);
  assert.deepEqual([member.batches[0]?.uncharted, member.batches[0]?.rewind?.until], [true, 0n]);
  await eventually('its commit', async () => (await noteOf(world, topic))?.id === 5);
  assert.equal(await rewind(member, topic, { id: 5, to: 0 }), 'done');
  member.assertOrderly();
}
