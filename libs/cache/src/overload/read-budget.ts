import { type Clock } from '@tidemark/runtime';
import { RateBucket } from './rate-bucket.js';
import { FairQueue, type KeysAsked } from './fair-queue.js';
import { type Turn } from './wait-queue.js';

export interface ReadBudgetOptions {
  readonly clock: Clock;
  /** Named in errors. */
  readonly table: string;
  /** Requests that wait for their turn. */
  readonly queueMax: number;
  /** Keys that this pod may ask for in a second before it asks for the first; above 0. */
  readonly keysPerSecondAtFirst: number;
  /** The same as of now. `contended`: half of what was saved up is used. */
  readonly keysPerSecond: (contended: boolean) => number;
}

/** Keys that are to be read. */
export interface BudgetedRead extends KeysAsked {
  /** `best-effort` goes when nobody else waits, and has half of the queue. */
  readonly availability: 'critical' | 'best-effort';
}

/** What a pod saves up while it asks for less, in seconds of its share. Kept short: every pod of a region saves up as much. */
const burstSeconds = 0.25;
/** As many keys as one request of DynamoDB takes. */
const requestKeysMax = 100;
/** Of a read's time, what the wait may take: the rest is for the read itself. */
const waitShare = 0.75;
/** Between two looks at the queue, ms: what comes in less is handed out together, and a share that has grown is noticed. */
const lookMs = { min: 5, max: 50 } as const;

/**
 * Paces the reads of one table in one pod: never more keys in any time `t` than `keysPerSecond × t`, and a quarter of a second's worth on top. A
 * read beyond that waits until its keys' turn comes; one that would wait for longer than three quarters of its time is refused at once, since it would
 * only take the turn of another whose time is not over. Parts of large calls share half of the turns with each other, so that they hold nobody up. Writes never come here, and hits neither.
 */
export class ReadBudget {
  readonly #options: ReadBudgetOptions;
  readonly #bucket: RateBucket;
  readonly #queues: Readonly<Record<BudgetedRead['availability'], FairQueue>>;
  #keysPerSecond: number;
  #cancelLook: (() => void) | undefined;

  constructor(options: ReadBudgetOptions) {
    this.#options = options;
    const { clock, table, queueMax, keysPerSecondAtFirst } = options;
    this.#keysPerSecond = keysPerSecondAtFirst;
    this.#bucket = new RateBucket(clock.monotonicMs(), this.#keysPerSecond, burstOf(this.#keysPerSecond));
    const queue = (): FairQueue => new FairQueue({ clock, table, limits: { queueMax } });
    this.#queues = { critical: queue(), 'best-effort': queue() };
  }

  /** This pod's share, as of the last read. */
  get keysPerSecond(): number {
    return this.#keysPerSecond;
  }

  get queuedKeys(): number {
    return this.#queues.critical.keys + this.#queues['best-effort'].keys;
  }

  /** Keys that one request should have: more would wait for a bucket that is fuller than it can be. */
  get requestKeysMax(): number {
    return Math.min(requestKeysMax, Math.floor(burstOf(this.#keysPerSecond)));
  }

  /** Takes the keys' turn at once, where it has come and nobody waits in front. */
  tryTake({ keys, availability }: BudgetedRead): boolean {
    this.#follow();
    const { critical, 'best-effort': bestEffort } = this.#queues;
    if (critical.closed || critical.size > 0 || (availability === 'best-effort' && bestEffort.size > 0)) return false;
    return this.#bucket.take(this.#options.clock.monotonicMs(), keys);
  }

  /** Waits for the keys' turn. Rejects with `OVERLOADED`, `QUEUE_FULL`, `TIMEOUT`, `ABORTED` or `CLOSED`: nothing was sent then. */
  async wait(read: BudgetedRead, turn: Turn): Promise<void> {
    const { availability } = read;
    const queue = this.#queues[availability];
    const keysBefore = availability === 'critical' ? 0 : this.#queues.critical.keys;
    const waitMs = this.#bucket.msUntilAll(this.#options.clock.monotonicMs(), keysBefore + queue.keysUntil(read));
    if (!queue.closed && waitMs > turn.timeoutMs * waitShare) {
      const rate = `${Number(this.#keysPerSecond.toPrecision(3))} keys a second`;
      throw queue.failure('OVERLOADED', `this pod's share of overload.readsPerSecond, ${rate}, comes too late for it`);
    }
    const waited = queue.wait(read, turn, this.#options.queueMax * (availability === 'critical' ? 1 : 0.5));
    this.#look();
    try {
      await waited;
    } catch (error) {
      // Whoever comes next may need less.
      this.#look();
      throw error;
    }
  }

  /** Who waits hears `CLOSED`. */
  close(): void {
    this.#queues.critical.close();
    this.#queues['best-effort'].close();
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  /** Lets those go whose turn has come, and looks again when that of the next has. */
  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    this.#follow();
    const nowMs = this.#options.clock.monotonicMs();
    for (const availability of ['critical', 'best-effort'] as const) {
      const queue = this.#queues[availability];
      for (let next = queue.next(); next !== undefined; next = queue.next()) {
        if (!this.#bucket.take(nowMs, next.asked)) return this.#lookIn(this.#bucket.msUntil(nowMs, next.asked));
        next.begin();
      }
    }
  }

  #lookIn(ms: number): void {
    const delayMs = Math.min(lookMs.max, Math.max(lookMs.min, Math.ceil(ms)));
    this.#cancelLook = this.#options.clock.setTimer(() => this.#look(), delayMs);
  }

  /** The share changes with the pods that live. */
  #follow(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const contended = this.#bucket.tokens(nowMs) < burstOf(this.#keysPerSecond) / 2;
    const keysPerSecond = this.#options.keysPerSecond(contended);
    if (keysPerSecond === this.#keysPerSecond) return;
    this.#keysPerSecond = keysPerSecond;
    this.#bucket.setRate(nowMs, keysPerSecond, burstOf(keysPerSecond));
    // The turn of whoever waits comes at another time now.
    if (this.#cancelLook !== undefined) this.#look();
  }
}

function burstOf(keysPerSecond: number): number {
  return Math.max(1, keysPerSecond * burstSeconds);
}
