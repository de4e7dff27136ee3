// CPU and memory of each role, idle and under load.
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { checkPods, fill } from './pods.mjs';
import { readByFeed } from './reader.mjs';
import { UsageWatch } from './usage.mjs';
import { nothingLost, podGoals, rateGoal } from './verdict.mjs';
import { until, wait } from './wait.mjs';
import { table } from './world.mjs';

const shards = 4;
const keys = 400;
const bytes = 200;
const settleMs = 5_000;
const drainMs = 120_000;
const secondsDefault = 60;
const ratesDefault = [500, 2_000];

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function loadOfRoles({ world, options, say }) {
  const seconds = options.seconds ?? secondsDefault;
  const rates = options.rate === undefined ? ratesDefault : [options.rate];
  await world.startAws(shards);
  await world.startKafka();
  await world.addRoute();
  await Promise.all(/** @type {const} */ (['sync', 'dispatcher', 'admin', 'pod']).map((kind) => world.add(kind, kind)));
  await fill(world, ['pod'], keys, bytes);
  await wait(settleMs);
  const roles = [...(await watched(world, 'idle', seconds))];
  const ledger = new Ledger();
  const topic = world.names.cache(table);
  const reader = await readByFeed({ brokers: world.brokers, names: world.names, topic, ledger });
  /** @type {Record<string, unknown>} */
  const facts = { secondsEach: seconds };
  const rateGoals = [];
  const load = new Load({
    ...{ aws: world.aws, rate: 0, keys, bytes, first: 1 },
    onAccepted: (key, number, atMs) => ledger.accepted(key, number, atMs),
  });
  for (const rate of rates) {
    say(`${rate} changes/s`);
    load.setRate(rate);
    await wait(settleMs);
    roles.push(...(await watched(world, `${rate}/s`, seconds)));
    facts[`reached of ${rate}/s`] = load.reached;
    rateGoals.push(rateGoal({ rate, reached: load.reached }));
  }
  await load.stop();
  await until('all changes on Kafka', () => ledger.missing === 0, drainMs).catch(() => undefined);
  await wait(settleMs);
  const pods = await checkPods(world, ['pod'], load, bytes);
  await reader.close();
  const result = ledger.result();
  return {
    facts: { ...facts, ...result, ...pods },
    roles,
    goals: [...nothingLost('pod feed', result), ...rateGoals, ...podGoals(pods)],
    notes,
  };
}

const notes = [
  'change records are written by PutRecords; aws and kafka are the embedded ones, each a process',
  'a role is one process of its kind',
];

/** @param {import('./world.mjs').World} world @param {string} phase @param {number} seconds */
async function watched(world, phase, seconds) {
  const usage = new UsageWatch(() => world.pids());
  await wait(seconds * 1_000);
  return usage.stop().map((role) => ({ ...role, phase }));
}
