import {
  baseOffset,
  isCompressed,
  lastOffset,
  maxTimestamp,
  recordCount,
  recordsOf,
  setAppendTime,
  setBaseOffset,
  withRecords,
} from './record-batch.js';

export interface LogConfig {
  /** `delete` drops old batches; `compact` keeps the last record of each key. */
  readonly cleanup: 'delete' | 'compact';
  /** Ms; `Infinity` keeps for ever. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly appendTime: boolean;
}

/** One partition's batches, oldest first, raw. `start` ≤ every readable offset < `end`. */
export class PartitionLog {
  #batches: Buffer[] = [];
  #start = 0n;
  #end = 0n;
  #bytes = 0;

  get start(): bigint {
    return this.#start;
  }

  get end(): bigint {
    return this.#end;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a batch and gives it its offsets; returns the first. */
  append(batch: Buffer, config: LogConfig, nowMs: number): bigint {
    setBaseOffset(batch, this.#end);
    if (config.appendTime) setAppendTime(batch, nowMs);
    this.restore(batch);
    this.enforceRetention(config, nowMs);
    return baseOffset(batch);
  }

  /** Puts back a batch that already has its offsets. */
  restore(batch: Buffer): void {
    this.#batches.push(batch);
    this.#bytes += batch.length;
    this.#end = lastOffset(batch) + 1n;
  }

  /** Starts an empty log at `offset`: what a journal says was deleted before. */
  restoreStart(offset: bigint): void {
    this.truncateBefore(offset);
    this.#start = offset;
    if (this.#end < offset) this.#end = offset;
  }

  /** Whole batches from the one that holds `offset`: at most `bytesMax`, but at least one where there is one. */
  read(offset: bigint, bytesMax: number): Buffer[] {
    const batches: Buffer[] = [];
    let bytes = 0;
    for (let i = this.#indexOf(offset); i < this.#batches.length; i += 1) {
      const batch = this.#batches[i];
      if (batch === undefined || (bytes > 0 && bytes + batch.length > bytesMax)) break;
      batches.push(batch);
      bytes += batch.length;
    }
    return batches;
  }

  /** The first offset whose batch is not older than `ms`; -1 when there is none. */
  offsetAt(ms: bigint): bigint {
    const batch = this.#batches.find((candidate) => maxTimestamp(candidate) >= ms);
    return batch === undefined ? -1n : baseOffset(batch);
  }

  /** Deletes what lies before `offset`. */
  truncateBefore(offset: bigint): void {
    if (offset <= this.#start) return;
    this.#start = offset;
    while (this.#batches[0] !== undefined && lastOffset(this.#batches[0]) < offset) this.#shift();
  }

  enforceRetention(config: LogConfig, nowMs: number): void {
    if (config.cleanup === 'compact') return;
    while (this.#batches.length > 1 && (this.#bytes > config.retentionBytes || this.#expired(config, nowMs)))
      this.#dropOldest();
    if (this.#batches.length === 1 && this.#expired(config, nowMs)) this.#dropOldest();
  }

  /**
   * Keeps the last record of each key and forgets the others. The newest batch stays as it is, as a broker's active segment would;
   * compressed batches stay whole.
   */
  compact(): void {
    const last = new Map<string, bigint>();
    for (const batch of this.#batches) {
      if (!isCompressed(batch))
        for (const { key, offset } of recordsOf(batch)) if (key !== null) last.set(key.toString('base64'), offset);
    }
    const newest = this.#batches.at(-1);
    this.#batches = this.#batches.flatMap((batch) => {
      if (batch === newest || isCompressed(batch)) return [batch];
      const records = recordsOf(batch).filter(
        ({ key, offset }) => key === null || last.get(key.toString('base64')) === offset,
      );
      if (records.length === recordCount(batch)) return [batch];
      return records.length === 0 ? [] : [withRecords(batch, records)];
    });
    this.#bytes = this.#batches.reduce((sum, batch) => sum + batch.length, 0);
  }

  get batches(): readonly Buffer[] {
    return this.#batches;
  }

  #expired(config: LogConfig, nowMs: number): boolean {
    const oldest = this.#batches[0];
    return oldest !== undefined && Number(maxTimestamp(oldest)) < nowMs - config.retentionMs;
  }

  #dropOldest(): void {
    const oldest = this.#batches[0];
    if (oldest === undefined) return;
    this.#start = lastOffset(oldest) + 1n;
    this.#shift();
  }

  #shift(): void {
    this.#bytes -= this.#batches.shift()?.length ?? 0;
  }

  /** The first batch that ends at or after `offset`. */
  #indexOf(offset: bigint): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const batch = this.#batches[middle];
      if (batch !== undefined && lastOffset(batch) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
