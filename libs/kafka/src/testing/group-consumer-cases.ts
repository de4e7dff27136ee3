import assert from 'node:assert/strict';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type KafkaClient } from '../kafka-client.js';
import { KafkaProducer } from '../producer.js';
import { contractCase, type ContractWorld, type KafkaHarness, range, type RestartableKafka } from './contract-world.js';
import { firsts, Load } from './load.js';
import { type Outcome, RecordingSource } from './recording-source.js';

/** What the dispatcher relies on when it shares its table topics with its peers. */
export function groupConsumerCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `group consumer: ${name}`, run);
  return [
    on('begins at the first record and resumes after what it committed', resumes),
    on('commits only after the handler', commitsAfter),
    on('hands over nothing before the assignment is taken', assignedFirst),
    on('repeats the assignment until the handler has taken it', assignedAgain),
    on('leaves what is held uncommitted, and goes on with other partitions', holds),
    on('hands the same batch over again when the handler fails', repeats),
    on('keeps its membership while a handler is at work for long', longHandler),
    on('takes over from a member that dies, without loss and in order', takesOver),
    on('changes its topics without losing or repeating the others', changesTopics),
    on('waits for topics that are not there beside the work on the others', missingTopic),
    on('stops after what is at work, and commits it', stops),
    on('aborts what is at work when it does not end within the drain time', stopsAnyway),
    on('hazard 26: tells a gap between what was committed and what is still there', gap),
  ];
}

/** The same while the brokers are killed. */
export function groupConsumerRestartCases(harness: RestartableKafka): ContractCase[] {
  return [
    contractCase(harness, 'group consumer: loses nothing when the brokers restart under load', (world) =>
      restart(world, harness.restartBrokers),
    ),
  ];
}

const gate = (): { open: () => void; opened: Promise<void> } => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
};

async function resumes(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 50), 0);
  await world.write(topic, range(0, 50), 1);
  const first = new RecordingSource(world);
  await first.join([topic]);
  await eventually('all', () => first.numbers(topic, 0).length === 50 && first.numbers(topic, 1).length === 50);
  assert.deepEqual(first.numbers(topic, 1), range(0, 50));
  const [head] = first.batches;
  assert.equal(head?.firstOffset, 0n);
  await first.source.stop();
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [50, 50]);
  await world.write(topic, range(50, 60), 0);
  const second = new RecordingSource(world);
  await second.join([topic]);
  await eventually('the rest', () => second.numbers(topic, 0).length === 10);
  assert.deepEqual(second.numbers(topic, 0), range(50, 60));
  assert.deepEqual(second.numbers(topic, 1), []);
  first.assertOrderly();
}

async function commitsAfter(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const { open, opened } = gate();
  const member = new RecordingSource(world);
  member.onBatchDo = () => opened.then(() => 'commit');
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [-1]);
  open();
  await eventually('the commit', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 10);
}

async function assignedFirst(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10));
  const { open, opened } = gate();
  let fetched = 0;
  const client: KafkaClient = {
    ...world.client,
    consumer: (config) => {
      const consumer = world.client.consumer(config);
      consumer.on(consumer.events.FETCH, () => void (fetched += 1));
      return consumer;
    },
  };
  const member = new RecordingSource(world, { client });
  member.onAssignedDo = () => opened;
  await member.join([topic]);
  await eventually('fetched records', () => fetched > 0);
  assert.equal(member.batches.length, 0);
  open();
  await eventually('the records', () => member.numbers(topic).length === 10);
  assert.equal(member.owns(), 2);
  member.assertOrderly();
}

async function assignedAgain(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  let calls = 0;
  const member = new RecordingSource(world);
  member.onAssignedDo = () => {
    calls += 1;
    if (calls < 3) throw new Error('not yet');
  };
  await member.join([topic]);
  await eventually('the records', () => member.numbers(topic).length === 10);
  assert.equal(calls, 3);
  member.assertOrderly();
}

async function holds(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  await world.write(topic, range(0, 10), 0);
  const member = new RecordingSource(world);
  member.onBatchDo = ({ partition }) => (partition === 0 && member.assignments.length === 1 ? 'hold' : 'commit');
  await member.join([topic]);
  await eventually('a held batch', () => member.batches.length === 1);
  await world.write(topic, range(10, 20), 0);
  await world.write(topic, range(0, 10), 1);
  await eventually('the other partition', () => member.numbers(topic, 1).length === 10);
  assert.equal(member.batches.filter(({ partition }) => partition === 0).length, 1);
  const committed = (): Promise<readonly number[]> => world.committed(world.names.dispatcherGroup, topic);
  await eventually('its commit', async () => (await committed())[1] === 10);
  assert.deepEqual(await committed(), [-1, 10]);
  const other = await world.join(world.names.dispatcherGroup, topic);
  await other.disconnect();
  await eventually('the held records after the next assignment', () => member.numbers(topic, 0).length === 20, 30_000);
  assert.deepEqual(member.numbers(topic, 0), range(0, 20));
  member.assertOrderly();
}

async function repeats(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const member = new RecordingSource(world);
  member.onBatchDo = () => {
    if (member.batches.length < 4) throw new TypeError('poison');
    return 'commit';
  };
  await member.join([topic]);
  await eventually('the records', () => member.numbers(topic).length === 10);
  assert.deepEqual(member.numbers(topic), range(0, 10));
  assert.deepEqual(
    member.batches.slice(0, 4).map(({ firstOffset }) => firstOffset),
    [0n, 0n, 0n, 0n],
  );
  member.assertOrderly();
}

async function longHandler(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const member = new RecordingSource(world);
  member.onBatchDo = async (): Promise<Outcome> => {
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    return 'commit';
  };
  await member.join([topic]);
  await eventually(
    'the commit',
    async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 10,
    20_000,
  );
  assert.equal(member.assignments.length, 1);
  assert.equal(member.batches.length, 1);
}

async function takesOver(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 4);
  const mortal = world.mortal();
  const [survivor, victim] = [new RecordingSource(world), new RecordingSource(world, { client: mortal })];
  await Promise.all([survivor.join([topic]), victim.join([topic])]);
  await eventually('shared partitions', () => survivor.owns() === 2 && victim.owns() === 2, 20_000);
  const producer = world.keep(new KafkaProducer({ client: world.client, names: world.names }), (one) => one.close());
  const load = new Load(producer, topic, 4, 20);
  const seen = (p: number): readonly number[] => [...victim.numbers(topic, p), ...survivor.numbers(topic, p)];
  await eventually('work for both', () => range(0, 4).every((p) => seen(p).length > 10));
  mortal.sever();
  const diedMs = performance.now();
  await eventually('the take-over', () => survivor.owns() === 4, 20_000);
  const tookMs = performance.now() - diedMs;
  const written = await load.stop();
  await eventually('all', () => written.every((count, p) => new Set(seen(p)).size >= count), 20_000);
  for (const [p, count] of written.entries()) assert.deepEqual(firsts(seen(p)), range(0, count));
  assert.ok(tookMs < 12_000, `took ${Math.round(tookMs)} ms`);
  survivor.assertOrderly();
}

async function changesTopics(world: ContractWorld): Promise<void> {
  const [a, b] = [await world.topic('cdc.a', 2), await world.topic('cdc.b')];
  await world.write(a, range(0, 20));
  await world.write(b, range(0, 20));
  const member = new RecordingSource(world);
  await member.join([a]);
  await eventually('a', () => member.numbers(a).length === 20);
  assert.deepEqual(member.numbers(b), []);
  await member.source.subscribe([a, b]);
  await world.write(a, range(20, 30));
  await eventually('a and b', () => member.numbers(a).length >= 30 && member.numbers(b).length >= 20);
  await member.source.subscribe([b]);
  await world.write(a, range(30, 40));
  await world.write(b, range(20, 30));
  await eventually('more of b', () => member.numbers(b).length >= 30);
  assert.equal(member.numbers(a).length, 30);
  await member.source.subscribe([a]);
  await eventually('the rest of a', () => member.numbers(a).length >= 40);
  assert.deepEqual(member.numbers(a), range(0, 40));
  assert.deepEqual(member.numbers(b), range(0, 30));
  await member.source.subscribe([]);
  await world.write(a, [40]);
  assert.equal(member.numbers(a).length, 40);
  member.assertOrderly();
}

async function missingTopic(world: ContractWorld): Promise<void> {
  const a = await world.topic('cdc.a');
  const later = `${world.names.prefix}.cdc.later`;
  const member = new RecordingSource(world);
  await member.join([a, later]);
  await world.write(a, range(0, 10));
  await eventually('a', () => member.numbers(a).length === 10);
  await world.topic('cdc.later');
  await world.write(later, range(0, 10));
  await eventually('the later one', () => member.numbers(later).length === 10, 15_000);
}

async function stops(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const { open, opened } = gate();
  const member = new RecordingSource(world);
  member.onBatchDo = () => opened.then(() => 'commit');
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  await world.write(topic, range(10, 20));
  const stopped = member.source.stop();
  await world.write(topic, range(20, 30));
  open();
  await stopped;
  assert.equal(member.batches.length, 1);
  const [batch] = member.batches;
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [Number(batch?.nextOffset)]);
}

async function stopsAnyway(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const member = new RecordingSource(world, { drainMs: 300 });
  member.onBatchDo = (_batch, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  await member.join([topic]);
  await eventually('a batch in hand', () => member.batches.length === 1);
  const startedMs = performance.now();
  await member.source.stop();
  assert.ok(performance.now() - startedMs < 4_000);
  assert.deepEqual(await world.committed(world.names.dispatcherGroup, topic), [-1]);
}

async function gap(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a');
  await world.write(topic, range(0, 10));
  const first = new RecordingSource(world);
  await first.join([topic]);
  await eventually('the first ten', () => first.numbers(topic).length === 10);
  await first.source.stop();
  await world.write(topic, range(10, 30));
  await world.deleteRecords(topic, 20);
  const second = new RecordingSource(world);
  await second.join([topic]);
  await eventually('the last ten', () => second.numbers(topic).length === 10);
  assert.deepEqual(second.numbers(topic), range(20, 30));
  assert.equal(second.metric('tidemark_kafka_group_gaps_total'), 1);
}

async function restart(world: ContractWorld, restartBrokers: () => Promise<void>): Promise<void> {
  const topic = await world.topic('cdc.a', 4);
  const members = [new RecordingSource(world), new RecordingSource(world)];
  await Promise.all(members.map((member) => member.join([topic])));
  const producer = world.keep(
    new KafkaProducer({ client: world.client, names: world.names, publishTimeoutMs: 60_000 }),
    (one) => one.close(),
  );
  const load = new Load(producer, topic, 4);
  const count = (): number =>
    members.flatMap((member) => range(0, 4).map((p) => member.numbers(topic, p).length)).reduce((a, b) => a + b);
  await eventually('a load', () => count() > 200, 20_000);
  await restartBrokers();
  const before = count();
  await eventually('records again', () => count() > before + 200, 60_000);
  const written = await load.stop();
  const seen = (p: number): Set<number> => new Set(members.flatMap((member) => [...member.numbers(topic, p)]));
  await eventually('all', () => written.every((written, p) => seen(p).size >= written), 60_000);
  for (const member of members) {
    member.assertOrderly();
    for (const p of range(0, 4)) assertAscending(firsts(member.numbers(topic, p)));
  }
}

function assertAscending(numbers: readonly number[]): void {
  for (const [i, number] of numbers.entries())
    assert.ok(i === 0 || number > (numbers[i - 1] ?? 0), `${number} out of order`);
}
