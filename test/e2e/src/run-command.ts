import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the signal to the end; `null` when none was sent. */
  readonly msAfterSignal: number | null;
}

export interface RunOptions {
  /** On top of PATH alone: nothing of this process's environment reaches the command. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Sends the signal as soon as the output says so. */
  readonly signalWhen?: { readonly signal: NodeJS.Signals; readonly output: RegExp };
}

/** Runs a script of the repository to its end; kills it, and fails, after the time-out. */
export function run(
  script: string,
  args: readonly string[],
  { env = {}, timeoutMs = 60_000, signalWhen }: RunOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        ...env,
      },
    });
    let stdout = '';
    let stderr = '';
    let signalledAt: number | null = null;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${script} did not end within ${timeoutMs} ms:\n${stdout}\n${stderr}`));
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
      if (signalWhen !== undefined && signalledAt === null && signalWhen.output.test(stdout)) {
        signalledAt = performance.now();
        child.kill(signalWhen.signal);
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.on('error', reject);
    child.on('exit', (exitCode) => {
      clearTimeout(timer);
      resolve({
        exitCode,
        stdout,
        stderr,
        msAfterSignal: signalledAt === null ? null : performance.now() - signalledAt,
      });
    });
  });
}
