// Three sync workers, one of which is killed again and again, while the shards are split, merged and doubled under load.
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { readByKafkajs } from './reader.mjs';
import { Shards } from './reshard.mjs';
import { UsageWatch } from './usage.mjs';
import { syncKillsGoals } from './verdict.mjs';
import { seeded, until, wait } from './wait.mjs';
import { table } from './world.mjs';

const workers = ['sync 1', 'sync 2', 'sync 3'];
const shardsAtFirst = 8;
const killEveryMs = 10_000;
const downMs = 1_000;
const drainMs = 120_000;

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function syncKills({ world, options, say }) {
  const seconds = options.seconds ?? 120;
  const rate = options.rate ?? 2_000;
  await world.startAws(shardsAtFirst);
  await world.startKafka();
  await Promise.all(workers.map((name) => world.add(name, 'sync')));
  const ledger = new Ledger();
  const load = new Load({
    ...{ aws: world.aws, rate, keys: Math.max(200, rate / 5) },
    onAccepted: (key, number, atMs) => ledger.accepted(key, number, atMs),
  });
  const topic = world.names.cdc(table);
  await until(
    'the first changes on Kafka',
    () => world.metric('sync 1', 'tidemark_sync_sent_records_total').then(Boolean),
    60_000,
  );
  const reader = await readByKafkajs({ brokers: world.brokers, topic, ledger });
  const usage = new UsageWatch(() => world.pids());
  const endsAt = performance.now() + seconds * 1_000;
  say(`${rate} changes/s on ${shardsAtFirst} shards, ${seconds} s`);
  const [kills, reshardings] = await Promise.all([
    killInTurn({ world, options, say, endsAt }),
    reshard({ world, say, endsAt, seconds }),
  ]);
  await wait(endsAt - performance.now());
  const reached = load.reached;
  await load.stop();
  const roles = usage.stop();
  const drain = await until('all changes on Kafka', () => ledger.missing === 0, drainMs).catch(() => Infinity);
  await reader.close();
  const result = ledger.result();
  const facts = {
    kills,
    reshardings,
    rateReached: reached,
    writerRetries: load.retried,
    drainSeconds: drain / 1_000,
    ...result,
  };
  return { facts, roles, goals: syncKillsGoals({ result, kills, reshardings }), notes: syncNotes };
}

export const syncNotes = [
  'change records are written by PutRecords: the emulator of DynamoDB makes fewer than 2,000 changes/s',
  'a doubling is a split of every open shard: kinesalite has no UpdateShardCount',
];

/** @param {{ world: import('./world.mjs').World, options: import('./scenario.mjs').Options, say: (line: string) => void, endsAt: number }} run */
async function killInTurn({ world, options, say, endsAt }) {
  const random = seeded(options.seed);
  const everyMs = Math.min(killEveryMs, (options.seconds ?? 120) * 250);
  let kills = 0;
  for (let at = performance.now() + everyMs; at + downMs < endsAt; at += everyMs) {
    await wait(at - performance.now());
    const name = workers[Math.floor(random() * workers.length)] ?? '';
    say(`kill -9 of ${name}`);
    await world.kill(name);
    kills += 1;
    await wait(downMs);
    await world.start(name);
  }
  return kills;
}

/** @param {{ world: import('./world.mjs').World, say: (line: string) => void, endsAt: number, seconds: number }} run */
async function reshard({ world, say, endsAt, seconds }) {
  const shards = new Shards(world.aws);
  const at = (/** @type {number} */ share) => wait(endsAt - performance.now() - (1 - share) * seconds * 1_000);
  try {
    await at(0.2);
    const [first] = await shards.open();
    if (first !== undefined) await shards.split(first);
    say('a shard is split');
    await at(0.4);
    const [, , third, fourth] = await shards.open();
    if (third !== undefined && fourth !== undefined) await shards.merge(third, fourth);
    say('two shards are merged');
    await at(0.6);
    await shards.double();
    say(`all shards are split: ${(await shards.open()).length} are open`);
    return 3;
  } finally {
    shards.close();
  }
}
