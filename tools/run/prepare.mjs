// What has to be there before a command can do its work.
import path from 'node:path';
import { show, step } from './command.mjs';
import { buildIsStale, installIsStale, recordBuild, root, sourceFingerprint } from './workspace.mjs';

export const nxBinary = path.join(root, 'node_modules/.bin/nx');
/** No background process and no screen drawing: Ctrl-C must leave nothing behind. */
export const nxEnvironment = { NX_DAEMON: 'false', NX_TUI: 'false' };

/** Installs the dependencies where they are missing or older than the lock file. */
export async function install() {
  if (!installIsStale()) return true;
  console.log('Installing dependencies (npm ci)');
  return step('npm ci', 'npm', ['ci', '--no-audit', '--no-fund'], { cwd: root });
}

/** Builds everything where a source is newer than the last build; Nx decides what that takes. */
export async function buildWhereStale() {
  if (!buildIsStale()) return true;
  console.log('Building');
  const fingerprint = sourceFingerprint();
  const built = await step('build', nxBinary, ['run-many', '-t', 'build'], { cwd: root, env: nxEnvironment });
  if (built) recordBuild(fingerprint);
  return built;
}

/** Builds what the demo runs, its ES modules alone and in one compiler: a newcomer waits for it. */
export function buildDemoWhereStale() {
  const apps = ['demo', 'sync', 'dispatcher', 'admin', 'example-service'];
  return compileWhereStale(apps.map((app) => `apps/${app}/tsconfig.app.json`));
}

/** Builds what the benchmark and the races run, likewise. */
export function buildBenchWhereStale() {
  return compileWhereStale(['test/bench/tsconfig.app.json']);
}

/** @param {readonly string[]} projects their tsconfig files */
async function compileWhereStale(projects) {
  if (!buildIsStale()) return true;
  console.log('Building');
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  return step('build', process.execPath, [compiler, '-b', ...projects], { cwd: root });
}

/**
 * Runs an Nx target in every project that has it, with its output shown.
 * @param {string} target
 * @param {readonly string[]} args
 */
export async function runTarget(target, args) {
  const fingerprint = sourceFingerprint();
  const options = { cwd: root, env: nxEnvironment, label: target };
  const code = await show(nxBinary, ['run-many', '-t', target, ...args], options);
  if (code === 0 && target === 'build') recordBuild(fingerprint);
  // Nx says 130, as after Ctrl-C, where a failure kept other tasks from running.
  return code === 0 ? 0 : 1;
}
