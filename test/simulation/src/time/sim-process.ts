import { type Clock, type Entropy } from '@tidemark/runtime';
import { type Random } from './random.js';
import { type Scheduler } from './scheduler.js';

export interface SimProcessOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** How far its wall clock is ahead of true time, ms. */
  readonly clockOffsetMs: number;
}

/** True time at the start of every run, ms since the epoch. */
export const epochMs = 1_700_000_000_000;

/**
 * One operating system process. Whatever reaches it (a timer, an answer, a caller) reaches it through `post`: while it is paused everything
 * waits, and comes at once when it goes on, as after SIGSTOP; once it has been killed, nothing reaches it any more.
 */
export class SimProcess {
  readonly name: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly #scheduler: Scheduler;
  readonly #startedMs: number;
  #offsetMs: number;
  #state: 'running' | 'paused' | 'killed' = 'running';
  #waiting: { readonly run: () => void; cancelled: boolean }[] = [];

  constructor({ name, scheduler, random, clockOffsetMs }: SimProcessOptions) {
    this.name = name;
    this.random = random;
    this.#scheduler = scheduler;
    this.#startedMs = scheduler.nowMs;
    this.#offsetMs = clockOffsetMs;
    this.entropy = {
      random: () => random.next(),
      uuid: () => uuidOf(random.hex(30)),
      hex: (digits) => random.hex(digits),
    };
    this.clock = {
      now: () => Math.floor(epochMs + scheduler.nowMs + this.#offsetMs),
      monotonicMs: () => scheduler.nowMs - this.#startedMs,
      // As Node's: whole milliseconds, and at least one.
      setTimer: (fn, delayMs) => this.post(fn, Math.max(1, Math.trunc(delayMs))),
    };
  }

  get alive(): boolean {
    return this.#state !== 'killed';
  }

  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** Runs `fn` in this process after `delayMs`; the returned function cancels it. */
  post(fn: () => void, delayMs = 0): () => void {
    const waiting = { run: fn, cancelled: false };
    const cancel = this.#scheduler.after(delayMs, () => this.#receive(waiting));
    return () => {
      waiting.cancelled = true;
      cancel();
    };
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) this.#scheduler.after(0, () => this.#receive(each));
  }

  kill(): void {
    this.#state = 'killed';
    this.#waiting = [];
  }

  /** Steps the wall clock, as a time server would. */
  setClockOffset(offsetMs: number): void {
    this.#offsetMs = offsetMs;
  }

  #receive(waiting: { readonly run: () => void; cancelled: boolean }): void {
    if (waiting.cancelled || this.#state === 'killed') return;
    if (this.#state === 'paused') this.#waiting.push(waiting);
    else waiting.run();
  }
}

function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18)}`;
}
