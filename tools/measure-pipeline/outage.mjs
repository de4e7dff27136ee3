// Kafka away for minutes under load, and back: what sync's memory does meanwhile, and how long it takes to catch up.
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { readByKafkajs } from './reader.mjs';
import { UsageWatch } from './usage.mjs';
import { outageGoals } from './verdict.mjs';
import { until, wait } from './wait.mjs';
import { table } from './world.mjs';

const shards = 4;
const rateDefault = 500;
const minutesDefault = 10;
const memoryMibDefault = 512;
const steadyMs = 10_000;
const sampleMs = 2_000;
const firstMs = 60_000;
const lagZeroMs = 900_000;
/** Below the pause between two reads at the end of a shard and a send, nothing is late. */
const lagZeroSeconds = 2;
const gauge = 'tidemark_sync_page_bytes';

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function outage({ world, options, say }) {
  const rate = options.rate ?? rateDefault;
  const awayMs = (options.minutes ?? minutesDefault) * 60_000;
  await world.startAws(shards);
  await world.startKafka();
  await world.add('sync', 'sync');
  const ledger = new Ledger();
  const load = new Load({
    ...{ aws: world.aws, rate, keys: 200 },
    onAccepted: (key, number, atMs) => ledger.accepted(key, number, atMs),
  });
  const sent = () => world.metric('sync', 'tidemark_sync_sent_records_total').then(Boolean);
  await until('the first changes on Kafka', sent, firstMs);
  const topic = world.names.cdc(table);
  const reading = { brokers: world.brokers, topic, ledger, places: new Map() };
  let reader = await readByKafkajs(reading);
  await wait(steadyMs);
  await reader.close();
  const before = new UsageWatch(() => ({ sync: world.pids()['sync'] })).stop()[0]?.mib ?? 0;
  const usage = new UsageWatch(() => world.pids());
  say(`Kafka goes, for ${awayMs / 1_000} s under ${rate} changes/s; sync holds ${before.toFixed(0)} MiB`);
  await world.kill('kafka');
  const gaugeMax = await watchGauge(world, awayMs);
  await world.start('kafka');
  const backAt = performance.now();
  say('Kafka is back');
  reader = await readByKafkajs(reading);
  const behind = () => ledger.missing > Math.max(50, rate * lagZeroSeconds);
  const caughtUp = await until('lag 0', async () => !behind() && isCaughtUp(world), lagZeroMs).catch(() => Infinity);
  const lagZero = caughtUp === Infinity ? Infinity : (performance.now() - backAt) / 1_000;
  const reached = load.reached;
  await load.stop();
  await until('all changes on Kafka', () => ledger.missing === 0, lagZeroMs).catch(() => undefined);
  const roles = usage.stop();
  await reader.close();
  const memoryMiB = roles.find(({ name }) => name === 'sync')?.mibMax ?? Infinity;
  const result = ledger.result();
  const memory = { memoryBeforeMiB: before, memoryMiB, pagesBytesAtMost: gaugeMax ?? 'no such gauge' };
  const memoryMaxMiB = options.memoryMib ?? memoryMibDefault;
  const goals = outageGoals({ result, load: { rate, reached }, memoryMiB, memoryMaxMiB, lagZeroSeconds: lagZero });
  return {
    facts: { rate, rateReached: reached, awaySeconds: awayMs / 1_000, ...memory, lagZeroSeconds: lagZero, ...result },
    roles,
    goals,
    notes,
  };
}

const notes = ['change records are written by PutRecords; the embedded broker is killed and started on its data'];

/** The largest value of sync's own gauge. @param {import('./world.mjs').World} world @param {number} forMs */
async function watchGauge(world, forMs) {
  /** @type {number | undefined} */
  let largest;
  for (const endsAt = performance.now() + forMs; performance.now() < endsAt;) {
    const bytes = await world.metric('sync', gauge);
    if (bytes !== undefined) largest = Math.max(largest ?? 0, bytes);
    await wait(Math.min(sampleMs, endsAt - performance.now()));
  }
  return largest;
}

/** @param {import('./world.mjs').World} world */
async function isCaughtUp(world) {
  const lag = await world.metric('sync', 'tidemark_sync_lag_seconds');
  const failing = await world.json('sync', '/health/ready').then(
    () => false,
    () => true,
  );
  return !failing && lag !== undefined && lag < lagZeroSeconds;
}
