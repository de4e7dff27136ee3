import { type Clock } from '../clock.js';

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
}

/** A clock that stands still until `advance` moves it; timers fire in order of their time, then of their making. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  readonly #timers = new Map<number, Timer>();
  #nextId = 1;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(fn: () => void, delayMs: number): () => void {
    const id = this.#nextId++;
    this.#timers.set(id, { atMs: this.#monotonicMs + Math.max(0, delayMs), fn });
    return () => this.#timers.delete(id);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on by `ms`, firing what falls due, and lets promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await settle();
    for (let due = this.#nextDue(endMs); due !== undefined; due = this.#nextDue(endMs)) {
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#moveTo(Math.max(timer.atMs, this.#monotonicMs));
      timer.fn();
      await settle();
    }
    this.#moveTo(endMs);
    await settle();
  }

  /** Moves the wall clock alone, as an operator or a bad time server would. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #nextDue(endMs: number): [number, Timer] | undefined {
    let best: [number, Timer] | undefined;
    for (const [id, timer] of this.#timers) {
      if (timer.atMs <= endMs && (best === undefined || timer.atMs < best[1].atMs)) best = [id, timer];
    }
    return best;
  }
}

/** Lets everything that is ready to run, run: promise jobs, then one turn of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
