import { describe, expect, it } from '@jest/globals';
import { PartitionLog } from './partition-log.js';
import { headerOf, placeBatch } from './record-batch.js';
import { makeBatch, oneRecord } from './testing/batches.js';

function append(log: PartitionLog, batch: Buffer): void {
  placeBatch(batch, log.end, 0);
  log.append(batch);
}

/** A log of `batches` batches of `size` records each, a second apart. */
function filled(batches: number, size = 1): PartitionLog {
  const log = new PartitionLog();
  for (let index = 0; index < batches; index += 1) {
    const records = Array.from({ length: size }, () => ({ key: 'k', value: 'v' }));
    append(log, makeBatch({ records, timestampMs: index * 1_000 }));
  }
  return log;
}

const bases = (batches: readonly Buffer[]): number[] => batches.map((batch) => Number(headerOf(batch).baseOffset));
const batchBytes = oneRecord('k', 'v').length;

describe('PartitionLog', () => {
  it('gives a reader the batch that holds its offset, and those that follow', () => {
    const log = filled(4, 10);
    expect([log.start, log.end]).toEqual([0n, 40n]);
    expect(bases(log.read(0n, 1e9, false))).toEqual([0, 10, 20, 30]);
    expect(bases(log.read(19n, 1e9, false))).toEqual([10, 20, 30]);
    expect(bases(log.read(20n, 1e9, false))).toEqual([20, 30]);
    expect(log.read(40n, 1e9, true)).toEqual([]);
  });

  it('keeps to the limit, but for a first batch that may be larger', () => {
    const log = filled(4);
    expect(bases(log.read(0n, batchBytes * 2, false))).toEqual([0, 1]);
    expect(bases(log.read(0n, batchBytes * 3 - 1, false))).toEqual([0, 1]);
    expect(bases(log.read(0n, 1, false))).toEqual([]);
    expect(bases(log.read(0n, 1, true))).toEqual([0]);
  });

  it('finds the first record since a time, inside of batches too', () => {
    const log = new PartitionLog();
    append(
      log,
      makeBatch({ records: [0, 10, 20].map((afterMs) => ({ key: 'k', value: 'v', afterMs })), timestampMs: 100 }),
    );
    append(log, makeBatch({ records: [{ key: 'k', value: 'v' }], timestampMs: 200, isGzipped: true }));
    const since = (timestampMs: number): bigint | undefined => log.firstSince(timestampMs)?.offset;
    expect([0, 100, 101, 115, 121, 200, 201].map(since)).toEqual([0n, 0n, 1n, 2n, 3n, 3n, undefined]);
    log.deleteBefore(2n);
    expect(since(0)).toBe(2n);
  });

  it('forgets records before an offset, in the middle of a batch too', () => {
    const log = filled(3, 10);
    log.deleteBefore(15n);
    expect([log.start, log.end, bases(log.read(15n, 1e9, false))]).toEqual([15n, 30n, [10, 20]]);
    log.deleteBefore(7n);
    expect(log.start).toBe(15n);
    log.deleteBefore(30n);
    expect([log.start, log.end, log.bytes, log.batches()]).toEqual([30n, 30n, 0, []]);
    append(log, oneRecord('k', 'v'));
    expect(bases(log.read(30n, 1e9, false))).toEqual([30]);
  });

  it('forgets records from an offset on, and gives the offsets again', () => {
    const log = filled(3, 10);
    log.deleteFrom(15n);
    expect([log.start, log.end, bases(log.read(0n, 1e9, false))]).toEqual([0n, 15n, [0]]);
    append(log, oneRecord('k', 'v'));
    expect(bases(log.read(12n, 1e9, false))).toEqual([15]);
    log.deleteFrom(0n);
    expect([log.start, log.end, log.bytes]).toEqual([0n, 0n, 0]);
  });

  it('retains what is young and small enough, and the newest batch whatever its size', () => {
    const log = filled(5);
    const from = (retentionMs: number, retentionBytes: number, nowMs = 5_000): bigint =>
      log.retainedFrom({ retentionMs, retentionBytes }, nowMs);
    expect(from(Infinity, Infinity)).toBe(0n);
    expect(from(Infinity, batchBytes * 3)).toBe(2n);
    expect(from(Infinity, 1)).toBe(4n);
    expect(from(3_000, Infinity)).toBe(2n);
    expect(from(3_000, batchBytes)).toBe(4n);
    expect(from(3_000, Infinity, 60_000)).toBe(5n);
  });

  it('stays right over many rounds of appending and forgetting', () => {
    const log = new PartitionLog();
    for (let index = 0; index < 10_000; index += 1) {
      append(log, oneRecord('k', 'v', index));
      log.deleteBefore(log.retainedFrom({ retentionMs: Infinity, retentionBytes: batchBytes * 3 }, index));
    }
    expect([log.start, log.end, log.bytes, bases(log.read(9_998n, 1e9, false))]).toEqual([
      9_997n,
      10_000n,
      batchBytes * 3,
      [9_998, 9_999],
    ]);
  });

  it('goes on behind its last batch when it is told of a later end', () => {
    const log = filled(2);
    log.restore(1n, 7n);
    expect([log.start, log.end, bases(log.read(1n, 1e9, false))]).toEqual([1n, 7n, [1]]);
    expect(log.read(5n, 1e9, true)).toEqual([]);
  });

  it('refuses a batch that would lie before its end', () => {
    const log = filled(2);
    expect(() => log.append(oneRecord('k', 'v'))).toThrow(RangeError);
  });
});
