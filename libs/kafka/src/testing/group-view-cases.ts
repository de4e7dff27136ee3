import assert from 'node:assert/strict';
import { type ContractCase, eventually, recordingLogger } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { type KafkaClient } from '../kafka-client.js';
import { KafkaProducer } from '../producer.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';
import { RecordingSource } from './recording-source.js';

/** What the dispatcher and whoever runs it are told of the table topics beside their records. */
export function groupViewCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `group consumer: ${name}`, run);
  return [
    on('hazard 47: confirms its partitions by asking the group, and none while the group is in motion', confirms),
    on('hazard 47: confirms nothing once others have its partitions, though it does not know', thrownOut),
    on('hazard 52: says that the group has no offset of a partition, until it has committed one', uncharted),
    on('hazard 26: tells a gap also where the committed offset was read at the third attempt', readAtLast),
    on('hazard 52: says that it knows nothing of a partition whose committed offset cannot be read', neverRead),
    on(
      'hazard 26: tells a gap where the committed offset had left the log before anybody could say so',
      resetElsewhere,
    ),
    on('hazard 52: tells that a topic was made anew, and hands over all that is in it', madeAnew),
    on('says why nothing is consumed while the brokers do not answer, and reads no lag of 0 then', outage),
    on('knows how far what is held is behind', heldLag),
    on('hazard 27: finds partitions that are added, and reads them from their start', growth),
    on('tells each record’s own offset, whatever was written into its place', ownOffsets),
  ];
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

async function confirms(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  const [first, second] = [new RecordingSource(world), new RecordingSource(world)];
  assert.equal(await first.source.confirm(soon()), false);
  await first.join([topic]);
  await eventually('it owns both', () => first.owns() === 2);
  assert.equal(await first.source.confirm(soon()), true);
  const joining = second.join([topic]);
  await eventually('they share', () => first.owns() === 1 && second.owns() === 1);
  await joining;
  await eventually('each has its own', async () => {
    const [one, two] = await Promise.all([first.source.confirm(soon()), second.source.confirm(soon())]);
    return one && two;
  });
  await first.source.stop();
  assert.equal(await first.source.confirm(soon()), false);
}

async function thrownOut(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  const client = world.mortal();
  const first = new RecordingSource(world, { client });
  await first.join([topic]);
  await eventually('it owns both', () => first.owns() === 2);
  client.sever();
  assert.equal(await first.source.confirm(AbortSignal.timeout(500)), false);
  const second = new RecordingSource(world);
  await second.join([topic]);
  await eventually('the other has taken over', () => second.owns() === 2, 30_000);
  assert.equal(first.owns(), 2);
  const before = first.assignments.length;
  client.mend();
  const answer = await first.source.confirm(soon());
  assert.ok(!answer || first.assignments.length > before);
}

async function uncharted(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  await world.write(topic, [0]);
  const first = new RecordingSource(world);
  await first.join([topic]);
  await eventually('the first', () => first.numbers(topic).length === 1);
  await world.write(topic, [1]);
  await eventually('the second', () => first.numbers(topic).length === 2);
  await first.source.stop();
  await world.write(topic, [2]);
  const second = new RecordingSource(world);
  await second.join([topic]);
  await eventually('the third', () => second.numbers(topic).length === 1);
  const told = [...first.batches, ...second.batches].map((batch) => [batch.uncharted, batch.afterGap]);
  assert.deepEqual(told, [
    [true, false],
    [false, false],
    [false, false],
  ]);
}

async function readAtLast(world: ContractWorld): Promise<void> {
  const topic = await cutBehindCommit(world);
  const source = new RecordingSource(world, { client: withoutOffsets(world.client, 2) });
  await source.join([topic]);
  await eventually('the rest', () => source.numbers(topic).length === 2);
  assert.deepEqual([source.batches[0]?.afterGap, source.batches[0]?.uncharted], [true, false]);
}

async function neverRead(world: ContractWorld): Promise<void> {
  const topic = await cutBehindCommit(world);
  const source = new RecordingSource(world, { client: withoutOffsets(world.client, Infinity) });
  await source.join([topic]);
  await eventually('the rest', () => source.numbers(topic).length === 2, 25_000);
  assert.equal(source.batches[0]?.uncharted, true);
}

/** A topic whose records from the committed offset on, up to the last two, have left the log. */
async function cutBehindCommit(world: ContractWorld): Promise<string> {
  const topic = await world.topic('cdc.a', 1);
  await world.write(topic, range(0, 5));
  const first = new RecordingSource(world);
  await first.join([topic]);
  await eventually('all', () => first.numbers(topic).length === 5);
  await first.source.stop();
  await world.write(topic, range(5, 10));
  await world.deleteRecords(topic, 8);
  return topic;
}

/** `client`, but the first `failures` questions for committed offsets by its admins fail. */
function withoutOffsets(client: KafkaClient, failures: number): KafkaClient {
  let left = failures;
  return {
    producer: (config) => client.producer(config),
    consumer: (config) => client.consumer(config),
    admin: (config) => {
      const admin = client.admin(config);
      const fetchOffsets: Admin['fetchOffsets'] = (options) => {
        left -= 1;
        return left >= 0 ? Promise.reject(new Error('the coordinator is being loaded')) : admin.fetchOffsets(options);
      };
      return { ...admin, fetchOffsets };
    },
  };
}

/** What a member leaves behind that has found its offset gone, and dies: kafkajs commits that the log is to be read from its start. */
async function resetElsewhere(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  await world.write(topic, range(0, 5));
  const admin = await world.admin();
  const groupId = world.names.dispatcherGroup;
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '-2' }] });
  const source = new RecordingSource(world);
  await source.join([topic]);
  await eventually('all', () => source.numbers(topic).length === 5);
  assert.deepEqual(
    source.batches.map((batch) => batch.afterGap),
    [true],
  );
  await world.write(topic, [5]);
  await eventually('the next', () => source.numbers(topic).length === 6);
  assert.equal(source.batches.at(-1)?.afterGap, false);
}

async function madeAnew(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  await world.write(topic, range(0, 50));
  const source = new RecordingSource(world);
  await source.join([topic]);
  await eventually('all', () => source.numbers(topic).length === 50);
  await eventually('the commit', async () => (await world.committed(world.names.dispatcherGroup, topic))[0] === 50);
  await world.deleteTopic(topic);
  await world.topic('cdc.a', 1);
  await eventually('a send', () =>
    world.write(topic, [100]).then(
      () => true,
      () => false,
    ),
  );
  await world.write(topic, range(101, 110));
  await eventually('what is in it', () => source.numbers(topic).at(-1) === 109, 60_000);
  const [first] = source.batches.filter(({ records }) => records.some(({ value }) => String(value).startsWith('100')));
  assert.ok(first?.afterGap === true || first?.uncharted === true, 'it was told');
  assert.deepEqual([...new Set(source.numbers(topic).slice(50))], range(100, 110));
}

async function outage(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  const client = world.mortal();
  const logger = recordingLogger();
  const source = new RecordingSource(world, { client, logger });
  await source.join([topic]);
  await world.write(topic, range(0, 5));
  await eventually('all', () => source.numbers(topic).length === 5);
  assert.equal(source.source.problem, undefined);
  await eventually('no lag', () => source.metric('tidemark_kafka_group_lag_records') === 0);
  client.sever();
  const startedMs = performance.now();
  await eventually('a problem', () => source.source.problem !== undefined, 8_000);
  assert.ok(performance.now() - startedMs < 6_000);
  assert.ok(Number.isNaN(source.metric('tidemark_kafka_group_lag_records')));
  await world.write(topic, range(5, 8));
  const attempts = () => logger.lines.filter(({ message }) => message === 'kafka group: trying again');
  await eventually('an attempt that failed', () => attempts().length > 0, 40_000);
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  assert.equal(attempts().length, 1, 'is told once in a while');
  client.mend();
  await eventually('what was written meanwhile', () => source.numbers(topic).length === 8, 40_000);
  await eventually('no problem', () => source.source.problem === undefined, 20_000);
  assert.ok(logger.lines.some(({ level, message }) => level === 'info' && message === 'kafka group: joined again'));
  assert.equal(source.metric('tidemark_kafka_group_lag_records'), 0);
}

async function heldLag(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 2);
  const source = new RecordingSource(world);
  await source.join([topic]);
  await world.write(topic, range(0, 5));
  await eventually('all', () => source.numbers(topic).length === 5);
  source.onBatchDo = () => 'hold';
  await world.write(topic, range(5, 12));
  await eventually('it lags', () => source.metric('tidemark_kafka_group_lag_records') === 7, 25_000);
}

async function growth(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  const source = new RecordingSource(world);
  await source.join([topic]);
  await world.write(topic, [0]);
  await eventually('the first', () => source.numbers(topic).length === 1);
  const admin = await world.admin();
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  await eventually('the new partition is written to', () =>
    world.write(topic, range(10, 13), 2).then(
      () => true,
      () => false,
    ),
  );
  await eventually('its records', () => source.numbers(topic, 2).length === 3, 25_000);
  assert.deepEqual(source.numbers(topic, 2), range(10, 13));
  source.assertOrderly();
}

async function ownOffsets(world: ContractWorld): Promise<void> {
  const topic = await world.topic('cdc.a', 1);
  const producer = world.keep(new KafkaProducer({ client: world.client, names: world.names }), (one) => one.close());
  const record = { key: 'k', value: Buffer.from('1'), header: 'h', src: 77 };
  const records = range(0, 5).map(() => ({ partition: 0, record }));
  await producer.send(topic, records, new AbortController().signal);
  const source = new RecordingSource(world);
  await source.join([topic]);
  await eventually('all', () => source.numbers(topic).length === 5);
  assert.deepEqual(
    source.batches.flatMap((batch) => batch.records.map(({ src }) => src)),
    range(0, 5),
  );
}
