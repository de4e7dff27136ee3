import { type ItemImage, itemKeyOf } from '@tidemark/protocol';
import { type Clock, isTidemarkError, TidemarkError, wait } from '@tidemark/runtime';
import { type HeldLease, type Store } from './backend.js';
import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type Fence } from './fences.js';
import { type Holder } from './holder.js';
import { type L2Writer, type WriteResult } from './l2-writer.js';
import { afterClaim, afterRead, type LeaseStep } from './lease-steps.js';
import { type LoadFlights, untilAborted } from './load-flights.js';
import { type EncodedValue, type ValueCodec } from './value-codec.js';

/** Brings a value from its origin; `undefined`: there is none. `signal` is aborted when nobody can use the result any more. */
export type Load<V> = (
  key: string,
  context: { readonly signal: AbortSignal },
) => V | undefined | Promise<V | undefined>;

export interface LeaseLoaderOptions {
  readonly store: Store;
  readonly writer: L2Writer;
  readonly coherence: Coherence;
  readonly codec: ValueCodec;
  readonly holder: Holder;
  readonly cache: string;
  readonly table: string;
  readonly clock: Clock;
  readonly stats: CacheStats;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly newLeaseId: () => string;
  /** Time a call to L2 may take, ms. */
  readonly callTimeoutMs: number;
  /** Time a whole load may take, waiting for another pod's included, and how long its lease holds, ms. */
  readonly loadTimeoutMs: number;
  /** How long an item that holds only a lease stays, ms. */
  readonly tombstoneMs: number;
  /** Told of a value that was installed. */
  readonly onInstalled: (result: Extract<WriteResult, { type: 'committed' }>) => void;
  readonly flights: LoadFlights;
}

/** Between two looks at another pod's lease, ms: the first, and the longest. */
const lookMs = { first: 25, max: 250 };
/** Loads of one call whose lease was lost to a delete or a take-over before it gives up. */
const loadsPerCallMax = 3;

/**
 * Loads a value into L2 under a lease, so that a slow load never overwrites a newer write, and the pods of a region make one load of many.
 *
 * "Load, then put" would be a durable stale set: the loader reads version 1 at the origin, another pod puts version 2, and the loader's
 * later write wins in every region. So an item without a live value is first claimed by a lease; the result is installed only while
 * that lease stands and no value does; any put or delete, a foreign one too, clears the lease or leaves a value; who loses, reads again.
 */
export class LeaseLoader {
  readonly #options: LeaseLoaderOptions;

  constructor(options: LeaseLoaderOptions) {
    this.#options = options;
  }

  /** Callers of one key share a load as long as nothing has happened to the key since it began. `expiresAt`: seconds since the epoch. */
  load<V>(key: string, load: Load<V>, expiresAt: () => number | null): Promise<V | undefined> {
    return this.#options.flights.load(key, (fence, signal) => this.#run(fence, load, expiresAt, signal));
  }

  async #run<V>(fence: Fence, load: Load<V>, expiresAt: () => number | null, signal: AbortSignal): Promise<unknown> {
    const { key } = fence;
    let leaseId = '';
    let step: LeaseStep = { type: 'claim' };
    let readAt = 0;
    for (let loads = 0, looks = 0; ;) {
      if (signal.aborted && step.type !== 'load') throw this.#contended(key, 'the time was up');
      if (step.type === 'serve') return this.#serve(fence, step.image, readAt);
      readAt = this.#options.clock.now();
      switch (step.type) {
        case 'claim':
          leaseId = this.#options.newLeaseId();
          step = await this.#claim(key, leaseId, signal);
          break;
        case 'wait':
          await this.#pause(step.until, looks, signal);
          looks += 1;
          step = afterRead(await this.#read(key, signal), undefined, this.#options.clock.now());
          break;
        case 'load': {
          const lease = { leaseId, writeId: step.base };
          loads += 1;
          if (loads > loadsPerCallMax || signal.aborted) {
            await this.#release(key, lease);
            throw this.#contended(key, signal.aborted ? 'the time was up' : `its lease was lost ${loads - 1} times`);
          }
          const ended = await this.#loadAndInstall(key, load, lease, expiresAt, signal);
          if (ended.type === 'done') return ended.value;
          step = afterRead(await this.#read(key, signal), undefined, this.#options.clock.now());
          break;
        }
      }
    }
  }

  /** As any read of L2 ends: what pods that wait for one load get is kept, and an entry that differs from what is handed out is not. */
  #serve(fence: Fence, image: Extract<LeaseStep, { type: 'serve' }>['image'], readAt: number): unknown {
    const value = this.#options.codec.decode(image.value, image.codec);
    const { writeId, expiresAt } = image;
    const held = this.#options.holder.ofValue(value, image.value, image.codec);
    this.#options.coherence.completeFill(fence, { ...held, writeId, expiresAt: expiresAt ?? 0, readAt });
    return value;
  }

  /**
   * After a claim of unknown outcome only a strong read that shows the lease allows the load. The call is not cut short when the time is
   * up: a lease that nobody knows of would hold every caller up until its end.
   */
  async #claim(key: string, leaseId: string, signal: AbortSignal): Promise<LeaseStep> {
    const { store, table, cache, clock, loadTimeoutMs, tombstoneMs } = this.#options;
    const nowMs = clock.now();
    const claim = {
      leaseId,
      nowMs,
      leaseUntil: Math.ceil(nowMs + loadTimeoutMs),
      expiresAt: Math.ceil((nowMs + Math.max(tombstoneMs, loadTimeoutMs)) / 1_000),
    };
    try {
      const call = { timeoutMs: this.#options.callTimeoutMs };
      const outcome = await store.acquireLease(table, itemKeyOf(cache, key), claim, call);
      return afterClaim(outcome, clock.now());
    } catch (error) {
      if (!isTidemarkError(error, 'AMBIGUOUS_WRITE')) throw error;
      return afterRead(await this.#read(key, signal), leaseId, clock.now());
    }
  }

  async #loadAndInstall<V>(
    key: string,
    load: Load<V>,
    lease: HeldLease,
    expiresAt: () => number | null,
    signal: AbortSignal,
  ): Promise<{ readonly type: 'done'; readonly value: unknown } | { readonly type: 'lost' }> {
    let encoded: EncodedValue | undefined;
    try {
      this.#options.stats.loads += 1;
      const loaded = await untilAborted(signal, () => load(key, { signal }));
      encoded = loaded === undefined ? undefined : this.#options.codec.encode(loaded);
    } catch (error) {
      this.#options.stats.loadErrors += 1;
      await this.#release(key, lease);
      throw error;
    }
    if (encoded === undefined) {
      await this.#release(key, lease);
      return { type: 'done', value: undefined };
    }
    const result = await this.#installOrRelease(key, encoded, lease, expiresAt(), signal);
    if (result.type !== 'committed') return { type: 'lost' };
    this.#options.onInstalled(result);
    return { type: 'done', value: encoded.value };
  }

  /** Nobody waits for the end of a lease under which nothing will be installed any more. */
  async #installOrRelease(
    key: string,
    encoded: EncodedValue,
    lease: HeldLease,
    expiresAt: number | null,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    try {
      if (signal.aborted) throw this.#contended(key, 'the time was up');
      return await this.#install(key, encoded, lease, expiresAt, signal);
    } catch (error) {
      await this.#release(key, lease);
      throw error;
    }
  }

  /** Of unknown outcome it may be sent once more: had the first been made, the lease would be gone and the second refused. */
  async #install(
    key: string,
    encoded: EncodedValue,
    { leaseId, writeId: base }: HeldLease,
    expiresAt: number | null,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const { writer } = this.#options;
    const intent = { type: 'leased', leaseId, base } as const;
    try {
      return await writer.put('load', key, encoded, expiresAt, intent, this.#call(signal));
    } catch (error) {
      if (!isTidemarkError(error, 'AMBIGUOUS_WRITE')) throw error;
      return writer.put('load', key, encoded, expiresAt, intent, this.#call(signal));
    }
  }

  /** A lease that cannot be given up ends by itself. */
  async #release(key: string, lease: HeldLease): Promise<void> {
    const { store, table, cache, callTimeoutMs } = this.#options;
    await store.releaseLease(table, itemKeyOf(cache, key), lease, { timeoutMs: callTimeoutMs }).catch(() => undefined);
  }

  #read(key: string, signal: AbortSignal): Promise<ItemImage | undefined> {
    const { store, table, cache } = this.#options;
    return store.read(table, itemKeyOf(cache, key), this.#call(signal));
  }

  /** Waits before the next look: longer each time, with jitter, and never much past the lease's end. */
  #pause(until: number, looks: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const stepMs = Math.min(lookMs.max, lookMs.first * 2 ** Math.min(looks, 8)) * (0.5 + random());
    return wait(clock, Math.max(1, Math.min(stepMs, until - clock.now())), signal);
  }

  #call(signal: AbortSignal): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: this.#options.callTimeoutMs, signal };
  }

  #contended(key: string, why: string): TidemarkError {
    const { cache } = this.#options;
    return new TidemarkError('WRITE_CONTENDED', `load in cache ${cache} gave up: ${why}`, {
      retriable: true,
      context: { cache, keyChars: key.length },
    });
  }
}
