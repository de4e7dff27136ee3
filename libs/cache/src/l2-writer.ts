import { imageBytes, imageBytesMax, type ItemImage, itemKeyOf, type WriteClock } from '@tidemark/protocol';
import { type Clock, isTidemarkError, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Store, type WriteOutcome } from './backend.js';
import { AmbiguousWriteError } from './cache-errors.js';
import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type Fence } from './fences.js';
import { type Holder } from './holder.js';
import { KeyQueue } from './key-queue.js';
import { type Transition } from './transition.js';
import { type EncodedValue } from './value-codec.js';
import { afterRefusal, type Attempt, firstAttempt, type WriteIntent } from './write-plan.js';

/** What became of a write. */
export type WriteResult =
  | { readonly type: 'committed'; readonly transition: Transition; readonly writeId: string }
  /** `superseded`: newer writes overtook it twice, and stand. */
  | { readonly type: 'refused'; readonly reason: 'superseded' | 'exists' | 'version-mismatch' | 'lease-lost' };

export type WriteOperation = 'put' | 'putIfAbsent' | 'delete' | 'load';

export interface L2WriterOptions {
  readonly store: Store;
  readonly cache: string;
  readonly table: string;
  readonly bucket: string;
  readonly region: string;
  readonly holder: Holder;
  readonly coherence: Coherence;
  readonly writeClock: WriteClock;
  readonly clock: Clock;
  readonly stats: CacheStats;
  /** Told of every write of unknown outcome. */
  readonly onAmbiguous: (key: string, operation: WriteOperation, writeId: string) => void;
  /** How long a tombstone stays, ms. */
  readonly tombstoneMs: number;
}

export interface WriteCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A write with everything but its attempts. */
interface Write {
  readonly operation: WriteOperation;
  readonly key: string;
  readonly intent: WriteIntent;
  readonly call: WriteCall;
  /** The item as this attempt writes it; `undefined`: it is removed. */
  readonly image: (writeId: string) => ItemImage | undefined;
  readonly complete: (fence: Fence, writeId: string, readAt: number) => void;
}

/** Attempts of one write. Each but the last is refused by a newer write id, so many in a row mean a key under a storm of writes. */
const attemptsMax = 8;

/**
 * The write path: DynamoDB first, then L1. Each attempt carries a write id of its own, and goes out once; a definite refusal is retried
 * past the winner's id, an attempt of unknown outcome never. Writes of one key in this pod follow one another.
 */
export class L2Writer {
  readonly #options: L2WriterOptions;
  readonly #queue = new KeyQueue();

  constructor(options: L2WriterOptions) {
    this.#options = options;
  }

  /** Throws `VALUE_TOO_LARGE`, `AmbiguousWriteError`, or why nothing was written. `expiresAt`: seconds since the epoch. */
  async put(
    operation: 'put' | 'putIfAbsent' | 'load',
    key: string,
    encoded: EncodedValue,
    expiresAt: number | null,
    intent: WriteIntent,
    call: WriteCall,
  ): Promise<WriteResult> {
    const { bucket, region, stats, coherence, holder } = this.#options;
    const base = emptyImage(itemKeyOf(bucket, key), region);
    const { payload, codec, value } = encoded;
    const loaded = operation === 'load';
    const image = (writeId: string): ItemImage => ({
      ...base,
      ...{ value: payload, codec, expiresAt, loaded, writeId },
    });
    const bytes = imageBytes(image('0'.repeat(32)));
    if (bytes > imageBytesMax) throw this.#tooLarge(bytes);
    stats.puts += 1;
    const installed = { ...holder.ofValue(value, payload, codec), expiresAt: expiresAt ?? 0 };
    const complete: Write['complete'] = (fence, writeId, readAt) =>
      coherence.completePut(fence, { ...installed, writeId, readAt });
    return this.#enqueue({ operation, key, intent, call, image, complete });
  }

  /**
   * Always sent, also when nothing seems to be there: what this pod knows may be behind, and a delete clears leases. `mode`: `remove`
   * leaves nothing; `tombstone` an item without a value, so that a write that is late in the network cannot bring the old value back.
   */
  delete(key: string, mode: 'remove' | 'tombstone', call: WriteCall): Promise<WriteResult> {
    const { bucket, region, stats, coherence, clock, tombstoneMs } = this.#options;
    stats.deletes += 1;
    const base = emptyImage(itemKeyOf(bucket, key), region);
    const expiresAt = Math.ceil((clock.now() + tombstoneMs) / 1_000);
    const image: Write['image'] = (writeId) =>
      mode === 'remove' ? undefined : { ...base, expiresAt, tombstone: true, writeId };
    const complete: Write['complete'] = (fence, _writeId, readAt) => coherence.completeDelete(fence, readAt);
    return this.#enqueue({ operation: 'delete', key, intent: { type: 'replace' }, call, image, complete });
  }

  /** Resolves when the writes in hand have ended. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #enqueue(write: Write): Promise<WriteResult> {
    const { key, call } = write;
    const deadlineMs = this.#options.clock.monotonicMs() + call.timeoutMs;
    const run = (): Promise<WriteResult> => this.#write(write, deadlineMs);
    return this.#queue.isBusy(key) ? this.#waitInLine(write, run) : this.#queue.run(key, run);
  }

  /** A write whose time passes, or that is aborted, while it waits for its turn ends then, and is not sent. */
  async #waitInLine({ operation, key, call }: Write, run: () => Promise<WriteResult>): Promise<WriteResult> {
    const { clock, cache } = this.#options;
    const what = `${operation} in cache ${cache}, waiting for earlier writes of the key and not sent,`;
    let left = false;
    let begun: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const written = this.#queue.run(key, async () => {
      begun();
      if (left) throw this.#late(operation);
      return run();
    });
    try {
      await withDeadline({ clock, timeoutMs: call.timeoutMs, what, signal: call.signal }, () =>
        Promise.race([turn, written]),
      );
    } catch (error) {
      left = true;
      written.catch(() => undefined);
      throw error;
    }
    return written;
  }

  async #write(write: Write, deadlineMs: number): Promise<WriteResult> {
    const { coherence, writeClock, clock, stats, table, region } = this.#options;
    const { operation, key, intent } = write;
    let attempt = firstAttempt(intent, writeClock, clock.now());
    let winners = 0;
    for (let sent = 1; sent <= attemptsMax; sent += 1) {
      const timeoutMs = deadlineMs - clock.monotonicMs();
      if (timeoutMs <= 0) throw this.#late(operation);
      const image = write.image(attempt.writeId);
      const fence = coherence.beginWrite(key, image === undefined ? undefined : attempt.writeId);
      const startedAt = clock.now();
      const outcome = await this.#attempt(write, fence, attempt, image, timeoutMs);
      if (outcome.type === 'committed') {
        writeClock.merge(outcome.old?.writeId ?? '');
        write.complete(fence, attempt.writeId, startedAt);
        const itemKey = itemKeyOf(this.#options.bucket, key);
        const transition = { table, region, itemKey, old: outcome.old, new: image };
        return { type: 'committed', writeId: attempt.writeId, transition };
      }
      coherence.failWrite(fence);
      const refusal = afterRefusal(intent, outcome.old, writeClock, clock.now());
      if (refusal.type === 'ended') return { type: 'refused', reason: refusal.reason };
      if (refusal.final) winners += 1;
      if (winners >= 2) {
        stats.superseded += 1;
        return { type: 'refused', reason: 'superseded' };
      }
      ({ attempt } = refusal);
    }
    throw new TidemarkError('WRITE_CONTENDED', `${operation} was refused ${attemptsMax} times by newer writes`, {
      retriable: true,
      context: { cache: this.#options.cache },
    });
  }

  async #attempt(
    { operation, key, call: { signal } }: Write,
    fence: Fence,
    { writeId, condition }: Attempt,
    image: ItemImage | undefined,
    timeoutMs: number,
  ): Promise<WriteOutcome> {
    const { store, table, bucket, coherence, stats, cache, onAmbiguous } = this.#options;
    try {
      return await (image === undefined
        ? store.delete(table, itemKeyOf(bucket, key), condition, { timeoutMs, signal })
        : store.put(table, image, condition, { timeoutMs, signal }));
    } catch (error) {
      if (isTidemarkError(error) && error.code !== 'AMBIGUOUS_WRITE') {
        coherence.cancelWrite(fence);
        stats.writeErrors += 1;
        throw error;
      }
      coherence.failWrite(fence);
      stats.ambiguousWrites += 1;
      onAmbiguous(key, operation, writeId);
      throw new AmbiguousWriteError(cache, operation, writeId, error);
    }
  }

  #late(operation: WriteOperation): TidemarkError {
    const { cache } = this.#options;
    return new TidemarkError(
      'TIMEOUT',
      `${operation} in cache ${cache} ran out of time before it was sent; nothing was written by it`,
      { retriable: true, context: { cache } },
    );
  }

  #tooLarge(bytes: number): TidemarkError {
    const { cache } = this.#options;
    return new TidemarkError(
      'VALUE_TOO_LARGE',
      `value in cache ${cache}: expected an item of at most ${imageBytesMax} bytes, got ${bytes}`,
      {
        retriable: false,
        context: { cache, bytes, bytesMax: imageBytesMax },
      },
    );
  }
}

function emptyImage(key: string, writtenBy: string): Omit<ItemImage, 'writeId'> {
  return {
    ...{ key, writtenBy, value: null, codec: null, expiresAt: null },
    ...{ tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
  };
}
