import { type ItemImage, itemKeyOf } from '@tidemark/protocol';
import { type Clock, isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { type Store } from './backend.js';
import { type CacheStats } from './cache-stats.js';
import { type Coherence, type Installable } from './coherence.js';
import { EventualReader } from './eventual-reader.js';
import { type Fence } from './fences.js';
import { type Holder } from './holder.js';
import { TickReads } from './tick-reads.js';
import { type ValueCodec } from './value-codec.js';

export interface L2ReaderOptions {
  readonly store: Store;
  readonly table: string;
  readonly bucket: string;
  readonly codec: ValueCodec;
  readonly holder: Holder;
  readonly coherence: Coherence;
  readonly clock: Clock;
  readonly stats: CacheStats;
  /** Time one read of L2 may take, ms. */
  readonly timeoutMs: number;
  /** See `TickReadsOptions`. */
  readonly defer?: (work: () => void) => void;
  /** Reads in flight; a further one fails with `QUEUE_FULL`. Default 10,000. */
  readonly inFlightMax?: number;
}

/** One read of L2 that any number of callers wait for, and the fence that says whether L1 may keep its answer. */
interface Flight {
  readonly fence: Fence;
  /** When it began, ms since the epoch. */
  readonly readAt: number;
  readonly value: Promise<unknown>;
}

/**
 * The miss path. Single misses of one tick are read together. Concurrent reads of one key share one flight, as long as nothing has happened to the key since the flight began:
 * a flight that became dirty serves those who already wait for it, and nobody else.
 */
export class L2Reader {
  readonly #options: L2ReaderOptions;
  readonly #reads: TickReads;
  readonly #eventual: EventualReader;
  readonly #flights = new Map<string, Flight>();
  #inFlight = 0;

  constructor(options: L2ReaderOptions) {
    this.#options = options;
    this.#reads = new TickReads(options);
    this.#eventual = new EventualReader(options);
  }

  /** As the replica had it once; L1 gets nothing of it. What a strong read of the key is about to bring is waited for instead. */
  async readEventually(key: string): Promise<unknown> {
    const current = this.#joinable(key, 0);
    if (current !== undefined) return current.value;
    this.#admit(1);
    try {
      return this.#decoded(await this.#eventual.read(key), 0).value;
    } catch (error) {
      throw asReadFailure(error);
    }
  }

  /** The value in L2, `undefined` when there is none, by a read that began at `notBefore` (ms since the epoch) or later; `Infinity`: now. */
  read(key: string, notBefore = 0): Promise<unknown> {
    const current = this.#joinable(key, notBefore);
    if (current !== undefined) return current.value;
    this.#admit(1);
    return this.#fly(key, () => this.#reads.read(itemKeyOf(this.#options.bucket, key))).value;
  }

  /** One promise a key; keys that nobody reads yet travel together in as few requests as the store can make of them. */
  readMany(keys: readonly string[], notBefore = 0): Map<string, Promise<unknown>> {
    const { store, table, bucket, timeoutMs } = this.#options;
    const results = new Map<string, Promise<unknown>>();
    const fresh: string[] = [];
    for (const key of keys) {
      const current = this.#joinable(key, notBefore);
      if (current === undefined) fresh.push(key);
      else results.set(key, current.value);
    }
    if (fresh.length === 0) return results;
    this.#admit(fresh.length);
    // The request is made within the first flight's `begin`, so that every fence is open before anything is read.
    let request: ReturnType<Store['readMany']> | undefined;
    const itemKeys = fresh.map((key) => itemKeyOf(bucket, key));
    const openedAt = Promise.resolve();
    for (const [index, key] of fresh.entries()) {
      const itemKey = itemKeys[index] ?? '';
      const begin = async (): Promise<ItemImage | undefined> => {
        await openedAt;
        request ??= store.readMany(table, itemKeys, { timeoutMs });
        const { items, unread } = await request;
        const failure = unread.get(itemKey);
        if (failure !== undefined) throw failure;
        return items.get(itemKey);
      };
      results.set(key, this.#fly(key, begin).value);
    }
    return results;
  }

  get inFlight(): number {
    return this.#inFlight + this.#eventual.inFlight;
  }

  #joinable(key: string, notBefore: number): Flight | undefined {
    const current = this.#flights.get(key);
    if (current === undefined || current.readAt < notBefore) return undefined;
    return this.#options.coherence.joinable(current.fence) ? current : undefined;
  }

  #admit(reads: number): void {
    const { inFlightMax = 10_000 } = this.#options;
    if (this.inFlight + reads <= inFlightMax) return;
    throw new TidemarkError('QUEUE_FULL', `${this.inFlight} reads of L2 are in flight already`, {
      retriable: true,
      context: { inFlightMax },
    });
  }

  #fly(key: string, begin: () => Promise<ItemImage | undefined>): Flight {
    const { coherence, clock } = this.#options;
    const fence = coherence.beginFill(key);
    const readAt = clock.now();
    this.#inFlight += 1;
    const flight: Flight = {
      fence,
      readAt,
      value: begin().then(
        (item) => this.#land(flight, readAt, item),
        (error: unknown) => this.#crash(flight, error),
      ),
    };
    this.#flights.set(key, flight);
    return flight;
  }

  #land(flight: Flight, readAt: number, item: ItemImage | undefined): unknown {
    const { coherence, stats } = this.#options;
    let read: { readonly value: unknown; readonly image: Installable };
    try {
      read = this.#decoded(item, readAt);
    } catch (error) {
      return this.#crash(flight, error);
    }
    this.#forget(flight);
    stats.fills += 1;
    coherence.completeFill(flight.fence, read.image);
    return read.value;
  }

  #crash(flight: Flight, error: unknown): never {
    this.#forget(flight);
    this.#options.stats.fillErrors += 1;
    this.#options.coherence.abandonFill(flight.fence);
    throw asReadFailure(error);
  }

  #forget(flight: Flight): void {
    this.#inFlight -= 1;
    if (this.#flights.get(flight.fence.key) === flight) this.#flights.delete(flight.fence.key);
  }

  #decoded(item: ItemImage | undefined, readAt: number): { readonly value: unknown; readonly image: Installable } {
    const { clock, codec, holder } = this.#options;
    const absent = { value: undefined, image: { value: undefined, writeId: null, expiresAt: 0, readAt, bytes: 0 } };
    if (item === undefined || item.value === null) return absent;
    const expiresAt = item.expiresAt ?? 0;
    if (expiresAt !== 0 && expiresAt * 1_000 <= clock.now()) return absent;
    const value = codec.decode(item.value, item.codec);
    return {
      value,
      image: { ...holder.ofValue(value, item.value, item.codec), writeId: item.writeId, expiresAt, readAt },
    };
  }
}

function asReadFailure(error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error;
  return new TidemarkError('STORE_UNAVAILABLE', `reading L2 failed: ${messageOf(error)}`, {
    retriable: true,
    cause: error,
  });
}
