import { type ChildProcess, fork } from 'node:child_process';
import { type Gauge } from '../soak/gauge.js';
import { type Controlled } from './controlled.js';
import { type ClockShift, type GaugeAnswer, type GaugeRequest, unhandledMark } from './watch-protocol.js';

export interface ChaosProcessOptions {
  readonly name: string;
  readonly script: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Asked at every start. */
  readonly argumentsOf?: () => readonly string[];
  readonly watch: string;
  readonly onMessage?: (message: unknown) => void;
}

const tailMax = 6_000;
const gaugeMs = 5_000;

/**
 * A process of the world, to be killed, stopped and started again. It ends with this one: it holds an IPC channel and is killed when this
 * one exits.
 */
export class ChaosProcess implements Controlled {
  readonly name: string;
  readonly unhandled: string[] = [];
  readonly deaths: string[] = [];
  readonly #options: ChaosProcessOptions;
  #child: ChildProcess | undefined;
  #isEnding = false;
  #isPaused = false;
  #tail = '';
  #lives = 0;
  readonly #gauges = new Map<number, (gauge: Gauge) => void>();
  #lastGauge = 0;

  constructor(options: ChaosProcessOptions) {
    this.name = options.name;
    this.#options = options;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get lives(): number {
    return this.#lives;
  }

  get tail(): string {
    return this.#tail;
  }

  start(): void {
    if (this.isRunning) throw new Error(`${this.name} is running`);
    const { script, env = {}, argumentsOf, watch, onMessage } = this.#options;
    const child = fork(script, [...(argumentsOf?.() ?? [])], {
      env: {
        ...{ PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1' },
        ...{ AWS_ACCESS_KEY_ID: 'chaos', AWS_SECRET_ACCESS_KEY: 'chaos' },
        ...{ AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...env },
      },
      execArgv: ['--expose-gc', '--import', watch],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#lives += 1;
    this.#isEnding = false;
    this.#isPaused = false;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => this.#note(chunk.toString('utf8')));
    child.on('message', (message: GaugeAnswer | { readonly type?: undefined }) => {
      if (message.type === 'gauge') this.#gauges.get(message.id)?.(message.gauge);
      else onMessage?.(message);
    });
    child.once('exit', (code, signal) => {
      if (this.#child === child && !this.#isEnding)
        this.deaths.push(`${this.name} ended: ${signal ?? code}: ${this.#tail}`);
    });
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    this.#isEnding = true;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 12_000);
    await ended;
    clearTimeout(late);
  }

  crash(): void {
    this.#child?.kill('SIGABRT');
  }

  pause(): void {
    this.#isPaused = this.#child?.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    this.#isPaused = false;
    this.#child?.kill('SIGCONT');
  }

  shiftClock(ms: number): void {
    this.send({ type: 'shift-clock', ms } satisfies ClockShift);
  }

  gauge(): Promise<Gauge | undefined> {
    if (this.#child?.connected !== true) return Promise.resolve(undefined);
    const id = (this.#lastGauge += 1);
    return new Promise((resolve) => {
      const end = (gauge?: Gauge): void => {
        clearTimeout(timer);
        this.#gauges.delete(id);
        resolve(gauge);
      };
      const timer = setTimeout(end, gaugeMs);
      this.#gauges.set(id, end);
      this.send({ type: 'gauge', id } satisfies GaugeRequest);
    });
  }

  send(message: object): void {
    // One that has just died is noticed by whoever waits for it.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  #note(text: string): void {
    this.#tail = (this.#tail + text).slice(-tailMax);
    for (const line of text.split('\n'))
      if (line.startsWith(unhandledMark)) this.unhandled.push(`${this.name}: ${line.slice(unhandledMark.length)}`);
  }
}
