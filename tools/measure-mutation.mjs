// How many small faults in the code that decides (a comparison turned round, a condition left out) the unit tests notice.
// npm run measure:mutation [-- cache pipeline protocol] [--list]   (many minutes; mutants are made in a copy under .nx/)
import { rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { install } from './run/prepare.mjs';
import { root } from './run/workspace.mjs';

/** Ignored by git, lint and formatting; removed at the end, and what a run that was killed has left, at the beginning. */
const copies = '.nx/mutation';
/** Of a hundred mutants of a file, those that some test must notice. */
const scoreMin = 90;

/**
 * @typedef {object} Subject
 * @property {readonly string[]} files under `libs/<name>/src`
 * @property {readonly string[]} specs whose tests are asked; whole runs of a pod or a worker are left out: each waits for much
 *
 * @typedef {{ file: string, line: number, status: string, what: string }} Mutant
 */

/** @type {Record<string, Subject>} */
const subjects = {
  cache: {
    files: [
      ...['decide', 'fences', 'known-set', 'stepped-back'],
      ...['lease-steps', 'write-plan', 'condition-holds', 'partition-state'],
    ],
    specs: [
      ...['decide', 'fences', 'known-set', 'stepped-back'],
      ...['lease-steps', 'write-plan', 'condition-holds', 'partition-state'],
      ...[
        'coherence',
        'coherence-reads-back',
        'table-follower',
        'feed-follower',
        'lease-loader',
        'l2-writer',
        'memory-store',
      ],
    ],
  },
  pipeline: {
    files: ['watermark', 'lease-choice', 'lease-row', 'shard-leases', 'shard-roll', 'shard-claims', 'retention-gap'],
    specs: [
      ...['watermark', 'lease-choice', 'lease-row', 'shard-leases', 'shard-roll', 'shard-claims', 'retention-gap'],
      'lease-model',
    ],
  },
  protocol: {
    files: ['change-record'],
    specs: ['change-record', 'golden'],
  },
};

/** @param {string} name */
async function measure(name) {
  const { files, specs } = subjects[name] ?? { files: [], specs: [] };
  const source = `libs/${name}/src`;
  const { Stryker } = await import('@stryker-mutator/core');
  const results = await new Stryker({
    testRunner: 'jest',
    testRunnerNodeArgs: ['--experimental-vm-modules', '--no-warnings'],
    jest: {
      configFile: `libs/${name}/jest.config.cjs`,
      config: { testMatch: specs.map((spec) => `**/${spec}.spec.ts`), reporters: [] },
    },
    coverageAnalysis: 'perTest',
    mutate: files.map((file) => `${source}/${file}.ts`),
    ignorePatterns: ['/.ci', '/.nx', '/apps', '/docs', '/infra', '/test', '**/dist', '**/test-results'],
    reporters: process.stdout.isTTY ? ['progress'] : ['progress-append-only'],
    concurrency: 1,
    timeoutMS: 5_000,
    tempDirName: copies,
    cleanTempDir: 'always',
    allowConsoleColors: false,
    thresholds: { high: 100, low: scoreMin, break: null },
  }).runMutationTest();
  return results.map(
    /** @returns {Mutant} */
    ({ fileName, status, location, mutatorName, replacement }) => ({
      file: path.relative(root, fileName),
      line: location.start.line,
      status,
      what: `${mutatorName} → ${(replacement ?? '').replaceAll(/\s+/g, ' ').slice(0, 80)}`,
    }),
  );
}

/** @param {readonly Mutant[]} mutants @param {boolean} isListing */
function tell(mutants, isListing) {
  let isEnough = true;
  for (const file of [...new Set(mutants.map((mutant) => mutant.file))].sort()) {
    const own = mutants.filter(
      (mutant) => mutant.file === file && !['Ignored', 'CompileError', 'RuntimeError'].includes(mutant.status),
    );
    const missed = own.filter(({ status }) => status !== 'Killed' && status !== 'Timeout');
    const score = (100 * (own.length - missed.length)) / Math.max(1, own.length);
    isEnough &&= score >= scoreMin;
    console.log(`${score.toFixed(1).padStart(5)} %  ${own.length - missed.length} of ${own.length}  ${file}`);
    if (isListing) for (const { line, status, what } of missed) console.log(`         ${line}: ${status}: ${what}`);
  }
  return isEnough;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: 'boolean' } } });
const names = positionals.length === 0 ? Object.keys(subjects) : positionals;
const unknown = names.filter((name) => !Object.hasOwn(subjects, name));
if (unknown.length > 0) {
  console.error(`usage: npm run measure:mutation [-- ${Object.keys(subjects).join(' ')}] [--list]`);
  process.exit(2);
}
if (!(await install())) process.exit(1);
process.chdir(root);
rmSync(copies, { recursive: true, force: true });
// A property that a mutant breaks is broken soon, and each mutant asks anew.
process.env['TIDEMARK_TEST_RUNS'] ??= '200';
process.env['TIDEMARK_TEST_SEED'] ??= '1';
let isEnough = true;
for (const name of names) isEnough = tell(await measure(name), values.list === true) && isEnough;
process.exitCode = isEnough ? 0 : 1;
