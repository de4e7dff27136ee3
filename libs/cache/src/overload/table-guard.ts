import { type Clock, type MetricRegistry } from '@tidemark/runtime';
import { type StoreCall } from '../backend.js';
import { Breaker } from './breaker.js';
import { Bulkhead } from './bulkhead.js';
import { hedged } from './hedge.js';
import { LatencyWindow } from './latency-window.js';
import { outcomeOf, shedError } from './overload-error.js';
import { type BudgetedRead, type ReadBudget } from './read-budget.js';
import { readTimeoutMs, samplesMin, timeoutQuantile } from './read-timeout.js';
import { newTableLoad, exportTableLoad, type TableLoad } from './table-load.js';
import { TokenBucket } from './token-bucket.js';

/** `critical`: refused last. `best-effort`: the first that is shed, and at most half of the table's places. */
export type Availability = 'critical' | 'best-effort';

/** What one cache asks of its table's guard. */
export interface GuardProfile {
  readonly availability: Availability;
  /** When a second read begins, ms; `observed`: after the 95th percentile; `undefined`: never. */
  readonly hedgeAfterMs: number | 'observed' | undefined;
}

export interface TableGuardOptions {
  readonly table: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly metrics: MetricRegistry;
  /** Requests under way; default 64. */
  readonly inFlightMax?: number | undefined;
  /** Requests that wait for their turn; default 5,000. */
  readonly queueMax?: number | undefined;
  /** Paces its reads; default: nothing does. Closed with the guard. */
  readonly budget?: ReadBudget | undefined;
}

/** One request as the guard sees it. */
export interface GuardedRequest<T> {
  readonly operation: string;
  readonly profile: GuardProfile;
  readonly call: StoreCall;
  readonly send: (call: StoreCall) => Promise<T>;
}

export interface GuardedRead<T> extends GuardedRequest<T> {
  /** How many it reads. */
  readonly keys: number;
  /** Answers of a batch take longer than those of one item: each has a window of its own. `bulk`: several requests; neither timed nor hedged. */
  readonly size: 'one' | 'batch' | 'bulk';
  /** See `KeysAsked`. */
  readonly partOf?: object | undefined;
  /** Whether an answer says, as a failure would, that L2 has too much to do. */
  readonly isOverloaded?: (answer: T) => boolean;
}

/** Requests that wait for their turn. */
export const queueMaxDefault = 5_000;

/** Times what the store is asked beyond what it answers, before the breaker sheds. */
const headrooms = { critical: 2, 'best-effort': 1.2 } as const;
/** Share of the table's places. */
const shares = { critical: 1, 'best-effort': 0.5 } as const;
/** At most one read in twenty is hedged, and a few more at first. */
const hedgeShare = 0.05;
const hedgesAtOnceMax = 10;
const hedgeQuantile = 0.95;

/**
 * What stands between the caches of one table and its store. In this order: the breaker, the budget of reads, the read's time-out, a place in
 * the table's bulkhead, a hedge. All that refuses does so before anything is sent, with an error that says so.
 */
export class TableGuard {
  readonly #options: TableGuardOptions;
  readonly #bulkhead: Bulkhead;
  /** Apart, since a table may throttle writes alone. */
  readonly #breakers: { readonly reads: Breaker; readonly writes: Breaker };
  readonly #latencies = { one: new LatencyWindow(), batch: new LatencyWindow() };
  readonly #hedges = new TokenBucket(hedgeShare, hedgesAtOnceMax);
  readonly #load: TableLoad;
  readonly #endMetrics: () => void;

  constructor(options: TableGuardOptions) {
    const { table, clock, random, metrics, inFlightMax = 64, queueMax = queueMaxDefault } = options;
    this.#options = options;
    this.#bulkhead = new Bulkhead({ clock, table, inFlightMax, queueMax });
    this.#breakers = { reads: new Breaker({ random }), writes: new Breaker({ random }) };
    this.#load = newTableLoad();
    this.#endMetrics = exportTableLoad(metrics, table, () => this.load());
  }

  /** Keys that one read should have; `undefined`: any number. */
  get readKeysMax(): number | undefined {
    return this.#options.budget?.requestKeysMax;
  }

  /** The pod's share of its budget; `undefined`: there is none. */
  get readKeysPerSecond(): number | undefined {
    return this.#options.budget?.keysPerSecond;
  }

  async read<T>(read: GuardedRead<T>): Promise<T> {
    const { clock, budget } = this.#options;
    const { profile, call, keys, partOf } = read;
    const startedMs = clock.monotonicMs();
    this.#admit('reads', read);
    const asked = { keys, partOf, availability: profile.availability };
    if (budget !== undefined && !budget.tryTake(asked)) await this.#untilItsTurn(budget, asked, call);
    this.#load.readKeys += keys;
    return this.#read({ ...read, call: { ...call, timeoutMs: call.timeoutMs - (clock.monotonicMs() - startedMs) } });
  }

  async write<T>(write: GuardedRequest<T>): Promise<T> {
    this.#admit('writes', write);
    return this.#placed('writes', write);
  }

  load(): TableLoad {
    const nowMs = this.#options.clock.monotonicMs();
    const { reads, writes } = this.#breakers;
    return {
      ...this.#load,
      inFlight: this.#bulkhead.inFlight,
      queued: this.#bulkhead.queued,
      shedShareReads: reads.shedShare(nowMs, headrooms.critical),
      shedShareWrites: writes.shedShare(nowMs, headrooms.critical),
      readP99Ms: this.#latencies.one.quantile(nowMs, timeoutQuantile) ?? 0,
      budgetKeysPerSecond: this.#options.budget?.keysPerSecond ?? 0,
      budgetQueuedKeys: this.#options.budget?.queuedKeys ?? 0,
    };
  }

  /** Requests that wait hear `CLOSED`. Idempotent. */
  close(): void {
    this.#options.budget?.close();
    this.#bulkhead.close();
    this.#endMetrics();
  }

  /** Throws what is shed. */
  #admit(kind: 'reads' | 'writes', { operation, profile }: GuardedRequest<unknown>): void {
    const { clock, table } = this.#options;
    if (this.#breakers[kind].admits(clock.monotonicMs(), headrooms[profile.availability])) return;
    this.#load.shed += 1;
    throw shedError(table, operation);
  }

  async #untilItsTurn(budget: ReadBudget, asked: BudgetedRead, call: StoreCall): Promise<void> {
    try {
      await budget.wait(asked, call);
    } catch (error) {
      this.#load.budgetRefusedKeys += asked.keys;
      throw error;
    }
  }

  #read<T>(read: GuardedRead<T>): Promise<T> {
    const { size, profile, call, isOverloaded } = read;
    if (size === 'bulk') return this.#placed('reads', read, isOverloaded);
    const observedMs = this.#latencies[size].quantile(this.#options.clock.monotonicMs(), timeoutQuantile, samplesMin);
    const bounded = { ...call, timeoutMs: readTimeoutMs(observedMs, call.timeoutMs) };
    const afterMs = this.#hedgeAfterMs(profile, size);
    this.#hedges.earn();
    const timed = (attemptCall: StoreCall): Promise<T> => this.#timed(size, attemptCall, read.send);
    const send = (sentCall: StoreCall): Promise<T> =>
      afterMs === undefined ? timed(sentCall) : this.#hedged(afterMs, read, sentCall, timed);
    return this.#placed('reads', { ...read, call: bounded, send }, isOverloaded);
  }

  async #placed<T>(
    kind: 'reads' | 'writes',
    request: GuardedRequest<T>,
    isOverloaded?: (answer: T) => boolean,
  ): Promise<T> {
    const { clock } = this.#options;
    const { profile, call, send } = request;
    const breaker = this.#breakers[kind];
    const startedMs = clock.monotonicMs();
    const share = shares[profile.availability];
    if (!this.#bulkhead.tryEnter(share)) await this.#wait(call, share);
    const sentCall = { ...call, timeoutMs: call.timeoutMs - (clock.monotonicMs() - startedMs) };
    try {
      const answer = await this.#observed(breaker, sentCall, send);
      breaker.settled(clock.monotonicMs(), isOverloaded?.(answer) === true ? 'overloaded' : 'accepted');
      return answer;
    } finally {
      this.#bulkhead.leave();
    }
  }

  async #observed<T>(breaker: Breaker, call: StoreCall, send: (call: StoreCall) => Promise<T>): Promise<T> {
    try {
      return await send(call);
    } catch (error) {
      breaker.settled(this.#options.clock.monotonicMs(), outcomeOf(error, call));
      throw error;
    }
  }

  async #wait(call: StoreCall, share: number): Promise<void> {
    try {
      await this.#bulkhead.enter({ ...call, share });
    } catch (error) {
      this.#load.refused += 1;
      throw error;
    }
  }

  /** A read that was given up counts with the time that it was given: it may have taken any longer. */
  async #timed<T>(size: 'one' | 'batch', call: StoreCall, send: (call: StoreCall) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const record = (): void => this.#latencies[size].record(clock.monotonicMs(), clock.monotonicMs() - startedMs);
    try {
      const answer = await send(call);
      record();
      return answer;
    } catch (error) {
      if (call.signal?.aborted === true || outcomeOf(error, call) === 'overloaded') record();
      throw error;
    }
  }

  #hedged<T>(
    afterMs: number,
    { keys, profile: { availability } }: GuardedRead<T>,
    call: StoreCall,
    timed: (call: StoreCall) => Promise<T>,
  ): Promise<T> {
    const { clock, budget } = this.#options;
    const share = shares[availability];
    // A table that is short of places, or of its budget, gets no second reads.
    const mayHedge = (): boolean => {
      if (this.#breakers.reads.shedShare(clock.monotonicMs(), headrooms['best-effort']) > 0) return false;
      if (!this.#bulkhead.tryEnter(share)) return false;
      if (this.#hedges.take() && (budget === undefined || budget.tryTake({ keys, availability: 'best-effort' }))) {
        this.#load.readKeys += keys;
        return true;
      }
      this.#bulkhead.leave();
      return false;
    };
    const onEnd = (winner: 'first' | 'second'): void => {
      this.#load[winner === 'second' ? 'hedgesWon' : 'hedgesLost'] += 1;
    };
    return hedged({ clock, afterMs, mayHedge, onEnd }, call, (attemptCall, which) =>
      which === 'first' ? timed(attemptCall) : timed(attemptCall).finally(() => this.#bulkhead.leave()),
    );
  }

  #hedgeAfterMs({ hedgeAfterMs }: GuardProfile, size: 'one' | 'batch'): number | undefined {
    if (hedgeAfterMs !== 'observed') return hedgeAfterMs;
    return this.#latencies[size].quantile(this.#options.clock.monotonicMs(), hedgeQuantile, samplesMin);
  }
}
