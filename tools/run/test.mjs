// `npm test`: every project's own test script, then one closing line over all of them.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { capture } from './command.mjs';
import { buildWhereStale, install } from './prepare.mjs';
import { startProgress } from './progress.mjs';
import { projects, root } from './workspace.mjs';

const projectTimeoutMs = 20 * 60_000;

/**
 * @typedef {import('./workspace.mjs').Project} Project
 * @typedef {{ passed: number, failed: number, skipped: number }} Summary
 * @typedef {{ workspace?: string, prepare?: (selected: readonly Project[]) => Promise<boolean> }} TestOptions
 *
 * @typedef {object} RunOptions
 * @property {number} atOnce projects
 * @property {number} workers processes that the runner of one may use, one a core; a project whose tests wait more than they compute asks for more
 * @property {Summary} total counts are added to it
 * @property {number} [timeoutMs] of one project, default 20 minutes
 * @property {Record<string, string>} [env]
 * @property {(project: Project) => readonly string[]} [argumentsOf] for the project's runner
 */

/**
 * Runs the tests of libraries and apps side by side, then the suites of test/ one at a time.
 * The last line printed is always `N passed, N failed, N skipped`.
 * @param {readonly string[]} args `--only NAME,…`: `libs/cache`, or `cache` for every project of that name
 * @param {TestOptions} [options] for tests of this command: another workspace, other preparations
 * @returns {Promise<number>} 0 where something passed and nothing failed
 */
export async function test(args, { workspace = root, prepare = prepareWorkspace } = {}) {
  const selected = select(projects(workspace), args);
  if (typeof selected === 'string') {
    console.error(selected);
    return close({ passed: 0, failed: 1, skipped: 0 });
  }
  if (!(await prepare(selected))) return close({ passed: 0, failed: 1, skipped: 0 });

  const total = { passed: 0, failed: 0, skipped: 0 };
  const unit = selected.filter((project) => project.kind !== 'test');
  const heavy = selected.filter((project) => project.kind === 'test');
  const cores = availableParallelism();
  const atOnce = Math.min(cores, 4);
  await runProjects(unit, { atOnce, workers: Math.max(1, Math.floor(cores / atOnce)), total });
  await runProjects(heavy, { atOnce: 1, workers: cores, total });
  return close(total);
}

/** @param {readonly Project[]} selected */
async function prepareWorkspace(selected) {
  if (!(await install())) return false;
  return !selected.some(readsBuilds) || buildWhereStale();
}

/**
 * Apps and suites run what was built; a project says otherwise with `"tidemark": { "needsBuild": false }`.
 * @param {Project} project
 */
function readsBuilds({ kind, manifest }) {
  return manifest.tidemark?.needsBuild ?? kind !== 'libs';
}

/**
 * @param {Project[]} all
 * @param {readonly string[]} args
 * @returns {Project[] | string} the projects to run, or what is wrong with the arguments
 */
function select(all, args) {
  const testable = all.filter((project) => project.manifest.scripts?.test !== undefined);
  /** @type {string | undefined} */
  let only;
  try {
    only = parseArgs({ args: [...args], options: { only: { type: 'string' } } }).values.only;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (only === undefined) return testable;
  const names = only.split(',');
  const isNamed = (/** @type {Project} */ project, /** @type {string} */ name) =>
    [project.name, path.basename(project.folder), project.manifest.name].includes(name);
  const unknown = names.filter((name) => !testable.some((project) => isNamed(project, name)));
  if (unknown.length > 0) {
    return `no tests in ${unknown.join(', ')}; there are ${testable.map((project) => project.name).join(', ')}`;
  }
  return testable.filter((project) => names.some((name) => isNamed(project, name)));
}

/**
 * Runs each project's own test script, and reports each as it ends.
 * @param {readonly Project[]} selected
 * @param {RunOptions} options
 */
export async function runProjects(selected, options) {
  const { atOnce, total } = options;
  const waiting = [...selected];
  /** @type {Set<string>} */
  const running = new Set();
  let done = 0;
  const progress = startProgress(
    () => `tests: ${done} of ${selected.length} projects done; ${[...running].join(', ')}`,
  );
  const worker = async () => {
    for (let project = waiting.shift(); project !== undefined; project = waiting.shift()) {
      running.add(project.name);
      const { summary, report } = await runProject(project, options);
      running.delete(project.name);
      done += 1;
      total.passed += summary.passed;
      total.failed += summary.failed;
      total.skipped += summary.skipped;
      progress.print(report);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker)).finally(progress.stop);
}

/**
 * @param {Project} project
 * @param {RunOptions} options
 * @returns {Promise<{ summary: Summary, report: string }>}
 */
async function runProject(project, { workers, timeoutMs = projectTimeoutMs, env: more, argumentsOf }) {
  const startedAt = Date.now();
  rmSync(path.join(project.folder, 'test-results'), { recursive: true, force: true });
  const script = project.manifest.scripts?.test ?? '';
  const given = argumentsOf?.(project).join(' ') ?? '';
  const { workersPerCore = 1 } = project.manifest.tidemark ?? {};
  const maxWorkers = Math.ceil(workers * workersPerCore);
  const command = script.includes('jest.js') ? `${script} --maxWorkers=${maxWorkers} ${given}` : script;
  const env = {
    ...more,
    PATH: `${path.join(root, 'node_modules/.bin')}${path.delimiter}${process.env.PATH ?? ''}`,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  const { code, output } = await capture('sh', ['-c', command], {
    cwd: project.folder,
    env,
    timeoutMs,
  });
  const { summary, problem } = judge(project.folder, code);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const line = `${summary.failed === 0 ? '✓' : '✗'} ${project.name}: ${counts(summary)} (${seconds} s)`;
  if (summary.failed === 0) return { summary, report: [...told(output), line].join('\n') };
  return { summary, report: `${output.trimEnd()}\n${problem === undefined ? '' : `${problem}\n`}${line}` };
}

/**
 * What a suite could not do here is always shown, and so is what it has counted: these lines begin with `NOT RUN: ` and `FIGURES: `.
 * @param {string} output
 */
function told(output) {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('NOT RUN: ') || line.startsWith('FIGURES: '));
}

/**
 * What a project's run amounts to. A runner that died counts as one failed test: it may have run none of its own.
 * @param {string} folder
 * @param {number} code the exit code of its runner
 * @returns {{ summary: Summary, problem?: string }}
 */
function judge(folder, code) {
  const file = path.join(folder, 'test-results/summary.json');
  const summary = existsSync(file) ? readSummary(readFileSync(file, 'utf8')) : undefined;
  if (summary === undefined) {
    const none = { passed: 0, failed: 0, skipped: 0 };
    if (code === 0 && !hasSpecs(folder)) return { summary: none };
    return { summary: { ...none, failed: 1 }, problem: `the runner left no summary; exit code ${code}` };
  }
  if (code === 0 || summary.failed > 0) return { summary };
  return { summary: { ...summary, failed: 1 }, problem: `no test failed, yet the runner's exit code is ${code}` };
}

/**
 * @param {string} text
 * @returns {Summary | undefined}
 */
function readSummary(text) {
  try {
    const { passed, failed, skipped } = JSON.parse(text);
    if ([passed, failed, skipped].every((count) => Number.isSafeInteger(count) && count >= 0)) {
      return { passed, failed, skipped };
    }
  } catch {
    // A half-written file is no summary.
  }
  return undefined;
}

/** @param {string} folder */
function hasSpecs(folder) {
  return readdirSync(folder, { recursive: true }).some((file) => {
    const name = String(file);
    return name.endsWith('.spec.ts') && !name.includes('node_modules') && !name.startsWith('dist');
  });
}

/**
 * Prints the closing line.
 * @param {Summary} total
 * @returns {number} the exit code
 */
export function close(total) {
  console.log(counts(total));
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** @param {Summary} summary */
function counts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
