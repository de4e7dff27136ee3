import assert from 'node:assert/strict';
import { type Route, type RouteHistoryEntry } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';
import { RouteHistoryTopic, type RouteHistoryTopicOptions } from '../route-history-topic.js';
import { configsOfRole } from '../topic-requirements.js';
import { contractCase, type ContractWorld, type KafkaHarness, range } from './contract-world.js';

/** What was done to routes is found again, by whichever process reads it. */
export function routeHistoryCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `route history: ${name}`, run);
  return [
    on('is read by another process than wrote it, newest first, by table', readElsewhere),
    on('makes its topic with the first entry, to keep 90 days', made),
    on('is empty without a topic, passes by what it cannot read, and holds as much as it may', bounded),
    on('fails where the topic may not be made, and after it is closed', refuses),
  ];
}

const signal = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

function historyOf(world: ContractWorld, options: Partial<RouteHistoryTopicOptions> = {}): RouteHistoryTopic {
  const { client, names, logger, replicationFactor } = world;
  const create = { replicationFactor, configs: configsOfRole('route-history', { replicationFactor }) };
  return world.keep(new RouteHistoryTopic({ client, names, logger, create, ...options }), (one) => one.close());
}

function entry(table: string, version: number): RouteHistoryEntry {
  const route = (at: number): Route => ({
    ...{ table, version: at, writerEpoch: 1, topics: { a: 1 }, deleted: false },
    ...{ changedAt: at, changedBy: 'ops' },
  });
  return { operation: 'put', before: version === 1 ? null : route(version - 1), after: route(version) };
}

async function readElsewhere(world: ContractWorld): Promise<void> {
  const [writer, reader] = [historyOf(world), historyOf(world)];
  for (const version of range(1, 6))
    for (const table of ['aaa', 'bbb']) await writer.append(entry(table, version), signal);
  assert.deepEqual(
    await reader.read('aaa', 50, soon()),
    range(1, 6)
      .reverse()
      .map((version) => entry('aaa', version)),
  );
  await writer.append(entry('aaa', 6), signal);
  assert.deepEqual(await reader.read('aaa', 2, soon()), [entry('aaa', 6), entry('aaa', 5)]);
  assert.deepEqual(await reader.read('ccc', 2, soon()), []);
}

async function made(world: ContractWorld): Promise<void> {
  await historyOf(world).append(entry('aaa', 1), signal);
  const admin = await world.admin();
  const name = world.names.routeHistory;
  assert.equal((await admin.fetchTopicOffsets(name)).length, 1);
  const configNames = ['cleanup.policy', 'retention.ms'];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name, configNames }],
  });
  const found = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  assert.deepEqual(
    configNames.map((config) => found.get(config)),
    ['delete', '7776000000'],
  );
}

async function bounded(world: ContractWorld): Promise<void> {
  const history = historyOf(world, { entriesMax: 2 });
  assert.deepEqual(await history.read('aaa', 50, soon()), []);
  await history.append(entry('aaa', 1), signal);
  await world.write(world.names.routeHistory, ['{', '{"v":"9.0"}']);
  for (const version of range(2, 7)) await history.append(entry('aaa', version), signal);
  const read = await history.read('aaa', 50, soon());
  assert.deepEqual(read[0], entry('aaa', 6));
  assert.ok(read.length >= 2 && read.length <= 4, String(read.length));
}

async function refuses(world: ContractWorld): Promise<void> {
  const { client, names } = world;
  const history = world.keep(new RouteHistoryTopic({ client, names }), (one) => one.close());
  const given = AbortSignal.timeout(2_000);
  await assert.rejects(history.append(entry('aaa', 1), given));
  await history.close();
  await assert.rejects(history.append(entry('aaa', 1), signal), { code: 'CLOSED' });
  await assert.rejects(history.read('aaa', 1, signal), { code: 'CLOSED' });
}
