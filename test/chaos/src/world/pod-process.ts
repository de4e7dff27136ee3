import {
  type FromPod,
  type Load,
  machineMs,
  type PodAnswer,
  type PodConfiguration,
  type PodEvent,
  type PodTask,
} from '../pod-protocol.js';
import { ChaosProcess } from './chaos-process.js';

export interface PodProcessOptions {
  readonly name: string;
  readonly script: string;
  readonly watch: string;
  readonly configuration: Omit<PodConfiguration, 'life'>;
  /** Hears of each life's start, end and events. */
  readonly witness: Witness;
}

export interface Witness {
  podStarted(life: string, region: string): void;
  podEnded(life: string): void;
  podEvents(life: string, events: readonly PodEvent[]): void;
}

const answerTimeoutMs = 30_000;

/** A pod, over any number of lives. */
export class PodProcess {
  readonly process: ChaosProcess;
  readonly #options: PodProcessOptions;
  readonly #answers = new Map<number, (answer: PodAnswer) => void>();
  #lives = 0;
  #lastId = 0;
  #isLive = false;
  #load: Load | undefined;

  constructor(options: PodProcessOptions) {
    this.#options = options;
    const { name, script, watch } = options;
    this.process = new ChaosProcess({
      ...{ name, script, watch },
      argumentsOf: () => [JSON.stringify({ ...options.configuration, life: this.life } satisfies PodConfiguration)],
      onMessage: (message) => this.#onMessage(message as FromPod),
    });
  }

  get life(): string {
    return `${this.#options.name}.${this.#lives}`;
  }

  /** Its start has ended, and it answers. */
  get isLive(): boolean {
    return this.#isLive && this.process.isRunning;
  }

  start(): void {
    this.#lives += 1;
    this.#isLive = false;
    this.#options.witness.podStarted(this.life, this.#options.configuration.region);
    this.process.start();
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.process.isRunning) return;
    await this.process.end(signal);
    this.#options.witness.podEnded(this.life);
    for (const answer of this.#answers.values()) answer({});
    this.#answers.clear();
  }

  /** It calls at random from now on, in its next lives too, until `rest`. */
  load(load: Load): void {
    this.#load = load;
    if (this.isLive) this.#send({ do: 'load', load });
  }

  async rest(): Promise<void> {
    this.#load = undefined;
    if (this.isLive) await this.ask({ do: 'rest' });
  }

  /** Rejects when there is no answer within 30 s; resolves to an empty one when it is killed meanwhile. */
  ask(task: PodTask): Promise<PodAnswer> {
    const id = this.#send(task);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#answers.delete(id);
        reject(new Error(`${this.#options.name} does not answer ${task.do}: ${this.process.tail}`));
      }, answerTimeoutMs);
      this.#answers.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  #send(task: PodTask): number {
    this.#lastId += 1;
    this.process.send({ type: 'task', id: this.#lastId, task });
    return this.#lastId;
  }

  #onMessage(message: FromPod): void {
    if (message.type === 'events') return this.#options.witness.podEvents(this.life, message.events);
    if (message.type === 'live') {
      this.#isLive = true;
      if (this.#load !== undefined) {
        const seed = this.#load.seed + Math.floor(machineMs());
        this.#send({ do: 'load', load: { ...this.#load, seed } });
      }
      return;
    }
    this.#answers.get(message.id)?.(message.answer);
    this.#answers.delete(message.id);
  }
}
