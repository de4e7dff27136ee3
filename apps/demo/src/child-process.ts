import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';

/** A role in a process of its own. It dies with this one: it holds an IPC channel and ends when that closes. */
export class RoleProcess {
  readonly name: string;
  readonly url: string;
  readonly #script: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #args: readonly string[];
  readonly #tail: string[] = [];
  #child: ChildProcess | undefined;

  constructor(
    name: string,
    script: string,
    env: Readonly<Record<string, string>>,
    port: number,
    args: readonly string[] = [],
  ) {
    this.name = name;
    this.#script = createRequire(import.meta.url).resolve(script);
    this.#env = env;
    this.#args = args;
    this.url = `http://127.0.0.1:${port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const child = fork(this.#script, this.#args, {
      env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => this.#note(chunk.toString('utf8')));
  }

  /** Resolves when `isReady` says so, by default when `/health/ready` answers 200; rejects with the process's last lines when it ends or is not ready in time. */
  async ready(
    isReady: () => Promise<boolean> = () => this.#answers('/health/ready'),
    timeoutMs = 60_000,
  ): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      if (this.#child === undefined || this.#child.exitCode !== null)
        throw new Error(`${this.name} ended: ${this.#tail.join('')}`);
      if (await isReady()) return;
      if (performance.now() > endMs)
        throw new Error(`${this.name} is not ready after ${timeoutMs} ms: ${this.#tail.join('')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
  }

  /** Ends it at once, waiting for nothing. */
  killNow(): void {
    this.#child?.kill('SIGKILL');
  }

  async #answers(path: string): Promise<boolean> {
    const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.status === 200;
  }

  #note(text: string): void {
    this.#tail.push(text);
    while (this.#tail.length > 20) this.#tail.shift();
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
