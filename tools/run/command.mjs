// Running one command to its end, either with its output shown or with the output kept for when it fails.
import { constants } from 'node:os';
import { startTree } from '../process-tree.mjs';
import { startProgress } from './progress.mjs';

const outputCharsMax = 4_000_000;

/**
 * @typedef {object} CommandOptions
 * @property {string} [cwd] default: where this process is
 * @property {Record<string, string | undefined>} [env] added to this process's environment
 * @property {string} [label] what the progress line says
 * @property {number} [timeoutMs] the command is killed after this, default none
 */

/**
 * Runs a command and shows its output; where that is not a terminal, a line every ten seconds of silence.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<number>} its exit code
 */
export async function show(command, args, options = {}) {
  const terminal = process.stdout.isTTY === true;
  const child = startTree(command, args, spawnOptions(options, terminal ? 'inherit' : 'pipe'));
  if (terminal) return exitCode(child, console.error);
  const progress = startProgress(() => options.label ?? 'running');
  child.stdout?.setEncoding('utf8').on('data', progress.print);
  child.stderr?.setEncoding('utf8').on('data', (text) => process.stderr.write(text));
  return exitCode(child, console.error).finally(progress.stop);
}

/**
 * Runs a command without showing its output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<{ code: number, output: string }>} the exit code and the last 4,000,000 characters of both outputs
 */
export async function capture(command, args, options = {}) {
  const child = startTree(command, args, spawnOptions(options, 'pipe'));
  let output = '';
  const keep = (/** @type {string} */ text) => {
    output += text;
    if (output.length > 2 * outputCharsMax) output = output.slice(-outputCharsMax);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  const { timeoutMs } = options;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          keep(`\nkilled: it was not done after ${timeoutMs / 1000} s\n`);
          child.kill('SIGKILL');
        }, timeoutMs);
  const code = await exitCode(child, keep).finally(() => clearTimeout(timer));
  return { code, output: output.slice(-outputCharsMax) };
}

/**
 * Runs a step behind a progress line; its output is printed only when it fails.
 * @param {string} label
 * @param {string} command
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function step(label, command, args, options = {}) {
  const progress = startProgress(() => label);
  const { code, output } = await capture(command, args, options).finally(progress.stop);
  if (code !== 0) console.log(`${output}\n${label} failed`);
  return code === 0;
}

/** @param {CommandOptions} options @param {'inherit' | 'pipe'} output */
function spawnOptions(options, output) {
  return {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: /** @type {import('node:child_process').StdioOptions} */ ([
      output === 'inherit' ? 'inherit' : 'ignore',
      output,
      output,
    ]),
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {(message: string) => void} complain hears why it could not start
 * @returns {Promise<number>} as a shell would say it: 128 + the signal's number, 127 where it could not start
 */
function exitCode(child, complain) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      complain(error.message);
      resolve(127);
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}
