import { describe, expect, it } from '@jest/globals';
import { compacted } from './compaction.js';
import { PartitionLog } from './partition-log.js';
import { headerOf, placeBatch, recordsOf } from './record-batch.js';
import { type MadeBatch, makeBatch } from './testing/batches.js';

function logOf(...batches: readonly MadeBatch[]): PartitionLog {
  const log = new PartitionLog();
  for (const made of batches) {
    const batch = makeBatch(made);
    placeBatch(batch, log.end, 0);
    log.append(batch);
  }
  return log;
}

const batchOf = (...pairs: readonly [string | null, string | null][]): MadeBatch => ({
  records: pairs.map(([key, value]) => ({ key, value })),
});
const offsets = (batches: readonly Buffer[] | undefined): (number[] | undefined)[] | undefined =>
  batches?.map((batch) => recordsOf(batch)?.map(({ offset }) => Number(offset)));
const options = { nowMs: 10_000, tombstoneMs: 5_000 };

describe('compaction', () => {
  it('keeps the last record of every key at its offset, and the span of its batch', () => {
    const log = logOf(
      batchOf(['a', '1'], ['b', '1'], ['a', '2']),
      batchOf(['b', '2'], ['c', '1']),
      batchOf(['d', '1']),
    );
    const kept = compacted(log.batches(), options);
    expect(offsets(kept)).toEqual([[2], [3, 4], [5]]);
    expect(kept?.map((batch) => [headerOf(batch).baseOffset, headerOf(batch).lastOffset])).toEqual([
      [0n, 2n],
      [3n, 4n],
      [5n, 5n],
    ]);
  });

  it('drops a batch of which nothing is left', () => {
    const log = logOf(batchOf(['a', '1']), batchOf(['a', '2']), batchOf(['b', '1']));
    expect(offsets(compacted(log.batches(), options))).toEqual([[1], [2]]);
  });

  it('never touches the newest batch', () => {
    const log = logOf(batchOf(['b', '1']), batchOf(['a', '1'], ['a', '2']));
    expect(compacted(log.batches(), options)).toBeUndefined();
  });

  it('compacts gzip batches and leaves them gzipped', () => {
    const log = logOf({ ...batchOf(['a', '1'], ['b', '1']), isGzipped: true }, batchOf(['a', '2']));
    const kept = compacted(log.batches(), options);
    expect(offsets(kept)).toEqual([[1], [2]]);
    expect((kept?.[0]?.readInt16BE(21) ?? 0) & 7).toBe(1);
  });

  it('keeps a tombstone until it is old, and then not even that', () => {
    const young = logOf({ ...batchOf(['a', null]), timestampMs: 6_000 }, batchOf(['b', '1']));
    const old = logOf({ ...batchOf(['a', null]), timestampMs: 4_000 }, batchOf(['b', '1']));
    expect(compacted(young.batches(), options)).toBeUndefined();
    expect(offsets(compacted(old.batches(), options))).toEqual([[1]]);
  });

  it('keeps records without a key, and batches it cannot unpack', () => {
    const log = logOf(batchOf([null, '1'], ['a', '1']), batchOf(['a', '2']), batchOf(['b', '1']));
    const [, unknown] = log.batches();
    unknown?.bytes.writeInt16BE(4, 21);
    expect(compacted(log.batches(), options)).toBeUndefined();
    unknown?.bytes.writeInt16BE(0, 21);
    expect(offsets(compacted(log.batches(), options))).toEqual([[0], [2], [3]]);
  });

  it('takes keys byte by byte', () => {
    const log = logOf(batchOf(['ä', '1'], ['Ã¤', '1']), batchOf(['ä', '2']));
    expect(offsets(compacted(log.batches(), options))).toEqual([[1], [2]]);
  });
});
