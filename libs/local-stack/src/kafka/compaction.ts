import { type LogBatch } from './partition-log.js';
import { type BatchRecord, recordsOf, withRecords } from './record-batch.js';

export interface CompactionOptions {
  readonly nowMs: number;
  /** Age after which a tombstone that is the last of its key goes as well, ms. */
  readonly tombstoneMs: number;
}

/**
 * Keeps the last record of every key, where it stands, and drops the ones it supersedes; a batch of which nothing is left goes. The newest batch
 * is never touched, like a broker's active segment, so that a reader always finds the end of the log. Batches packed with a codec other than
 * gzip stay whole, as do records without a key. `undefined` when there is nothing to drop.
 */
export function compacted(batches: readonly LogBatch[], options: CompactionOptions): Buffer[] | undefined {
  const newest = batches.at(-1);
  const unpacked = batches.map((batch) => ({ batch, records: recordsOf(batch.bytes) }));
  const lastOffsets = new Map<string, bigint>();
  for (const { records } of unpacked) {
    for (const { key, offset } of records ?? []) if (key !== null) lastOffsets.set(identityOf(key), offset);
  }
  let hasChanged = false;
  const kept = unpacked.flatMap(({ batch, records }) => {
    if (records === undefined || batch === newest) return [batch.bytes];
    const isOld = batch.maxTimestampMs < options.nowMs - options.tombstoneMs;
    const living = records.filter((record) => isLast(record, lastOffsets) && !(isOld && record.isTombstone));
    if (living.length === records.length && records.length > 0) return [batch.bytes];
    hasChanged = true;
    return living.length === 0 ? [] : [withRecords(batch.bytes, living)];
  });
  return hasChanged ? kept : undefined;
}

function isLast({ key, offset }: BatchRecord, lastOffsets: ReadonlyMap<string, bigint>): boolean {
  return key === null || lastOffsets.get(identityOf(key)) === offset;
}

/** One character a byte, so that equal strings are equal bytes. */
function identityOf(key: Buffer): string {
  return key.toString('latin1');
}
