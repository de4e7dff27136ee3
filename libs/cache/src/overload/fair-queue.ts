import { type TidemarkError } from '@tidemark/runtime';
import { type Turn, type Waiting, WaitQueue, type WaitQueueOptions } from './wait-queue.js';

/** A request for keys. */
export interface KeysAsked {
  readonly keys: number;
  /** The same object in all parts of a call that is cut up; `undefined`: it is the whole of a call, or several. */
  readonly partOf?: object | undefined;
}

/**
 * Requests for keys that wait for their turn. Those that are whole calls have half of the turns, counted in keys, and parts of large calls the
 * other half, of which each large call has as many as the next; what one side leaves, the other has. So no call of thousands of keys makes others
 * wait until it is through, and no number of small ones keeps it from getting on.
 */
export class FairQueue {
  readonly #options: WaitQueueOptions;
  readonly #whole: Line;
  /** By large call; the one whose turn it is comes first. */
  readonly #parts = new Map<object, Line>();
  #size = 0;
  #keys = 0;
  /** Keys that whole calls have had more than parts have, while both waited; below 0: fewer. */
  #lead = 0;

  constructor(options: WaitQueueOptions) {
    this.#options = options;
    this.#whole = this.#newLine();
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size;
  }

  get keys(): number {
    return this.#keys;
  }

  get closed(): boolean {
    return this.#whole.queue.closed;
  }

  /** Keys that have their turn until such a request would have had its own, if nobody else comes; its own among them. */
  keysUntil({ keys, partOf }: KeysAsked): number {
    const partKeys = this.#keys - this.#whole.keys;
    const whole = this.#whole.keys + keys;
    if (partOf === undefined) return whole + Math.min(partKeys, whole + (this.#nextLarge()?.part.asked ?? 0));
    const own = (this.#parts.get(partOf)?.keys ?? 0) + keys;
    let parts = own;
    for (const [call, line] of this.#parts) if (call !== partOf) parts += Math.min(line.keys, own);
    return parts + Math.min(this.#whole.keys, parts);
  }

  /** Whose turn it is; `undefined`: nobody waits. Good until anybody comes or leaves. */
  next(): Waiting<number> | undefined {
    const whole = firstOf(this.#whole);
    const large = this.#nextLarge();
    // Who had more than the other while both waited stays behind it until that is made up for; nobody saves up for later.
    if (large === undefined) this.#lead = 0;
    else if (whole === undefined) this.#lead = Math.max(0, this.#lead);
    if (large === undefined || (whole !== undefined && this.#lead <= 0)) return whole && this.#counted(whole, 1);
    const { call, line, part } = large;
    const { asked, begin } = this.#counted(part, -1);
    return {
      asked,
      begin: () => {
        this.#parts.delete(call);
        this.#parts.set(call, line);
        begin();
      },
    };
  }

  /** Until `begin`. Rejects with `QUEUE_FULL` where `sizeMax` or more wait already, `TIMEOUT`, `ABORTED` or `CLOSED`. */
  wait({ keys, partOf }: KeysAsked, turn: Turn, sizeMax: number): Promise<void> {
    if (!this.closed && this.#size >= sizeMax)
      return Promise.reject(this.failure('QUEUE_FULL', `${this.#size} requests wait already`));
    const line = partOf === undefined || this.closed ? this.#whole : this.#lineOf(partOf);
    const before = line.queue.size;
    const waited = line.queue.wait(keys, turn, Infinity);
    if (line.queue.size > before) this.#entered(line, keys, 1);
    return waited;
  }

  /** Who waits hears `CLOSED`. */
  close(): void {
    for (const { queue } of [this.#whole, ...this.#parts.values()]) queue.close();
  }

  failure(...given: Parameters<WaitQueue<number>['failure']>): TidemarkError {
    return this.#whole.queue.failure(...given);
  }

  /** The first large call that still has parts which wait; those that have none are forgotten. */
  #nextLarge(): { readonly call: object; readonly line: Line; readonly part: Waiting<number> } | undefined {
    for (const [call, line] of this.#parts) {
      const part = firstOf(line);
      if (part !== undefined) return { call, line, part };
      this.#parts.delete(call);
    }
    return undefined;
  }

  #counted({ asked, begin }: Waiting<number>, sign: 1 | -1): Waiting<number> {
    return {
      asked,
      begin: () => {
        this.#lead += sign * asked;
        begin();
      },
    };
  }

  #lineOf(call: object): Line {
    const line = this.#parts.get(call) ?? this.#newLine();
    this.#parts.set(call, line);
    return line;
  }

  #newLine(): Line {
    const onLeave = (asked: number): void => this.#entered(line, -asked, -1);
    const line: Line = { queue: new WaitQueue<number>({ ...this.#options, onLeave }), keys: 0 };
    return line;
  }

  #entered(line: Line, keys: number, requests: number): void {
    line.keys += keys;
    this.#keys += keys;
    this.#size += requests;
  }
}

interface Line {
  readonly queue: WaitQueue<number>;
  keys: number;
}

function firstOf({ queue }: Line): Waiting<number> | undefined {
  const { value } = queue[Symbol.iterator]().next() as IteratorResult<Waiting<number>, undefined>;
  return value;
}
