import { setMaxListeners } from 'node:events';
import { type Clock, isTidemarkError, type Logger, messageOf, wait } from '@tidemark/runtime';
import { none } from '../l1/columns.js';
import { type L1 } from '../l1/l1.js';
import { type L2Reader } from '../l2-reader.js';
import { isOverload } from '../overload/overload-error.js';
import { RateBucket } from '../overload/rate-bucket.js';
import { type KeyBatch, type KeySource } from './key-source.js';
import { type StandbyProgress } from './standby.js';
import { type WarmUpPlan, type WarmUpStrategy } from './warm-up-options.js';

/**
 * `off`: there is none. `waiting`: the change feed is not followed yet. `running`. `done`: every key was read, L1 is full, or no region has
 * published a list yet. `stopped`: at its deadline, or since the pod closes. `failed`: the list could not be read, or DynamoDB did not answer.
 */
export type WarmUpState = 'off' | 'waiting' | 'running' | 'done' | 'stopped' | 'failed';

/** How far the warm-up of one cache is. */
export interface WarmUpProgress extends WarmUpRun {
  /** Of each region of `standbyFor`. */
  readonly standby: readonly StandbyProgress[];
}

/** How far one reading of a source's keys is. */
export interface WarmUpRun {
  readonly strategy: WarmUpStrategy;
  readonly state: WarmUpState;
  /** Why it ended as it did; `null`: it has not ended, or has simply read everything. */
  readonly reason: string | null;
  /** Region whose list it reads, and when that was published, ms since the epoch; `null`: none. */
  readonly list: { readonly region: string; readonly at: number } | null;
  /** Keys that there are to read, as far as it is known. */
  readonly keys: number;
  /** Of them, those that L1 had already. */
  readonly held: number;
  /** Keys that L2 was asked for. */
  readonly read: number;
  /** Of them, those that L1 holds since. */
  readonly installed: number;
  /** Of them, those that are in no item any more. */
  readonly absent: number;
  /** Of them, those that could not be read. */
  readonly failed: number;
  /** Since it began to run, until it ended. */
  readonly ms: number;
}

export interface WarmUpOptions {
  readonly cache: string;
  readonly plan: WarmUpPlan;
  readonly source: KeySource;
  /** Of this warm-up alone: its flights are joined by no get, so that no get waits for a place behind it. */
  readonly reader: Pick<L2Reader, 'readMany'>;
  readonly l1: Pick<L1, 'find' | 'valueAt' | 'entries' | 'bytes'>;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Keys that the pod may read in a second at all, as of now; `undefined`: any number. */
  readonly readKeysPerSecond: () => number | undefined;
  /** Whether what is read may be kept. */
  readonly isFollowed: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the log has its end, unless it failed; default `info`. */
  readonly level?: 'info' | 'debug';
  /** Told of each key that L1 holds a value of since. */
  readonly onInstalled?: (key: string) => void;
}

/** Requests of a warm-up that are under way. */
const requestsMax = 16;
/** Keys of one of them: what DynamoDB takes. */
export const requestKeysMax = 100;
/** Requests in a row that bring nothing, until it gives up. */
const fruitlessMax = 10;
const pauseMinMs = 100;
const pauseMaxMs = 2_000;
/** Slower than this it does not become, keys a second: any table has as much. */
const rateMin = 1;
/** Of a second's keys, those of one request at most: what waits for a slow table must not be more than it answers in time. */
const requestShare = 0.25;
/** The rate after a request that all went well with, as a multiple. */
const rateGrowth = 1.1;
/** Share of `maxSize` at which L1 is full: further values would only push out hotter ones. */
const fullShare = 0.95;
const pollMs = 100;

type Counts = { -readonly [Name in 'keys' | 'held' | 'read' | 'installed' | 'absent' | 'failed']: number };

/**
 * Fills L1 with the keys of a source before anybody asks for them. Every value is read and fenced as on a miss, strongly and in this region, so a
 * change that comes meanwhile is never overwritten, and a flush undoes the whole. Requests go behind those of gets: they are best effort, slow
 * down where the table is throttled, and leave off where it does not answer.
 */
export class WarmUp {
  readonly #options: WarmUpOptions;
  readonly #stopped = new AbortController();
  readonly #counts: Counts = { keys: 0, held: 0, read: 0, installed: 0, absent: 0, failed: 0 };
  readonly #bucket: RateBucket;
  #rate: number;
  /** How often it was slowed down. */
  #slowdowns = 0;
  #state: WarmUpState = 'waiting';
  #reason: string | null = null;
  #startedMs: number | undefined;
  #endedMs: number | undefined;
  #fruitless = 0;
  /** Keys that are being read. */
  #underWay = 0;
  #isFull = false;
  #begun = false;
  readonly #whenEnded: Promise<void>;
  #tellEnd: () => void = () => undefined;
  #cancelDeadline: () => void = () => undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
    this.#rate = this.#rateMax;
    // Each request, and each segment of a scan, listens for the end.
    setMaxListeners(0, this.#stopped.signal);
    this.#bucket = new RateBucket(options.clock.monotonicMs(), this.#rate, this.#burst);
    this.#whenEnded = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
  }

  get plan(): WarmUpPlan {
    return this.#options.plan;
  }

  get progress(): WarmUpRun {
    const { plan, source, clock } = this.#options;
    const ms = this.#startedMs === undefined ? 0 : (this.#endedMs ?? clock.monotonicMs()) - this.#startedMs;
    const { list } = source;
    return { strategy: plan.strategy, state: this.#state, reason: this.#reason, list, ...this.#counts, ms };
  }

  /** Begins, once; resolves when it has ended. Never fails. */
  run(): Promise<void> {
    if (!this.#begun) void this.#run();
    this.#begun = true;
    return this.#whenEnded;
  }

  /** Ends it before its time; requests that are under way may still bring something. */
  stop(reason: string): void {
    if (this.#ended) return;
    this.#stopped.abort();
    this.#end('stopped', reason);
  }

  get #ended(): boolean {
    return this.#state !== 'waiting' && this.#state !== 'running';
  }

  async #run(): Promise<void> {
    const { isFollowed, clock, source, plan } = this.#options;
    const { signal } = this.#stopped;
    while (!isFollowed() && !signal.aborted) await wait(clock, pollMs, signal);
    if (signal.aborted) return;
    this.#state = 'running';
    this.#startedMs = clock.monotonicMs();
    this.#setRate(this.#rateMax);
    if (plan.afterDeadline === 'stop')
      this.#cancelDeadline = clock.setTimer(() => this.stop('its deadline has passed'), plan.deadlineMs);
    try {
      const batches = source.batches(signal);
      const step = async (): Promise<boolean> => {
        const { done, value } = await batches.next();
        if (done === true || this.#ended || this.#isFull) return false;
        this.#counts.keys = Math.min(value.keysKnown, plan.maxKeys);
        await this.#fill(value);
        return true;
      };
      const work = async (): Promise<void> => {
        while (await step());
      };
      // The first request tells what an entry takes: the others are not to bring more than L1 has room for.
      if (await step()) await Promise.all(Array.from({ length: requestsMax }, work));
      this.#end('done', this.#isFull ? 'L1 is full' : source.emptiness);
    } catch (error) {
      this.#end('failed', messageOf(error));
    }
  }

  async #fill({ keys }: KeyBatch): Promise<void> {
    const { l1 } = this.#options;
    const unheld = keys.filter((key) => l1.find(key) === none);
    this.#counts.held += keys.length - unheld.length;
    const room = this.#room();
    if (room < unheld.length) this.#isFull = true;
    const missing = unheld.slice(0, room);
    for (let from = 0; from < missing.length && !this.#ended;) {
      const some = missing.slice(from, from + Math.max(1, Math.floor(this.#rate * requestShare)));
      from += some.length;
      await this.#read(some);
    }
  }

  async #read(missing: readonly string[]): Promise<void> {
    const { reader } = this.#options;
    this.#underWay += missing.length;
    await this.#turn(missing.length);
    const slowdowns = this.#slowdowns;
    const results = this.#ended ? [] : await Promise.allSettled(reader.readMany(missing).values());
    this.#underWay -= missing.length;
    if (results.length === 0) return;
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    this.#count(missing, failures.length);
    this.#adapt(failures, slowdowns);
    await this.#heed(failures, missing.length);
  }

  #count(keys: readonly string[], failed: number): void {
    const { l1 } = this.#options;
    this.#counts.read += keys.length;
    this.#counts.failed += failed;
    for (const key of keys) {
      const slot = l1.find(key);
      if (slot === none) continue;
      if (l1.valueAt(slot) === undefined) this.#counts.absent += 1;
      else {
        this.#counts.installed += 1;
        this.#options.onInstalled?.(key);
      }
    }
  }

  /**
   * Less while the table, or the budget of its reads, has too little for it, and again more. Requests that were sent before it was slowed down tell
   * nothing of the rate that it has since.
   */
  #adapt(failures: readonly unknown[], slowdowns: number): void {
    const isSlowdown = failures.some(isOverload);
    if (isSlowdown && slowdowns < this.#slowdowns) return;
    if (isSlowdown) this.#slowdowns += 1;
    const rate = isSlowdown ? Math.max(rateMin, this.#rate / 2) : this.#rate * rateGrowth;
    this.#setRate(Math.min(this.#rateMax, rate));
  }

  /** Throws once nothing comes any more. */
  async #heed(failures: readonly unknown[], asked: number): Promise<void> {
    const { clock } = this.#options;
    const unanswered = failures.filter((failure) => !isOfItem(failure));
    this.#fruitless = unanswered.length < asked ? 0 : this.#fruitless + 1;
    if (this.#fruitless === 0 || this.#ended) return;
    const [failure] = unanswered;
    if (this.#fruitless >= fruitlessMax || !mayPass(failure)) throw failure;
    await wait(clock, Math.min(pauseMaxMs, pauseMinMs * 2 ** this.#fruitless), this.#stopped.signal);
  }

  async #turn(keys: number): Promise<void> {
    const { clock } = this.#options;
    while (!this.#ended && !this.#bucket.take(clock.monotonicMs(), keys))
      await wait(clock, Math.max(1, this.#bucket.msUntil(clock.monotonicMs(), keys)), this.#stopped.signal);
  }

  get #rateMax(): number {
    const { plan, readKeysPerSecond } = this.#options;
    return Math.min(plan.keysPerSecond, readKeysPerSecond() ?? Infinity);
  }

  #setRate(rate: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#bucket.setRate(this.#options.clock.monotonicMs(), rate, this.#burst);
  }

  /** Half a second’s: a pod that starts has other things to do, and what it misses in between is not lost. Requests under way are few, whatever it is. */
  get #burst(): number {
    return Math.max(1, this.#rate / 2);
  }

  /** Keys that L1 still has room for, those that are under way being as large as what is there. */
  #room(): number {
    const { l1, maxEntries, maxBytes } = this.#options;
    const bytesEach = l1.bytes / Math.max(1, l1.entries);
    const byBytes = bytesEach === 0 ? Infinity : Math.floor((maxBytes * fullShare - l1.bytes) / bytesEach);
    return Math.max(0, Math.min(maxEntries - l1.entries, byBytes) - this.#underWay);
  }

  #end(state: WarmUpState, reason: string | null): void {
    if (this.#ended) return;
    this.#state = state;
    this.#reason = reason;
    this.#endedMs = this.#options.clock.monotonicMs();
    this.#cancelDeadline();
    this.#stopped.abort();
    const { cache, logger, level = 'info' } = this.#options;
    const { strategy, list, ms, ...counts } = this.progress;
    const line = { cache, strategy, ...counts, ms: Math.round(ms), ...(list === null ? {} : { from: list.region }) };
    logger[state === 'failed' ? 'warn' : level](line, 'warm-up ended');
    this.#tellEnd();
  }
}

/** An item that somebody has spoilt says nothing of the others. */
function isOfItem(error: unknown): boolean {
  return isTidemarkError(error) && error.code === 'MALFORMED_ITEM';
}

function mayPass(error: unknown): boolean {
  return isTidemarkError(error) && error.retriable;
}
