import { backoffMs, type Clock, type Logger, messageOf } from '@tidemark/runtime';
import { type WriteStamp } from './last-writers.js';
import { type Random } from './seeded-random.js';
import { type WireItem } from './wire-item.js';

/** One write on its way to another region: the whole item, as global tables replicate it. */
export interface ReplicaChange {
  readonly tableName: string;
  readonly keys: WireItem;
  /** Absent when the item was deleted. */
  readonly newItem: WireItem | undefined;
  readonly stamp: WriteStamp;
}

/** How long a change travels, ms; a function is asked for every change. */
export type ReplicationDelay = number | ((from: string, to: string, change: ReplicaChange) => number);

export interface ReplicationLinkOptions {
  readonly from: string;
  readonly to: string;
  readonly delay: ReplicationDelay;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Writes the change in region `to`; an older one is no failure. Rejects when it must be tried again. */
  readonly apply: (change: ReplicaChange) => Promise<void>;
  /** Called whenever a change has arrived. */
  readonly onProgress: () => void;
}

const retry = { initialMs: 5, maxMs: 500 };

/** The replication from one region to another. Changes travel independently, so one that is delayed longer arrives later. */
export class ReplicationLink {
  readonly #options: ReplicationLinkOptions;
  readonly #cancels = new Set<() => void>();
  #delay: ReplicationDelay;
  #held: ReplicaChange[] = [];
  #paused = false;
  #stopped = false;
  #inFlight = 0;

  constructor(options: ReplicationLinkOptions) {
    this.#options = options;
    this.#delay = options.delay;
  }

  get from(): string {
    return this.#options.from;
  }

  get to(): string {
    return this.#options.to;
  }

  /** Changes that have not arrived, those that a pause holds among them. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** For changes sent from now on. */
  set delay(delay: ReplicationDelay) {
    this.#delay = delay;
  }

  send(change: ReplicaChange): void {
    if (this.#stopped) return;
    this.#inFlight++;
    this.#travel(change);
  }

  /** Holds every change that would arrive from now on. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets the held changes arrive at once, in the order in which they would have. */
  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const change of held) void this.#arrive(change, 0);
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#held = [];
    this.#inFlight = 0;
  }

  #travel(change: ReplicaChange): void {
    const delayMs = typeof this.#delay === 'number' ? this.#delay : this.#delay(this.from, this.to, change);
    this.#later(delayMs, () => {
      if (this.#paused) this.#held.push(change);
      else void this.#arrive(change, 0);
    });
  }

  #later(delayMs: number, fn: () => void): void {
    const cancel = this.#options.clock.setTimer(() => {
      this.#cancels.delete(cancel);
      fn();
    }, delayMs);
    this.#cancels.add(cancel);
  }

  async #arrive(change: ReplicaChange, failures: number): Promise<void> {
    const { apply, onProgress, log, random } = this.#options;
    try {
      await apply(change);
    } catch (error) {
      if (this.#stopped) return;
      log.warn({ from: this.from, to: this.to, error: messageOf(error) }, 'a replicated write failed; trying again');
      const delayMs = backoffMs(failures + 1, { ...retry, random });
      return this.#later(delayMs, () => void this.#arrive(change, failures + 1));
    }
    if (this.#stopped) return;
    this.#inFlight--;
    onProgress();
  }
}
