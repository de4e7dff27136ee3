// The pipeline's promises under faults and load, measured with the roles as processes of their own. Linux: reads /proc.
// npm run measure:pipeline -- sync-kills | broker-faults | dispatcher | outage | moves | load … [--quick] [--json FILE]   (builds what it runs)
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readOptions } from './measure-pipeline/options.mjs';
import { print } from './measure-pipeline/print.mjs';
import { judge } from './measure-pipeline/verdict.mjs';
import { killTrees } from './process-tree.mjs';
import { step } from './run/command.mjs';
import { install } from './run/prepare.mjs';
import { root } from './run/workspace.mjs';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

/** On top of what a scenario is asked to last: starts, drains, stops. */
const spareMs = 900_000;

/** @typedef {import('./measure-pipeline/scenario.mjs').Context} Context */
/** @typedef {import('./measure-pipeline/scenario.mjs').Outcome} Outcome */

/** Loaded when they are run: they import what is built. @type {Readonly<Record<string, () => Promise<(context: Context) => Promise<Outcome>>>>} */
const scenarios = {
  'sync-kills': async () => (await import('./measure-pipeline/sync-kills.mjs')).syncKills,
  'broker-faults': async () => (await import('./measure-pipeline/broker-faults.mjs')).brokerFaults,
  dispatcher: async () => (await import('./measure-pipeline/dispatcher.mjs')).dispatcher,
  outage: async () => (await import('./measure-pipeline/outage.mjs')).outage,
  moves: async () => (await import('./measure-pipeline/moves.mjs')).moves,
  load: async () => (await import('./measure-pipeline/load-of-roles.mjs')).loadOfRoles,
};

const built = [
  ...['apps/sync', 'apps/dispatcher', 'apps/admin', 'apps/example-service', 'test/bench'].map(
    (app) => `${app}/tsconfig.app.json`,
  ),
  'libs/local-stack/tsconfig.lib.json',
];

/** @type {import('./measure-pipeline/world.mjs').World | undefined} */
let world;
let leaving = false;
const startedAt = performance.now();

/** @param {string} line */
function say(line) {
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}

/** @param {string} name @param {import('./measure-pipeline/scenario.mjs').Options} options */
async function measure(name, options) {
  const { World } = await import('./measure-pipeline/world.mjs');
  const run = await scenarios[name]?.();
  if (run === undefined) throw new Error(`no scenario ${name}`);
  say(name);
  world = new World();
  try {
    const outcome = await run({ world, options, say });
    const verdict = judge(outcome.goals);
    print(outcome, verdict);
    say(`${name}: ${verdict.held ? 'every goal is met' : 'NOT every goal is met'}`);
    return { scenario: name, ...outcome, ...verdict };
  } finally {
    await world.stop();
    world = undefined;
  }
}

async function main() {
  const options = readOptions(process.argv.slice(2), Object.keys(scenarios));
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  if (!(await install()) || !(await step('build', process.execPath, [compiler, '-b', ...built], { cwd: root })))
    return 1;
  const lastsMs =
    ((options.seconds ?? 120) * 3 + (options.minutes ?? 10) * 60 + (options.moves ?? 20) * 60) * 1_000 + spareMs;
  setTimeout(() => {
    console.error(`measure:pipeline: not done within ${lastsMs / 1_000} s`);
    void leave(1);
  }, lastsMs * options.scenarios.length).unref();
  const results = [];
  for (const name of options.scenarios) results.push(await measure(name, options));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  return results.every(({ held }) => held) ? 0 : 1;
}

/** @param {number} code */
async function leave(code) {
  if (leaving) return;
  leaving = true;
  killTrees();
  await world?.stop().catch(() => undefined);
  process.exit(code);
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.once(signal, () => void leave(130));
try {
  await leave(await main());
} catch (error) {
  console.error(`measure:pipeline: ${error instanceof Error ? error.message : String(error)}`);
  await leave(1);
}
