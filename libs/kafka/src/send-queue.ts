import { type OutgoingRecord } from '@tidemark/pipeline';
import { type Message } from 'kafkajs';
import { type AppendedRun } from './appended.js';
import { toKafka, wireBytes } from './wire.js';

/** What one caller wants sent to one partition, in one piece or several. */
export interface Slice {
  readonly call: SendCall;
  readonly partition: number;
  readonly messages: readonly Message[];
  readonly bytes: number;
}

/** One caller's send: over when every slice is acknowledged, or at the first failure. */
export interface SendCall {
  /** Its caller has been answered. */
  readonly over: boolean;
  /** Retries end then, on the monotonic clock, ms. */
  readonly deadlineMs: number;
  acknowledged(run: AppendedRun): void;
  failed(error: Error): void;
}

export interface SendQueueLimits {
  /** Records in one request. */
  readonly records: number;
  /** Bytes in one request; a larger record goes alone. */
  readonly bytes: number;
}

/** One request in the making: slices of partitions that have nothing else in flight. */
export interface SendBatch {
  readonly slices: readonly Slice[];
}

interface Lane {
  readonly slices: Slice[];
  inFlight: boolean;
}

/**
 * The waiting slices of one topic, by partition.
 *
 * A partition that has a batch in flight gives none until it is released, so a retry can never overtake or be overtaken: order per partition is
 * the order of `add`.
 */
export class SendQueue {
  readonly #limits: SendQueueLimits;
  readonly #lanes = new Map<number, Lane>();

  constructor(limits: SendQueueLimits) {
    this.#limits = limits;
  }

  get empty(): boolean {
    return this.#lanes.size === 0;
  }

  add(slice: Slice): void {
    const lane = this.#lanes.get(slice.partition);
    if (lane === undefined) this.#lanes.set(slice.partition, { slices: [slice], inFlight: false });
    else lane.slices.push(slice);
  }

  /** The next request, or `undefined` when every waiting slice must wait on. */
  take(): SendBatch | undefined {
    const batch = { slices: [] as Slice[], records: 0, bytes: 0 };
    for (const [partition, lane] of this.#lanes) {
      if (lane.inFlight) continue;
      this.#fill(batch, lane);
      if (!lane.inFlight && lane.slices.length === 0) this.#lanes.delete(partition);
      if (batch.records >= this.#limits.records || batch.bytes >= this.#limits.bytes) break;
    }
    return batch.slices.length > 0 ? { slices: batch.slices } : undefined;
  }

  /** Moves what fits from the lane to the batch; at least one slice to an empty batch, however large it is. */
  #fill(batch: { slices: Slice[]; records: number; bytes: number }, lane: Lane): void {
    for (let slice = lane.slices[0]; slice !== undefined; slice = lane.slices[0]) {
      const records = batch.records + slice.messages.length;
      const bytes = batch.bytes + slice.bytes;
      const fits = records <= this.#limits.records && bytes <= this.#limits.bytes;
      if (!fits && batch.slices.length > 0) return;
      lane.slices.shift();
      if (slice.call.over) continue;
      batch.slices.push(slice);
      batch.records = records;
      batch.bytes = bytes;
      lane.inFlight = true;
    }
  }

  /** The batch is settled: its partitions may send again, after those that have waited. */
  release(batch: SendBatch): void {
    for (const partition of new Set(batch.slices.map((slice) => slice.partition))) {
      const lane = this.#lanes.get(partition);
      if (lane === undefined) continue;
      this.#lanes.delete(partition);
      lane.inFlight = false;
      if (lane.slices.length > 0) this.#lanes.set(partition, lane);
    }
  }

  /** Slices that wait, for a queue that closes. */
  drain(): Slice[] {
    const waiting = [...this.#lanes.values()].flatMap((lane) => lane.slices.splice(0));
    for (const [partition, lane] of this.#lanes) if (!lane.inFlight) this.#lanes.delete(partition);
    return waiting;
  }
}

/** Messages of one partition that fit a request. */
export type Piece = Pick<Slice, 'partition' | 'messages' | 'bytes'>;

/** Cuts records into pieces that fit a request, each partition's in the order given; a larger record is a piece of its own. */
export function cut(records: readonly OutgoingRecord[], limits: SendQueueLimits): readonly Piece[] {
  const pieces: OpenPiece[] = [];
  const open = new Map<number, OpenPiece>();
  let piece: OpenPiece | undefined;
  for (const { partition, record } of records) {
    const bytes = wireBytes(record);
    if (piece?.partition !== partition) piece = open.get(partition);
    if (piece === undefined || piece.messages.length >= limits.records || piece.bytes + bytes > limits.bytes) {
      piece = { partition, messages: [], bytes: 0 };
      open.set(partition, piece);
      pieces.push(piece);
    }
    piece.messages.push(toKafka(record, partition));
    piece.bytes += bytes;
  }
  return pieces;
}

interface OpenPiece extends Piece {
  readonly messages: Message[];
  bytes: number;
}
