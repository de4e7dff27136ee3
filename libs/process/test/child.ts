import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from '@tidemark/runtime/testing';

const loader = join(import.meta.dirname, 'ts-loader.mjs');

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Beside PATH, the whole environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Opens an IPC channel. */
  readonly ipc?: boolean;
}

export interface ChildEnd {
  /** `null`: a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A TypeScript program in a process of its own. */
export class Child {
  readonly #process: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly ended: Promise<ChildEnd>;

  constructor(program: string, { args = [], env = {}, ipc = false }: ChildOptions = {}) {
    this.#process = spawn(process.execPath, ['--conditions=@tidemark/source', '--import', loader, program, ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    });
    const { stdout, stderr } = this.#process;
    stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    // Not 'close': it never comes once this side has closed the channel.
    this.ended = Promise.all([
      once(this.#process, 'exit'),
      stdout && once(stdout, 'end'),
      stderr && once(stderr, 'end'),
    ]).then(([[exitCode]]) => ({
      exitCode: exitCode as number | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** What it has logged so far. */
  get lines(): readonly Readonly<Record<string, unknown>>[] {
    const whole = this.#stdout.slice(0, this.#stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The first line with this message, once it is there. */
  async logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    const find = (): Readonly<Record<string, unknown>> | undefined =>
      this.lines.find((line) => line['message'] === message);
    const isOver = (): boolean => this.#process.exitCode !== null || this.#process.signalCode !== null;
    await eventually(`the line "${message}"`, () => find() !== undefined || isOver(), 20_000);
    const line = find();
    if (line === undefined) throw new Error(`ended without the line "${message}": ${this.#stdout}${this.#stderr}`);
    return line;
  }

  send(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  closeChannel(): void {
    this.#process.disconnect();
  }

  /** Ends it by force if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}
