import { headerOf, recordsOf } from './record-batch.js';

/** A batch as the log keeps it, with what is asked of it often. */
export interface LogBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly maxTimestampMs: number;
  readonly bytes: Buffer;
}

/** How long a partition keeps what it holds. */
export interface Retention {
  /** Age of a batch's newest record after which it goes, ms. */
  readonly retentionMs: number;
  /** Size above which the oldest batches go, bytes; the newest batch always stays. */
  readonly retentionBytes: number;
}

/** Slots of forgotten batches that are tolerated before the list is moved. */
const slackMax = 1_024;

/**
 * The batches of one partition in order of their offsets. `start` ≤ every offset that can be read < `end`; offsets in between may be missing,
 * where compaction took records or retention and deletion cut a batch in two. In memory; who writes it to disk does so before `append`.
 */
export class PartitionLog {
  #batches: LogBatch[] = [];
  /** Batches before this index are forgotten. */
  #head = 0;
  #start = 0n;
  #end = 0n;
  #bytes = 0;

  get start(): bigint {
    return this.#start;
  }

  /** The offset that the next record gets; there is one replica, so it is the high watermark, too. */
  get end(): bigint {
    return this.#end;
  }

  /** Bytes of the batches that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  batches(): readonly LogBatch[] {
    return this.#batches.slice(this.#head);
  }

  /** Takes a batch that has its offsets already, at or after `end`. */
  append(bytes: Buffer): void {
    const { baseOffset, lastOffset, maxTimestampMs } = headerOf(bytes);
    if (baseOffset < this.#end) throw new RangeError(`a batch at ${baseOffset} in a log that ends at ${this.#end}`);
    this.#batches.push({ baseOffset, lastOffset, maxTimestampMs, bytes });
    this.#bytes += bytes.length;
    this.#end = lastOffset + 1n;
  }

  /** Sets the ends of a log that was just filled from where it was kept; `end` counts only if no batch reaches it. */
  restore(start: bigint, end: bigint): void {
    if (this.#end < end) this.#end = end;
    this.deleteBefore(start);
  }

  /** Whole batches from the one that holds `offset`, at most `bytesMax` together; `evenIfLarger` lets the first pass anyway. */
  read(offset: bigint, bytesMax: number, evenIfLarger: boolean): Buffer[] {
    const found: Buffer[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#batches.length; index += 1) {
      const batch = this.#at(index);
      const fits = bytes + batch.bytes.length <= bytesMax;
      if (!fits && !(evenIfLarger && found.length === 0)) break;
      found.push(batch.bytes);
      bytes += batch.bytes.length;
    }
    return found;
  }

  /** The first record that is not older than `timestampMs`; in a batch that cannot be unpacked, its first offset. */
  firstSince(timestampMs: number): { readonly offset: bigint; readonly timestampMs: number } | undefined {
    for (let index = this.#head; index < this.#batches.length; index += 1) {
      const { bytes, baseOffset, maxTimestampMs } = this.#at(index);
      if (maxTimestampMs < timestampMs) continue;
      const records = recordsOf(bytes);
      if (records === undefined) return { offset: baseOffset, timestampMs: maxTimestampMs };
      const record = records.find((each) => each.timestampMs >= timestampMs && each.offset >= this.#start);
      if (record !== undefined) return { offset: record.offset, timestampMs: record.timestampMs };
    }
    return undefined;
  }

  /** Where the log would start if `retention` were applied at `nowMs`; not before `start`. */
  retainedFrom(retention: Retention, nowMs: number): bigint {
    let start = this.#start;
    let bytes = this.#bytes;
    for (let index = this.#head; index < this.#batches.length; index += 1) {
      const batch = this.#at(index);
      const isTooOld = batch.maxTimestampMs < nowMs - retention.retentionMs;
      const isTooMuch = bytes > retention.retentionBytes && index < this.#batches.length - 1;
      if (!isTooOld && !isTooMuch) break;
      start = batch.lastOffset + 1n;
      bytes -= batch.bytes.length;
    }
    return start;
  }

  /** Forgets what lies before `offset`, which may be beyond `end`: the log is then empty and goes on there. */
  deleteBefore(offset: bigint): void {
    if (offset <= this.#start) return;
    this.#start = offset;
    if (this.#end < offset) this.#end = offset;
    while (this.#head < this.#batches.length && this.#at(this.#head).lastOffset < offset) {
      this.#bytes -= this.#at(this.#head).bytes.length;
      this.#head += 1;
    }
    if (this.#head > slackMax && this.#head > this.#batches.length / 2) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Forgets every batch that reaches `offset` or lies after it, as an unclean election does. */
  deleteFrom(offset: bigint): void {
    if (offset >= this.#end) return;
    while (this.#batches.length > this.#head && this.#at(this.#batches.length - 1).lastOffset >= offset) {
      this.#bytes -= this.#batches.pop()?.bytes.length ?? 0;
    }
    this.#end = offset;
    if (this.#start > offset) this.#start = offset;
  }

  /** Puts other batches, of the same offsets or fewer, in the place of all. `start` and `end` stay. */
  replace(batches: readonly Buffer[]): void {
    this.#batches = batches.map((bytes) => ({ ...headerOf(bytes), bytes }));
    this.#head = 0;
    this.#bytes = batches.reduce((sum, { length }) => sum + length, 0);
  }

  #at(index: number): LogBatch {
    return this.#batches[index] as LogBatch;
  }

  /** The first batch that ends at or after `offset`. */
  #indexOf(offset: bigint): number {
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
