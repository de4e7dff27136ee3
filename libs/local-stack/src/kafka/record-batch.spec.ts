import { describe, expect, it } from '@jest/globals';
import {
  batchAt,
  emptyBatch,
  headerOf,
  placeBatch,
  problemWith,
  recordsOf,
  stampBatch,
  withRecords,
} from './record-batch.js';
import { makeBatch, oneRecord } from './testing/batches.js';

const three = {
  records: [
    { key: 'a', value: '1' },
    { key: null, value: '2', afterMs: 5 },
    { key: 'c', value: null, afterMs: 9 },
  ],
  timestampMs: 1_700_000_000_000,
};

/** A copy with one byte changed. */
function damaged(batch: Buffer, at: number): Buffer {
  const copy = Buffer.from(batch);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('a record batch', () => {
  it.each([false, true])('shows its records, gzip %s', (isGzipped) => {
    const batch = makeBatch({ ...three, isGzipped });
    placeBatch(batch, 40n, 3);
    expect(problemWith(batch)).toBeUndefined();
    expect(
      recordsOf(batch)?.map(({ key, offset, timestampMs, isTombstone }) => [
        key?.toString(),
        offset,
        timestampMs,
        isTombstone,
      ]),
    ).toEqual([
      ['a', 40n, 1_700_000_000_000, false],
      [undefined, 41n, 1_700_000_000_005, false],
      ['c', 42n, 1_700_000_000_009, true],
    ]);
  });

  it('is still intact when it has been given its place', () => {
    const batch = makeBatch(three);
    placeBatch(batch, 1_000_000_000_000n, 7);
    expect(headerOf(batch)).toMatchObject({ baseOffset: 1_000_000_000_000n, lastOffset: 1_000_000_000_002n });
    expect(batchAt(batch, 0)).toEqual(batch);
  });

  it('carries the append time for all of its records once it is stamped, and is intact', () => {
    const batch = makeBatch(three);
    stampBatch(batch, 1_800_000_000_000);
    expect(batchAt(batch, 0)).toEqual(batch);
    expect(recordsOf(batch)?.map(({ timestampMs }) => timestampMs)).toEqual(Array(3).fill(1_800_000_000_000));
  });

  it.each([false, true])('keeps the offsets of the records that are left, gzip %s', (isGzipped) => {
    const batch = makeBatch({ ...three, isGzipped });
    placeBatch(batch, 40n, 0);
    const kept = withRecords(
      batch,
      (recordsOf(batch) ?? []).filter((_, index) => index !== 1),
    );
    expect(batchAt(kept, 0)).toEqual(kept);
    expect(headerOf(kept)).toMatchObject({ baseOffset: 40n, lastOffset: 42n, recordCount: 2 });
    expect(recordsOf(kept)?.map(({ offset }) => offset)).toEqual([40n, 42n]);
  });

  it('spans offsets without holding a record when it is made empty', () => {
    const batch = emptyBatch(3, 1_000);
    placeBatch(batch, 10n, 0);
    expect(batchAt(batch, 0)).toEqual(batch);
    expect(headerOf(batch)).toMatchObject({ baseOffset: 10n, lastOffset: 12n, recordCount: 0, producerId: -1n });
    expect(recordsOf(batch)).toEqual([]);
  });

  it('is found in the middle of bytes, whole or not at all', () => {
    const [first, second] = [oneRecord('a', '1'), oneRecord('b', '2')];
    const bytes = Buffer.concat([first, second]);
    expect(batchAt(bytes, first.length)).toEqual(second);
    expect(batchAt(bytes.subarray(0, -1), first.length)).toBeUndefined();
    expect(batchAt(bytes, bytes.length)).toBeUndefined();
  });

  it('is refused when a byte of it has changed', () => {
    const batch = makeBatch(three);
    for (let at = 16; at < batch.length; at += 1) expect(problemWith(damaged(batch, at))).toBe('CORRUPT_MESSAGE');
  });

  it.each([0, 11, 60])('is refused when there are only %i bytes', (length) => {
    expect(problemWith(makeBatch(three).subarray(0, length))).toBe('CORRUPT_MESSAGE');
  });

  it('is refused in company, without records, and with a wrong number of them', () => {
    const batch = makeBatch(three);
    const miscounted = withRecords(batch, recordsOf(batch)?.slice(1) ?? []);
    expect(problemWith(Buffer.concat([batch, batch]))).toBe('INVALID_RECORD');
    expect(problemWith(emptyBatch(1, 0))).toBe('INVALID_RECORD');
    expect(problemWith(miscounted)).toBe('INVALID_RECORD');
  });

  it('is not unpacked when its codec is not known, nor when it cannot be', () => {
    const unknown = makeBatch(three);
    unknown.writeInt16BE(4, 21);
    const broken = makeBatch(three);
    broken.writeInt16BE(1, 21);
    expect([recordsOf(unknown), recordsOf(broken)]).toEqual([undefined, undefined]);
  });
});
