import { type LocalStack } from '@tidemark/local-stack';
import { type ChildProcess, fork } from 'node:child_process';
import { root } from '../run-command.js';
import { type Item } from './pods.js';

/** What a pod's process is asked to do. */
export type ChildTask =
  | { readonly do: 'get' | 'held'; readonly key: string }
  /** Loads for ever; `ChildPod.loading` resolves once it does. */
  | { readonly do: 'load'; readonly key: string };

/** How the process is started, in its only argument. */
export interface ChildConfiguration {
  readonly region: string;
  readonly service: string;
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly dynamodbEndpoint: string;
  readonly loadTimeout: string;
}

export type ChildMessage =
  | { readonly type: 'live' }
  | { readonly type: 'loading' }
  | { readonly type: 'answer'; readonly id: number; readonly item: Item | null }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

const startTimeoutMs = 60_000;
const answerTimeoutMs = 20_000;

/** A pod in a process of its own, to be stopped and killed as a kernel does. It ends with this one: it holds an IPC channel. */
export class ChildPod {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (message: ChildMessage) => void>();
  readonly #once = new Map<string, () => void>();
  readonly #vanish = (): void => void this.#child.kill('SIGKILL');
  #output = '';
  #lastId = 0;

  private constructor(configuration: ChildConfiguration) {
    this.#child = fork(`${root}test/e2e/dist/coherence-pod-main.js`, [JSON.stringify(configuration)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        NODE_NO_WARNINGS: '1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk.toString('utf8')).slice(-4_000)));
    this.#child.on('message', (message: ChildMessage) => this.#onMessage(message));
    process.once('exit', this.#vanish);
  }

  /** Resolves when the pod is live. */
  static async start(
    stack: LocalStack,
    region: string,
    { service, loadTimeout = '10s' }: { readonly service: string; readonly loadTimeout?: string },
  ): Promise<ChildPod> {
    const { kafka, dynamodbEndpoint, topicPrefix } = stack.region(region);
    const { brokers } = kafka;
    const pod = new ChildPod({ region, service, brokers, topicPrefix, dynamodbEndpoint, loadTimeout });
    try {
      await pod.#within(startTimeoutMs, 'live', new Promise<void>((resolve) => pod.#once.set('live', resolve)));
      return pod;
    } catch (error) {
      await pod.kill();
      throw error;
    }
  }

  async get(key: string): Promise<Item | null> {
    return this.#ask({ do: 'get', key });
  }

  /** What its L1 holds. */
  async held(key: string): Promise<Item | null> {
    return this.#ask({ do: 'held', key });
  }

  /** Has it call `getOrLoad` with a loader that never ends; resolves when the loader runs. */
  async loadForEver(key: string): Promise<void> {
    const loading = new Promise<void>((resolve) => this.#once.set('loading', resolve));
    this.#ask({ do: 'load', key }).catch(() => undefined); // It is killed before an answer.
    await this.#within(answerTimeoutMs, 'loading', loading);
  }

  /** As SIGSTOP does: it is there, and does nothing. */
  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    process.off('exit', this.#vanish);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #ask(task: ChildTask): Promise<Item | null> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<ChildMessage>((resolve) => this.#answers.set(id, resolve));
    this.#child.send({ id, task });
    const answer = await this.#within(answerTimeoutMs, `an answer to ${task.do}`, answered);
    if (answer.type === 'answer') return answer.item;
    throw new Error(answer.type === 'failed' ? answer.message : `unexpected ${answer.type}`);
  }

  #onMessage(message: ChildMessage): void {
    if (message.type === 'live' || message.type === 'loading') return this.#once.get(message.type)?.();
    this.#answers.get(message.id)?.(message);
    this.#answers.delete(message.id);
  }

  async #within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`the pod’s process: ${why}, no ${what}: ${this.#output}`));
      timer = setTimeout(() => fail(`${timeoutMs} ms`), timeoutMs);
      this.#child.once('exit', () => fail('it ended'));
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }
}
