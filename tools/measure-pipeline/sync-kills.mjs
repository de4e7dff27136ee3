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
  const everyMs = Math.min(killEveryMs, seconds * 250);
  const [kills, resharded] = await Promise.all([
    killInTurn({ world, seed: options.seed, everyMs, say, endsAt }),
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
    reshardings: resharded,
    rateReached: reached,
    writerRetries: load.retried,
    drainSeconds: drain / 1_000,
    ...result,
  };
  const killsAsked = Math.floor((seconds * 1_000) / everyMs) - 1;
  const goals = syncKillsGoals({ result, load: { rate, reached }, kills, killsAsked, reshardings: resharded });
  return { facts, roles, goals, notes: syncNotes };
}

export const syncNotes = [
  'change records are written by PutRecords: the emulator of DynamoDB makes fewer than 2,000 changes/s',
  'a doubling is a split of every open shard: kinesalite has no UpdateShardCount',
];

/** @param {{ world: import('./world.mjs').World, seed: number, everyMs: number, say: (line: string) => void, endsAt: number }} run */
async function killInTurn({ world, seed, everyMs, say, endsAt }) {
  const random = seeded(seed);
  let kills = 0;
  for (let at = performance.now() + everyMs; at + downMs < endsAt; at += everyMs) {
    await wait(at - performance.now());
    // A kill without load would be none.
    if (performance.now() + downMs >= endsAt) break;
    const name = workers[Math.floor(random() * workers.length)] ?? '';
    say(`kill -9 of ${name}`);
    await world.kill(name);
    kills += 1;
    await wait(downMs);
    await world.start(name);
  }
  return kills;
}

/** Each with its share of the time, and how many shards are to be open after it. @type {readonly { readonly share: number, readonly what: string, readonly change: (shards: Shards, open: readonly import('./reshard.mjs').Shard[]) => Promise<void>, readonly openAfter: (before: number) => number }[]} */
const reshardings = [
  {
    ...{ share: 0.2, what: 'a split', openAfter: (before) => before + 1 },
    change: async (shards, [first]) => {
      if (first !== undefined) await shards.split(first);
    },
  },
  {
    ...{ share: 0.4, what: 'a merge', openAfter: (before) => before - 1 },
    change: async (shards, [, , third, fourth]) => {
      if (third !== undefined && fourth !== undefined) await shards.merge(third, fourth);
    },
  },
  {
    ...{ share: 0.6, what: 'a split of all', openAfter: (before) => before * 2 },
    change: (shards) => shards.double(),
  },
];

/** Resolves to how many left as many shards open as they should. @param {{ world: import('./world.mjs').World, say: (line: string) => void, endsAt: number, seconds: number }} run */
async function reshard({ world, say, endsAt, seconds }) {
  const shards = new Shards(world.aws);
  let done = 0;
  try {
    for (const { share, what, change, openAfter } of reshardings) {
      await wait(endsAt - performance.now() - (1 - share) * seconds * 1_000);
      const before = await shards.open();
      await change(shards, before);
      const after = (await shards.open()).length;
      say(`${what}: of ${before.length} open shards ${after}`);
      if (after === openAfter(before.length)) done += 1;
    }
  } finally {
    shards.close();
  }
  return done;
}
