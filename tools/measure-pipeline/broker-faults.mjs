// Three brokers of Apache Kafka, restarted in turn and killed, under load, with pods, sync and dispatcher as processes.
import { Kafka, logLevel } from 'kafkajs';
import { available } from '../real-kafka.mjs';
import { GapTrace } from './gap-trace.mjs';
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { checkPods, dropsOf, eventsOf, fill } from './pods.mjs';
import { readByFeed, readByKafkajs } from './reader.mjs';
import { UsageWatch } from './usage.mjs';
import { brokerFaultsGoals } from './verdict.mjs';
import { until, wait } from './wait.mjs';
import { table } from './world.mjs';

const brokers = 3;
const shards = 4;
const keys = 200;
const bytes = 200;
const rateDefault = 500;
const steadyMs = 5_000;
const drainMs = 120_000;
const pods = ['pod 1', 'pod 2'];
const roles = /** @type {const} */ ([
  ['sync 1', 'sync'],
  ['sync 2', 'sync'],
  ['dispatcher 1', 'dispatcher'],
  ['dispatcher 2', 'dispatcher'],
  ['pod 1', 'pod'],
  ['pod 2', 'pod'],
]);

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function brokerFaults({ world, options, say }) {
  const possible = available();
  if (!possible.ok) throw new Error(`Apache Kafka cannot run here: ${possible.reason}`);
  const rate = options.rate ?? rateDefault;
  await Promise.all([world.startAws(shards), world.startRealKafka(brokers)]);
  await world.addRoute();
  for (const [name, kind] of roles) await world.add(name, kind);
  await fill(world, pods, keys, bytes);
  const ledgers = { feed: new Ledger(), naive: new Ledger() };
  const topic = world.names.cache(table);
  const feed = await readByFeed({ brokers: world.brokers, names: world.names, topic, ledger: ledgers.feed });
  const naive = await readByKafkajs({ brokers: world.brokers, topic, ledger: ledgers.naive, naive: true });
  const trace = new GapTrace();
  const onDelivery = (/** @type {string} */ _topic, /** @type {string} */ key, /** @type {number} */ number) =>
    trace.note('table topic', key, number, performance.now());
  const tableFeed = await readByFeed({
    brokers: world.brokers,
    names: world.names,
    topic: world.names.cdc(table),
    onDelivery,
  });
  await wait(steadyMs);
  const eventsBefore = await eventsOf(world, pods);
  const load = new Load({
    ...{ aws: world.aws, rate, keys, bytes, first: 1 },
    onAccepted: (key, number, atMs) => {
      trace.note('accepted', key, number, atMs);
      ledgers.feed.accepted(key, number, atMs);
      ledgers.naive.accepted(key, number, atMs);
    },
  });
  const usage = new UsageWatch(() => world.pids());
  await until('changes in the pods', () => load.last.size === keys && ledgers.feed.missing < keys, drainMs);
  say(`${rate} changes/s`);
  for (let index = 0; index < brokers; index += 1) await again({ world, say, topic, index, signal: 'SIGTERM' });
  for (let index = 0; index < brokers; index += 1) await again({ world, say, topic, index, signal: 'SIGKILL' });
  const reached = load.reached;
  await load.stop();
  const drain = await until('all in the feed', () => ledgers.feed.missing === 0, drainMs).catch(() => Infinity);
  await until('all in the other', () => ledgers.naive.missing === 0, steadyMs).catch(() => undefined);
  const watched = usage.stop();
  const healedPods = await healed(world, load);
  const eventsMissed = await missedBy(world, ledgers.feed, eventsBefore);
  const check = { ...healedPods, eventsMissed, ...(await dropsOf(world, pods)) };
  await Promise.allSettled([feed.close(), naive.close(), tableFeed.close()]);
  const results = { feed: ledgers.feed.result(), naive: ledgers.naive.result() };
  return {
    facts: {
      ...results.feed,
      ...trace.stagesOf(results.feed),
      drainSeconds: drain / 1_000,
      naiveLost: results.naive.lost,
      naiveGapMs: results.naive.gapMs,
      ...check,
      rateReached: reached,
    },
    roles: watched,
    goals: brokerFaultsGoals({ feed: results.feed, load: { rate, reached }, pods: check }),
    notes: [
      `Apache Kafka ${possible.version}, ${brokers} brokers; change records are written by PutRecords`,
      'the time of the longest gap is split by when the change that ended it was on the table topic: sync before, dispatcher and feed after',
      `the gap of a key counts the time between two of its changes, ${((keys / rate) * 1_000).toFixed(0)} ms`,
      'naive: kafkajs from the end of the log, its own group, nothing committed; what a pod that trusts the client alone would be',
    ],
  };
}

/**
 * What the feed was given since `before` and a pod was not, of the pod that has missed the most; pods may be behind for ten seconds.
 * @param {import('./world.mjs').World} world @param {Ledger} feed @param {readonly number[]} before
 */
async function missedBy(world, feed, before) {
  let missed = Infinity;
  await until(
    'every pod has every event',
    async () => {
      const { received, duplicates } = feed.result();
      const events = await eventsOf(world, pods);
      missed = Math.max(0, ...events.map((count, index) => received + duplicates - (count - (before[index] ?? 0))));
      return missed === 0;
    },
    10_000,
  ).catch(() => undefined);
  return missed;
}

/** Until nothing diverges, or ten seconds have passed. @param {import('./world.mjs').World} world @param {Load} load */
async function healed(world, load) {
  let check = await checkPods(world, pods, load, bytes);
  await until(
    'no key diverges',
    async () => {
      check = await checkPods(world, pods, load, bytes);
      return check.divergent === 0;
    },
    10_000,
  ).catch(() => undefined);
  return check;
}

/** Ends one broker and starts it again; resolves when it is in step. @param {{ world: import('./world.mjs').World, say: (line: string) => void, topic: string, index: number, signal: NodeJS.Signals }} run */
async function again({ world, say, topic, index, signal }) {
  say(`broker ${index + 1}: ${signal}`);
  await world.real?.kill(index, signal);
  await wait(steadyMs / 2);
  await world.real?.restart(index);
  await replicated(world, [topic, world.names.cdc(table)]);
  say(`broker ${index + 1}: in step`);
  await wait(steadyMs);
}

/** @param {import('./world.mjs').World} world @param {string[]} topics */
async function replicated(world, topics) {
  const kafka = new Kafka({ brokers: [...world.brokers], clientId: 'measure', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await until(
      'all replicas in step',
      async () => {
        const metadata = await admin.fetchTopicMetadata({ topics });
        return metadata.topics.every((found) =>
          found.partitions.every(({ isr, leader }) => leader >= 0 && isr.length === brokers),
        );
      },
      drainMs,
    );
  } finally {
    await admin.disconnect();
  }
}
