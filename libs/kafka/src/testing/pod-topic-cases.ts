import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type PodReport } from '@tidemark/protocol';
import { type Clock, MetricRegistry, silentLogger, systemClock } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type KafkaClient } from '../kafka-client.js';
import { PodLog } from '../pod-log.js';
import { PodTopic, type PodTopicOptions } from '../pod-topic.js';
import { KafkaProducer } from '../producer.js';
import { contractCase, type ContractWorld, type KafkaHarness, type RestartableKafka } from './contract-world.js';

/** What a pod relies on when it tells others of itself, and waits for them, beyond the contract of every registry. */
export function podTopicCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `pods topic: ${name}`, run);
  return [
    on('is made where it is missing, dated by the brokers and kept for ten minutes', made),
    on('dates reports by the brokers, whatever the clock of a pod says', brokersTime),
    on('is not reported to where producers date the records', producersTime),
    on('is read from a time of the brokers on, or whole', fromTime),
    on('costs a consumer only while somebody reads, and is read again later', idle),
    on('is read to its end also when connections are cut', cut),
    on('says in its time that the brokers do not answer, and reads again once they do', ends),
    on('hazard 52: does not say who is live when records were lost before they were read', lost),
  ];
}

/** The same while the brokers are killed. */
export function podTopicRestartCases(harness: RestartableKafka): ContractCase[] {
  return [
    contractCase(harness, 'pods topic: loses no acknowledged report when the brokers restart', (world) =>
      restart(world, harness.restartBrokers),
    ),
  ];
}

const call = { timeoutMs: 20_000 };

function podOf(world: ContractWorld, options: Partial<PodTopicOptions> = {}): PodTopic {
  const { names, logger } = world;
  const client: KafkaClient = options.client ?? world.client;
  const producer = world.keep(new KafkaProducer({ client, names, logger }), (one) => one.close());
  const pod = new PodTopic({ client, names, logger, producer, service: 'svc', podId: randomUUID(), ...options });
  return world.keep(pod, (one) => one.close());
}

const reportOf = (pod: string, offset = 0): PodReport => ({
  pod,
  service: 'svc',
  tables: { users: { topics: ['t'], progress: [offset] } },
  leaving: false,
});

async function listed(pod: PodTopic): Promise<string[]> {
  const { pods } = await pod.read(call);
  return pods.map(({ report }) => report.pod).sort();
}

async function made(world: ContractWorld): Promise<void> {
  const { pods } = world.names;
  const [a, b] = [podOf(world), podOf(world)];
  await Promise.all([a.report(reportOf('a'), call), b.report(reportOf('b'), call)]);
  assert.deepEqual(await listed(a), ['a', 'b']);
  const admin = await world.admin();
  const { topics } = await admin.fetchTopicMetadata({ topics: [pods] });
  assert.equal(topics[0]?.partitions.length, 1);
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: pods }] });
  const configs = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  const wanted = { 'message.timestamp.type': 'LogAppendTime', 'cleanup.policy': 'delete', 'retention.ms': '600000' };
  for (const [name, value] of Object.entries(wanted)) assert.equal(configs.get(name), value);
}

function clockAheadBy(ms: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + ms };
}

async function brokersTime(world: ContractWorld): Promise<void> {
  const hourMs = 3_600_000;
  const pods = [podOf(world, { clock: clockAheadBy(hourMs) }), podOf(world, { clock: clockAheadBy(-hourMs) })];
  const before = Date.now();
  for (const [i, pod] of pods.entries()) await pod.report(reportOf(`p${i}`), call);
  for (const pod of pods) {
    const { now, pods: seen } = await pod.read(call);
    assert.equal(seen.length, 2);
    for (const { at } of seen) assert.ok(at >= before - 1_000 && at <= now && at < before + 60_000);
  }
}

async function producersTime(world: ContractWorld): Promise<void> {
  await world.topic('pods', 1, { 'message.timestamp.type': 'CreateTime' });
  await assert.rejects(podOf(world).report(reportOf('a'), call), { code: 'PUBLISH_FAILED', retriable: false });
}

async function fromTime(world: ContractWorld): Promise<void> {
  const pod = podOf(world);
  await pod.report(reportOf('a'), call);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await pod.report(reportOf('b'), call);
  const { pods } = await pod.read(call);
  const at = pods.find(({ report }) => report.pod === 'b')?.at ?? 0;
  for (const [sinceMs, expected] of [
    [at, ['b']],
    [at + 3_600_000, []],
    [0, ['a', 'b']],
    [undefined, ['a', 'b']],
  ] as const) {
    const log = podLog(world, world.client, sinceMs);
    const read = await log.readToEnd(AbortSignal.timeout(20_000));
    assert.deepEqual(
      read.pods.map(({ report }) => report.pod),
      expected,
    );
    await log.close();
  }
}

function podLog(world: ContractWorld, client: KafkaClient, sinceMs: number | undefined): PodLog {
  const { names } = world;
  const log = new PodLog({
    client,
    topic: names.pods,
    clock: systemClock,
    logger: silentLogger,
    metrics: new MetricRegistry(),
    groupPrefix: `${names.prefix}.pod.svc.x`,
    sinceMs,
    random: Math.random,
  });
  return world.keep(log, (one) => one.close());
}

async function idle(world: ContractWorld): Promise<void> {
  const groups = (): Promise<string[]> => world.groups(`${world.names.prefix}.pod.`);
  const pod = podOf(world, { idleMs: 300 });
  await pod.report(reportOf('a', 1), call);
  await eventually('nobody reads', async () => (await groups()).length === 0);
  for (const offset of [2, 3]) {
    await pod.report(reportOf('a', offset), call);
    const { pods } = await pod.read(call);
    assert.deepEqual(pods[0]?.report.tables['users']?.progress, [offset]);
    await eventually('the reader has left', async () => (await groups()).length === 0);
  }
}

async function cut(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const [writer, reader] = [podOf(world), podOf(world, { client })];
  for (let offset = 0; offset < 12; offset += 1) {
    await writer.report(reportOf('a', offset), call);
    if (offset % 4 === 3) client.cut();
    const { pods } = await reader.read(call);
    assert.deepEqual(pods[0]?.report.tables['users']?.progress, [offset]);
  }
}

async function ends(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const pod = podOf(world, { client });
  await pod.report(reportOf('a'), call);
  assert.deepEqual(await listed(pod), ['a']);
  client.sever();
  const startedMs = performance.now();
  await assert.rejects(pod.read({ timeoutMs: 1_000 }), { code: 'FEED_UNAVAILABLE', retriable: true });
  await assert.rejects(pod.report(reportOf('a'), { timeoutMs: 1_000 }), { code: 'TIMEOUT' });
  assert.ok(performance.now() - startedMs < 5_000);
  client.mend();
  await podOf(world).report(reportOf('b'), call);
  assert.deepEqual(await listed(pod), ['a', 'b']);
}

async function lost(world: ContractWorld): Promise<void> {
  const client = world.mortal();
  const writer = podOf(world);
  await writer.report(reportOf('a'), call);
  const log = podLog(world, client, undefined);
  const signal = AbortSignal.timeout(60_000);
  assert.equal((await log.readToEnd(signal)).pods.length, 1);
  client.sever();
  await writer.report(reportOf('b'), call);
  await world.deleteRecords(world.names.pods, 2);
  client.mend();
  await writer.report(reportOf('c'), call);
  await assert.rejects(log.readToEnd(signal), { code: 'FEED_UNAVAILABLE', retriable: true });
}

async function restart(world: ContractWorld, restartBrokers: () => Promise<void>): Promise<void> {
  const [writer, reader] = [podOf(world), podOf(world)];
  await writer.report(reportOf('a', 1), call);
  assert.deepEqual(await listed(reader), ['a']);
  await restartBrokers();
  const slow = { timeoutMs: 60_000 };
  const { pods } = await reader.read(slow);
  assert.deepEqual(pods[0]?.report.tables['users']?.progress, [1]);
  await writer.report(reportOf('a', 2), slow);
  const again = await reader.read(slow);
  assert.deepEqual(again.pods[0]?.report.tables['users']?.progress, [2]);
}
