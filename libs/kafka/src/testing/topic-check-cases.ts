import assert from 'node:assert/strict';
import { silentLogger, systemClock } from '@tidemark/runtime';
import { type ContractCase, eventually, recordingLogger } from '@tidemark/runtime/testing';
import { KafkaTopicAdmin } from '../topic-admin.js';
import { checkTopics, topicsInvalid } from '../topic-check.js';
import { configsOfRole, topicRole } from '../topic-requirements.js';
import { TopicWatch } from '../topic-watch.js';
import { contractCase, type ContractWorld, type KafkaHarness } from './contract-world.js';

const { signal } = new AbortController();
const day = 86_400_000;

/** What is told of topics that do not fit, and of those that do. */
export function topicCheckCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `topics: ${name}`, run);
  return [
    on('made by Tidemark fit what it needs', made),
    on('that do not fit are told with every setting, and of topics that are no part of the region nothing', told),
    on('of another name are judged by what routes make of them', others),
    on('that do not fit fail the watch of a process; those that do never do', watched),
    on('are told with what may be done with them, where that is asked', allowed),
    on('are asked for until the brokers answer', waits),
  ];
}

async function made(world: ContractWorld): Promise<void> {
  const { names, client, replicationFactor: copies } = world;
  const settings = { replicationFactor: copies, tableRetentionMs: 3 * day };
  const configs = (topic: string): Record<string, string> => configsOfRole(topicRole(names, topic), settings);
  const admin = new KafkaTopicAdmin({ client, replicationFactor: copies, configs });
  for (const topic of [names.cdc('t'), names.cache('t'), names.deadLetters]) await admin.create(topic, 2, signal);
  await admin.create(names.routes, 1, signal);
  const { topics, problems } = await checkTopics({ client, names, settings }, signal);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    topics.map(({ topic, role, partitions, replicationFactor }) => [topic, role, partitions, replicationFactor]),
    [
      [names.cache('t'), 'cache', 2, copies],
      [names.cdc('t'), 'table', 2, copies],
      [names.deadLetters, 'dead-letters', 2, copies],
      [names.routes, 'routes', 1, copies],
    ],
  );
  const table = topics.find(({ role }) => role === 'table');
  assert.equal(table?.configs?.['retention.ms'], String(3 * day));
  assert.equal(table?.configs?.['min.insync.replicas'], String(Math.max(1, copies - 1)));
}

async function told(world: ContractWorld): Promise<void> {
  const { names, client } = world;
  await world.topic('routes', 2, { 'cleanup.policy': 'delete' });
  await world.topic('cdc.t', 1, { 'retention.ms': '60000', 'max.message.bytes': '20000' });
  await world.topic('other', 1, { 'retention.ms': '1000' });
  const settings = { replicationFactor: world.replicationFactor + 1, tableRetentionMs: 3 * day };
  const report = await checkTopics({ client, names, settings }, signal);
  assert.deepEqual(
    report.problems.map(({ topic, setting }) => [topic, setting]),
    [
      [names.cdc('t'), 'replication.factor'],
      [names.cdc('t'), 'retention.ms'],
      [names.cdc('t'), 'max.message.bytes'],
      [names.routes, 'partitions'],
      [names.routes, 'replication.factor'],
      [names.routes, 'cleanup.policy'],
    ],
  );
  const error = topicsInvalid(report);
  assert.equal(error?.code, 'INVALID_CONFIGURATION');
  assert.match(error.message, /^6 settings of topics do not fit\n/);
  assert.equal(error.message.split('\n').length, 7);
}

async function others(world: ContractWorld): Promise<void> {
  const { names, client } = world;
  const topic = await world.topic('audit', 1, { 'cleanup.policy': 'compact' });
  const others = new Map([[topic, 'cache' as const]]);
  const { problems } = await checkTopics({ client, names, settings: {}, others }, signal);
  assert.deepEqual(
    problems.map((each) => [each.topic, each.setting]),
    [[topic, 'cleanup.policy']],
  );
}

async function allowed(world: ContractWorld): Promise<void> {
  const { names, client } = world;
  await world.topic('cdc.t', 2);
  const of = async (asksForOperations: boolean): Promise<unknown> => {
    const expected = [names.cdc('t'), names.routes];
    const { topics, hidden } = await checkTopics({ client, names, settings: {}, expected, asksForOperations }, signal);
    return { hidden, operations: topics.map(({ operations }) => operations) };
  };
  const all = ['Read', 'Write', 'Describe', 'DescribeConfigs'];
  assert.deepEqual(await of(true), { hidden: [], operations: [all] });
  assert.deepEqual(await of(false), { hidden: [], operations: [undefined] });
}

async function watched(world: ContractWorld): Promise<void> {
  const { names, client } = world;
  await world.topic('cdc.t', 1, { 'retention.bytes': '1000000' });
  const logger = recordingLogger();
  const fine = new TopicWatch({ client, names, settings: {}, clock: systemClock, logger });
  await eventually('the warning', () => logger.lines.some(({ message }) => /retention\.bytes/.test(message)));
  assert.equal(fine.error, undefined);
  fine.stop();
  await world.topic('cache.t', 1, { 'cleanup.policy': 'compact' });
  const wrong = new TopicWatch({ client, names, settings: {}, clock: systemClock, logger: silentLogger });
  await assert.rejects(wrong.failed, { code: 'INVALID_CONFIGURATION' });
  assert.match(wrong.error?.message ?? '', /cleanup\.policy: expected delete, got compact/);
}

async function waits(world: ContractWorld): Promise<void> {
  const { names } = world;
  await world.topic('cache.t', 1, { 'cleanup.policy': 'compact' });
  const client = world.mortal();
  client.sever();
  const logger = recordingLogger();
  const watch = new TopicWatch({ client, names, settings: {}, clock: systemClock, logger });
  await eventually('it says so', () => logger.lines.some(({ message }) => /cannot be read yet/.test(message)), 20_000);
  assert.equal(watch.error, undefined);
  client.mend();
  await assert.rejects(watch.failed, { code: 'INVALID_CONFIGURATION' });
}
