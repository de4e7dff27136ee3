// What the product loses, and for how long it is silent, while brokers of Apache Kafka are killed and restarted.
// npm run measure:kafka [-- kill-one|roll-three|kill-of-three …]   (needs Java 17 and Maven; builds what it runs)
import path from 'node:path';
import { parseArgs } from 'node:util';
import { killTrees } from './process-tree.mjs';
import { available, startKafka } from './real-kafka.mjs';
import { step } from './run/command.mjs';
import { install } from './run/prepare.mjs';
import { root } from './run/workspace.mjs';

/** All scenarios together, so that a broker that does not come back is no reason to wait for ever. */
const budgetMs = 175_000;
const steadyMs = 2_000;

/**
 * @typedef {import('./real-kafka.d.mts').RealKafka} RealKafka
 * @typedef {import('./measure-kafka/bench.mjs').Bench} Bench
 * @typedef {{ title: string, brokers: number, disturb: (kafka: RealKafka, bench: Bench) => Promise<void> }} Scenario
 */

/** @type {Record<string, Scenario>} */
const scenarios = {
  'kill-one': {
    title: '1 broker, kill -9 and restart',
    brokers: 1,
    disturb: (kafka, bench) => again(kafka, bench, 0, 'SIGKILL'),
  },
  'roll-three': {
    title: '3 brokers, rolling restart',
    brokers: 3,
    async disturb(kafka, bench) {
      for (const index of kafka.brokers.keys()) await again(kafka, bench, index, 'SIGTERM');
    },
  },
  'kill-of-three': {
    title: '3 brokers, kill -9 and restart of one',
    brokers: 3,
    disturb: (kafka, bench) => again(kafka, bench, 0, 'SIGKILL'),
  },
};

const startedAt = performance.now();
/** @type {RealKafka | undefined} */
let kafka;

/** @param {string} line */
function say(line) {
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}

/** @param {number} ms */
function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Ends one broker and starts it again; resolves when everything is back as it was.
 * @param {RealKafka} cluster
 * @param {Bench} bench
 * @param {number} index
 * @param {NodeJS.Signals} signal
 */
async function again(cluster, bench, index, signal) {
  say(`broker ${index + 1}: ${signal}`);
  await cluster.kill(index, signal);
  say(`broker ${index + 1}: start`);
  await cluster.restart(index);
  await bench.replicated();
  await bench.moves('records again');
  say(`broker ${index + 1}: in step, records flow`);
  await wait(steadyMs);
}

/**
 * @param {Scenario} scenario
 * @returns {Promise<boolean>} whether nothing was lost
 */
async function measure({ title, brokers, disturb }) {
  const { Bench } = await import('./measure-kafka/bench.mjs');
  if (kafka?.brokers.length !== brokers) {
    await kafka?.stop();
    say(`starting ${brokers} broker${brokers > 1 ? 's' : ''}`);
    kafka = await startKafka({ brokers });
  }
  say(title);
  const bench = new Bench(kafka.brokers);
  try {
    await bench.start();
    await wait(steadyMs);
    await disturb(kafka, bench);
    const { feed, group, sendMs, failures } = await bench.finish();
    print('pod feed', feed);
    print('group', group);
    console.log(`  longest send ${(sendMs / 1_000).toFixed(1)} s, sends that failed ${failures}\n`);
    return [feed, group].every(({ lost, gaps, disordered }) => lost + gaps + disordered === 0);
  } finally {
    await bench.close();
  }
}

/** @param {string} name @param {import('./measure-kafka/tally.mjs').Result} result */
function print(name, { sent, received, lost, repeated, disordered, gaps, silenceMs }) {
  console.log(
    `  ${name.padEnd(9)} sent ${sent}, received ${received}, lost ${lost}, gaps ${gaps}, out of order ${disordered}, repeated ${repeated}, longest silence of a partition ${(silenceMs / 1_000).toFixed(1)} s`,
  );
}

/** @param {number} code */
async function leave(code) {
  killTrees();
  // The watchdog of the brokers clears away what is still starting.
  await kafka?.stop();
  process.exit(code);
}

async function main() {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.filter((name) => !Object.hasOwn(scenarios, name));
  if (unknown.length > 0) throw new Error(`expected ${Object.keys(scenarios).join(', ')}; got ${unknown.join(', ')}`);
  const possible = available();
  if (!possible.ok) throw new Error(`Apache Kafka cannot run here: ${possible.reason}`);
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-b', 'libs/kafka/tsconfig.lib.json'];
  if (!(await install()) || !(await step('build', process.execPath, args, { cwd: root }))) return 1;
  console.log(
    `Apache Kafka ${possible.version}; a pod feed on 4 partitions and a group of 2 on 4, up to 50 records a second and partition`,
  );
  setTimeout(() => {
    console.error(`measure:kafka: not done within ${budgetMs / 1_000} s`);
    void leave(1);
  }, budgetMs).unref();
  const chosen = positionals.length === 0 ? Object.keys(scenarios) : positionals;
  let held = true;
  for (const name of chosen) {
    const scenario = scenarios[name];
    if (scenario !== undefined && !(await measure(scenario))) held = false;
  }
  say(held ? 'nothing lost' : 'NOT everything arrived in order and without a gap');
  return held ? 0 : 1;
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.once(signal, () => void leave(130));
try {
  await leave(await main());
} catch (error) {
  console.error(`measure:kafka: ${error instanceof Error ? error.message : String(error)}`);
  await leave(1);
}
