import { type Controlled } from './controlled.js';
import { type RealKafka } from './real-kafka.mjs';

/** A broker of Apache Kafka in the world. Its clock is not moved, and what it does not handle it writes into its own log. */
export class ApacheBroker implements Controlled {
  readonly name = 'kafka';
  readonly tail = '';
  readonly unhandled: string[] = [];
  readonly deaths: string[] = [];
  readonly #kafka: RealKafka;
  #isRunning = true;
  #isPaused = false;
  #lives = 1;
  #ends = 0;

  constructor(kafka: RealKafka) {
    this.#kafka = kafka;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get lives(): number {
    return this.#lives;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#lives += 1;
    const ends = this.#ends;
    this.#kafka.restart(0).catch((error: unknown) => {
      // A start that a kill has overtaken is none of its own failures.
      if (ends === this.#ends) this.deaths.push(`kafka does not start: ${String(error)}`);
    });
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#ends += 1;
    this.#isRunning = false;
    this.#isPaused = false;
    await this.#kafka.kill(0, signal);
  }

  pause(): void {
    this.#isPaused = true;
    void this.#kafka.kill(0, 'SIGSTOP');
  }

  resume(): void {
    this.#isPaused = false;
    void this.#kafka.kill(0, 'SIGCONT');
  }

  shiftClock(): void {
    // Not there.
  }

  crash(): void {
    void this.#kafka.kill(0, 'SIGKILL');
  }

  /** It is no process of Node. */
  gauge(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}
