import { type Clock } from '@tidemark/runtime';
import { type Random } from './seeded-random.js';

export interface TurbulenceOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Held records go on after this long without a new one, ms. */
  readonly holdMs: number;
}

interface Held<T> {
  readonly record: T;
  /** How many records went on ahead of it. */
  overtaken: number;
}

/** Duplicate records are held among at most this many others. */
const copiesHeldMax = 16;

/**
 * Repeats and reorders records, as AWS allows its change stream to. Both are off at first, and every record goes straight on. A record
 * is overtaken by fewer than twice `window` others.
 */
export class Turbulence<T> {
  readonly #options: TurbulenceOptions;
  readonly #forward: (record: T) => void;
  readonly #held: Held<T>[] = [];
  #duplicateProbability = 0;
  #window = 1;
  #duplicates = 0;
  #cancelFlush: (() => void) | undefined;

  constructor(options: TurbulenceOptions, forward: (record: T) => void) {
    this.#options = options;
    this.#forward = forward;
  }

  /** Records held back, copies among them. */
  get held(): number {
    return this.#held.length;
  }

  /** Copies made so far. */
  get duplicates(): number {
    return this.#duplicates;
  }

  set duplicateProbability(probability: number) {
    this.#duplicateProbability = probability;
  }

  set window(records: number) {
    this.#window = records;
    if (records === 1) this.flush();
  }

  offer(record: T): void {
    if (this.#window > 1) this.#hold(record);
    else this.#pass(record);
    if (this.#options.random() < this.#duplicateProbability) {
      this.#duplicates++;
      this.#hold(record);
    }
    const heldMax = Math.max(this.#window - 1, this.#window > 1 ? 0 : copiesHeldMax);
    while (this.#held.length > heldMax) this.#release();
    this.#armFlush();
  }

  /** Sends on everything held, in random order. */
  flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    while (this.#held.length > 0) this.#release();
  }

  stop(): void {
    this.#cancelFlush?.();
    this.#held.length = 0;
  }

  #hold(record: T): void {
    this.#held.push({ record, overtaken: 0 });
  }

  #release(): void {
    const late = this.#held.findIndex((held) => held.overtaken >= this.#window);
    const index = late >= 0 && this.#window > 1 ? late : Math.floor(this.#options.random() * this.#held.length);
    const [released] = this.#held.splice(index, 1);
    if (released !== undefined) this.#pass(released.record);
  }

  #pass(record: T): void {
    for (const held of this.#held) held.overtaken++;
    this.#forward(record);
  }

  #armFlush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (this.#held.length > 0) {
      this.#cancelFlush = this.#options.clock.setTimer(() => this.flush(), this.#options.holdMs);
    }
  }
}
