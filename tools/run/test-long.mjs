// `npm run test:long`: the suites that explore, with the figures that take hours, one kind after another.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildWhereStale, install } from './prepare.mjs';
import { close, runProjects } from './test.mjs';
import { projects } from './workspace.mjs';

const projectTimeoutMs = 24 * 3_600_000;

/**
 * What a kind runs: in which projects with which arguments for Jest, what its environment says, and whether it reads what a build makes.
 * @typedef {import('./workspace.mjs').Project} Project
 * @typedef {{ env: Record<string, string>, argumentsOf: (project: Project) => string[] | undefined, needsBuild?: boolean }} Kind
 */

/** @type {Record<string, Kind>} */
const kinds = {
  model: { env: { TIDEMARK_TEST_MODEL: 'long' }, argumentsOf: within('test/model') },
  properties: { env: { TIDEMARK_TEST_RUNS: '1000000' }, argumentsOf: specsWithProperties },
  simulation: { env: { TIDEMARK_TEST_SEEDS: '50000' }, argumentsOf: within('test/simulation') },
  chaos: {
    env: { TIDEMARK_TEST_CHAOS: 'long', TIDEMARK_TEST_SEEDS: '20' },
    argumentsOf: only('test/chaos', 'src/chaos.spec.ts'),
    needsBuild: true,
  },
  kafka: {
    env: { TIDEMARK_TEST_KAFKA_CLUSTER: 'long' },
    argumentsOf: only('test/kafka', 'src/cluster.spec.ts'),
  },
  fuzz: { env: { TIDEMARK_TEST_FUZZ: '50' }, argumentsOf: within('test/fuzz') },
  soak: {
    env: { TIDEMARK_TEST_SOAK_MINUTES: '480' },
    argumentsOf: only('test/chaos', 'src/soak.spec.ts'),
    needsBuild: true,
  },
};

/** What `--only` may name. */
export const longRuns = Object.keys(kinds);

/**
 * Runs the kinds that `--only NAME,…` names, else all; `--seed N` is handed to each, `--seeds N` says how many the simulation and chaos play. What the
 * environment already says of a figure (`TIDEMARK_TEST_RUNS`) stands, but for that. The last line is that of `npm test`.
 * @param {readonly string[]} args
 * @returns {Promise<number>} 0 where something passed and nothing failed
 */
export async function testLong(args) {
  const asked = read(args);
  if (typeof asked === 'string') {
    console.error(asked);
    return close({ passed: 0, failed: 1, skipped: 0 });
  }
  const needsBuild = asked.names.some((name) => kinds[name]?.needsBuild);
  if (!(await install()) || (needsBuild && !(await buildWhereStale())))
    return close({ passed: 0, failed: 1, skipped: 0 });
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of asked.names) {
    const { env, argumentsOf } = /** @type {Kind} */ (kinds[name]);
    const chosen = projects().filter((project) => argumentsOf(project) !== undefined);
    console.log(`${name}: ${chosen.map((project) => project.name).join(', ')}`);
    await runProjects(chosen, {
      ...{ atOnce: 1, workers: availableParallelism(), total, timeoutMs: projectTimeoutMs },
      env: {
        ...env,
        ...given(Object.keys(env)),
        ...(asked.seed === undefined ? {} : { TIDEMARK_TEST_SEED: asked.seed }),
        ...(asked.seeds === undefined ? {} : { TIDEMARK_TEST_SEEDS: asked.seeds }),
      },
      argumentsOf: (project) => [...(argumentsOf(project) ?? []), `--testTimeout=${projectTimeoutMs}`],
    });
  }
  return close(total);
}

/**
 * @param {readonly string[]} args
 * @returns {{ names: string[], seed: string | undefined, seeds: string | undefined } | string} or what is wrong with them
 */
function read(args) {
  try {
    const { only, seed, seeds } = parseArgs({
      args: [...args],
      options: { only: { type: 'string' }, seed: { type: 'string' }, seeds: { type: 'string' } },
    }).values;
    const names = only?.split(',') ?? longRuns;
    const unknown = names.filter((name) => !Object.hasOwn(kinds, name));
    if (unknown.length > 0) return `no long runs of ${unknown.join(', ')}; there are ${longRuns.join(', ')}`;
    for (const [option, value] of Object.entries({ seed, seeds }))
      if (value !== undefined && !/^\d{1,9}$/.test(value)) return `--${option}: expected a whole number, got ${value}`;
    return { names, seed, seeds };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param {readonly string[]} names */
function given(names) {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** @param {string} name */
function within(name) {
  return (/** @type {Project} */ project) => (project.name === name ? [] : undefined);
}

/** @param {string} name @param {string} spec */
function only(name, spec) {
  return (/** @type {Project} */ project) => (project.name === name ? [spec] : undefined);
}

/**
 * The specs whose properties take their runs from the environment.
 * @param {Project} project
 */
function specsWithProperties({ folder, manifest }) {
  if (manifest.scripts?.test === undefined) return undefined;
  const specs = readdirSync(path.join(folder, 'src'), { recursive: true })
    .map((file) => path.join('src', String(file)))
    .filter(
      (file) =>
        file.endsWith('.spec.ts') &&
        /\b(?:runs|runsAt)\(|numRuns: runs\b/.test(readFileSync(path.join(folder, file), 'utf8')),
    );
  return specs.length === 0 ? undefined : specs;
}
