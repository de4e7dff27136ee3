import {
  imageBytes,
  imageBytesMax,
  isWriteId,
  type ItemImage,
  itemKeyOf,
  payloadBytes,
  type WriteClock,
  type WriteId,
} from '@tidemark/protocol';
import { type Clock, isTidemarkError, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Store, type WriteCondition, type WriteOutcome } from './backend.js';
import { AmbiguousWriteError } from './cache-errors.js';
import { type CacheStats } from './cache-stats.js';
import { type Coherence } from './coherence.js';
import { type Fence } from './fences.js';
import { KeyQueue } from './key-queue.js';
import { type EncodedValue, type ValueCodec } from './value-codec.js';

/** What became of a put or delete. */
export type WriteReceipt =
  | { readonly applied: true; readonly writeId: WriteId }
  /** A newer write overtook this one twice; its value stands. */
  | { readonly applied: false; readonly reason: 'superseded' };

export interface L2WriterOptions {
  readonly store: Store;
  readonly cache: string;
  readonly table: string;
  readonly bucket: string;
  readonly region: string;
  readonly codec: ValueCodec;
  readonly coherence: Coherence;
  readonly writeClock: WriteClock;
  readonly clock: Clock;
  readonly stats: CacheStats;
}

export interface WriteCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
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

  put(key: string, encoded: EncodedValue, expiresAt: number | null, call: WriteCall): Promise<WriteReceipt> {
    const { bucket, region, codec, stats } = this.#options;
    const image: Omit<ItemImage, 'writeId'> = {
      key: itemKeyOf(bucket, key),
      value: encoded.payload,
      codec: codec.name,
      expiresAt,
      writtenBy: region,
      tombstone: false,
      leaseId: null,
      leaseUntil: null,
      loaded: false,
    };
    const bytes = imageBytes({ ...image, writeId: '0'.repeat(32) });
    if (bytes > imageBytesMax) throw this.#tooLarge(bytes);
    stats.puts += 1;
    const send: Send = (writeId, condition, timeoutMs) =>
      this.#options.store.put(this.#options.table, { ...image, writeId }, condition, {
        timeoutMs,
        signal: call.signal,
      });
    const complete: Complete = (fence, writeId, readAt) =>
      this.#options.coherence.completePut(fence, {
        value: encoded.value,
        writeId,
        expiresAt: expiresAt ?? 0,
        readAt,
        payloadBytes: payloadBytes(encoded.payload),
      });
    return this.#enqueue('put', key, call, send, complete);
  }

  /** Always sent, also when nothing seems to be there: what this pod knows may be behind. */
  delete(key: string, call: WriteCall): Promise<WriteReceipt> {
    const { store, table, bucket, stats, coherence } = this.#options;
    stats.deletes += 1;
    const send: Send = (_writeId, condition, timeoutMs) =>
      store.delete(table, itemKeyOf(bucket, key), condition, { timeoutMs, signal: call.signal });
    const complete: Complete = (fence, _writeId, readAt) => coherence.completeDelete(fence, readAt);
    return this.#enqueue('delete', key, call, send, complete);
  }

  /** Resolves when the writes in hand have ended. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #enqueue(operation: Operation, key: string, call: WriteCall, send: Send, complete: Complete): Promise<WriteReceipt> {
    const deadlineMs = this.#options.clock.monotonicMs() + call.timeoutMs;
    const write = (): Promise<WriteReceipt> => this.#write(operation, key, deadlineMs, send, complete);
    return this.#queue.isBusy(key) ? this.#waitInLine(operation, key, call, write) : this.#queue.run(key, write);
  }

  /** A write whose time passes, or that is aborted, while it waits for its turn ends then, and is not sent. */
  async #waitInLine(
    operation: Operation,
    key: string,
    call: WriteCall,
    write: () => Promise<WriteReceipt>,
  ): Promise<WriteReceipt> {
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
      return write();
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

  async #write(
    operation: Operation,
    key: string,
    deadlineMs: number,
    send: Send,
    complete: Complete,
  ): Promise<WriteReceipt> {
    const { coherence, writeClock, clock, stats } = this.#options;
    let writeId = writeClock.mint();
    let condition: WriteCondition = { type: 'newer', than: writeId };
    let winners = 0;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const timeoutMs = deadlineMs - clock.monotonicMs();
      if (timeoutMs <= 0) throw this.#late(operation);
      const fence = coherence.beginWrite(key, operation === 'put' ? writeId : undefined);
      const startedAt = clock.now();
      const outcome = await this.#attempt(operation, fence, writeId, () => send(writeId, condition, timeoutMs));
      if (outcome.type === 'committed') {
        writeClock.merge(outcome.old?.writeId ?? '');
        complete(fence, writeId, startedAt);
        return { applied: true, writeId };
      }
      coherence.failWrite(fence);
      if (isFinal(outcome.old)) winners += 1;
      if (winners >= 2) {
        stats.superseded += 1;
        return { applied: false, reason: 'superseded' };
      }
      ({ writeId, condition } = this.#past(outcome.old));
    }
    throw new TidemarkError('WRITE_CONTENDED', `${operation} was refused ${attemptsMax} times by newer writes`, {
      retriable: true,
      context: { cache: this.#options.cache },
    });
  }

  async #attempt(
    operation: Operation,
    fence: Fence,
    writeId: WriteId,
    send: () => Promise<WriteOutcome>,
  ): Promise<WriteOutcome> {
    const { coherence, stats, cache } = this.#options;
    try {
      return await send();
    } catch (error) {
      if (isTidemarkError(error) && error.code !== 'AMBIGUOUS_WRITE') {
        coherence.cancelWrite(fence);
        stats.writeErrors += 1;
        throw error;
      }
      coherence.failWrite(fence);
      stats.ambiguousWrites += 1;
      throw new AmbiguousWriteError(cache, operation, writeId, error);
    }
  }

  /** A fresh id and condition that get past what stands there. */
  #past(winner: ItemImage | undefined): { writeId: WriteId; condition: WriteCondition } {
    const { writeClock } = this.#options;
    const seen = winner?.writeId ?? null;
    if (seen !== null && !isWriteId(seen))
      return { writeId: writeClock.mint(), condition: { type: 'replaces', writeId: seen } };
    if (seen === null || writeClock.merge(seen)) return newer(writeClock.mint());
    const above = writeClock.above(seen);
    if (above !== undefined) return newer(above);
    return { writeId: writeClock.mint(), condition: { type: 'replaces', writeId: seen } };
  }

  #late(operation: Operation): TidemarkError {
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

type Operation = 'put' | 'delete';
type Send = (writeId: WriteId, condition: WriteCondition, timeoutMs: number) => Promise<WriteOutcome>;
type Complete = (fence: Fence, writeId: WriteId, readAt: number) => void;

function newer(writeId: WriteId): { writeId: WriteId; condition: WriteCondition } {
  return { writeId, condition: { type: 'newer', than: writeId } };
}

/** Whether the winner is a real put or delete; a loaded value or a leased tombstone never supersedes a put. */
function isFinal(winner: ItemImage | undefined): boolean {
  return winner !== undefined && !winner.loaded && winner.leaseId === null;
}
