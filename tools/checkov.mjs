// Scans the Terraform code with checkov. Every finding must be fixed, or suppressed beside its cause with a reason.
// Where neither checkov nor Python is there: says so, and fails only under TIDEMARK_REQUIRE_CHECKOV=1.
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { killTrees } from './process-tree.mjs';
import { capture } from './run/command.mjs';
import { startProgress } from './run/progress.mjs';
import { root } from './run/workspace.mjs';

const package_ = 'checkov>=3.2,<4';
const timeoutMs = 300_000;

/**
 * @typedef {object} CheckovReport
 * @property {{ passed: number, failed: number, skipped: number, parsing_errors: number }} summary
 * @property {{ failed_checks: { check_id: string, check_name: string, file_path: string, resource: string }[] }} results
 */

/**
 * @param {string} venv an empty folder
 * @returns {Promise<string | undefined>} the command, or undefined where there is none
 */
async function findCheckov(venv) {
  if ((await capture('checkov', ['--version'], { timeoutMs })).code === 0) return 'checkov';
  if ((await capture('python3', ['--version'], { timeoutMs })).code !== 0) return undefined;
  const made = await capture('python3', ['-m', 'venv', venv], { timeoutMs });
  const bin = path.join(venv, 'bin');
  const installed =
    made.code === 0 ? await capture(path.join(bin, 'pip'), ['install', '--quiet', package_], { timeoutMs }) : made;
  if (installed.code !== 0) throw new Error(`checkov could not be installed: ${installed.output.slice(-2000)}`);
  return path.join(bin, 'checkov');
}

/** @param {string} command */
async function scan(command) {
  const folder = path.join(root, 'infra/terraform');
  const args = ['--directory', folder, '--framework', 'terraform', '--output', 'json', '--quiet', '--skip-download'];
  const { code, output } = await capture(command, args, { timeoutMs, env: { LOG_LEVEL: 'CRITICAL' } });
  const from = output.indexOf('{');
  if (from === -1) throw new Error(`checkov found nothing to scan; exit code ${code}: ${output.slice(-2000)}`);
  const report = /** @type {CheckovReport} */ (JSON.parse(output.slice(from, output.lastIndexOf('}') + 1)));
  for (const { check_id, check_name, file_path, resource } of report.results.failed_checks) {
    console.log(`${check_id} ${check_name}\n  ${resource} in infra/terraform${file_path}`);
  }
  const { passed, failed, skipped, parsing_errors: unreadable } = report.summary;
  console.log(`checkov: ${passed} passed, ${failed} failed, ${skipped} suppressed, ${unreadable} files unreadable`);
  return failed === 0 && unreadable === 0 && passed > 0;
}

async function main() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.once(signal, () => {
      killTrees();
      process.exit(128 + constants.signals[signal]);
    });
  }
  const venv = mkdtempSync(path.join(tmpdir(), 'tidemark-checkov-'));
  process.on('exit', () => rmSync(venv, { recursive: true, force: true }));
  const progress = startProgress(() => 'checkov');
  const command = await findCheckov(venv).finally(progress.stop);
  if (command !== undefined) {
    process.exitCode = (await scan(command)) ? 0 : 1;
    return;
  }
  console.log('NOT RUN: checkov: neither it nor python3 is on the PATH');
  process.exitCode = process.env.TIDEMARK_REQUIRE_CHECKOV === '1' ? 1 : 0;
}

await main();
