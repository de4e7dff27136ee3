import { gunzipSync, gzipSync } from 'node:zlib';
import { crc32c } from './crc32c.js';
import { type KafkaErrorName } from './error-codes.js';

/**
 * Record batches in format 2, kept as the bytes that clients send and fetch. The checksum covers everything from the attributes on: the base
 * offset, which the broker gives, lies before it and can be rewritten freely; a new timestamp or other records need a new checksum.
 */
const at = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** Bytes before those that `length` counts. */
const prefixBytes = 12;
const codecMask = 0x07;
const appendTimeFlag = 0x08;
const gzipCodec = 1;

/** Bound on what a compressed batch may unpack to. */
const unpackedBytesMax = 128 * 1_048_576;

export interface BatchHeader {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly leaderEpoch: number;
  /** The largest timestamp of a record, ms since the epoch. */
  readonly maxTimestampMs: number;
  /** -1 for a producer that is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** One record of a batch. */
export interface BatchRecord {
  /** The record with its length, as it stands in the batch when unpacked. */
  readonly raw: Buffer;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** Whether its value is null: under compaction, the mark of a deleted key. */
  readonly isTombstone: boolean;
}

/** The fields of a batch; its first 61 bytes must be there. */
export function headerOf(batch: Buffer): BatchHeader {
  const baseOffset = batch.readBigInt64BE(at.baseOffset);
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(batch.readInt32BE(at.lastOffsetDelta)),
    leaderEpoch: batch.readInt32BE(at.leaderEpoch),
    maxTimestampMs: Number(batch.readBigInt64BE(at.maxTimestamp)),
    producerId: batch.readBigInt64BE(at.producerId),
    producerEpoch: batch.readInt16BE(at.producerEpoch),
    baseSequence: batch.readInt32BE(at.baseSequence),
    recordCount: batch.readInt32BE(at.recordCount),
  };
}

/** The batch that begins at `start`, a view; `undefined` when it is not whole or not intact. */
export function batchAt(bytes: Buffer, start: number): Buffer | undefined {
  if (start + at.records > bytes.length) return undefined;
  const end = start + prefixBytes + bytes.readInt32BE(start + at.length);
  if (end < start + at.records || end > bytes.length) return undefined;
  const batch = bytes.subarray(start, end);
  return batch.readInt8(at.magic) === 2 && batch.readUInt32BE(at.crc) === checksumOf(batch) ? batch : undefined;
}

/** What is wrong with the records that a producer sent for one partition; they must be one intact batch, numbered from 0. */
export function problemWith(records: Buffer): KafkaErrorName | undefined {
  const batch = batchAt(records, 0);
  if (batch === undefined) return 'CORRUPT_MESSAGE';
  if (batch.length !== records.length) return 'INVALID_RECORD';
  const { recordCount } = headerOf(batch);
  if (recordCount < 1 || batch.readInt32BE(at.lastOffsetDelta) !== recordCount - 1) return 'INVALID_RECORD';
  return codecOf(batch) === 0 && !fillsExactly(batch, recordCount) ? 'INVALID_RECORD' : undefined;
}

/** Gives the batch its place in the log. */
export function placeBatch(batch: Buffer, baseOffset: bigint, leaderEpoch: number): void {
  batch.writeBigInt64BE(baseOffset, at.baseOffset);
  batch.writeInt32BE(leaderEpoch, at.leaderEpoch);
}

/** Stamps all records of the batch with the time of its append, as `message.timestamp.type=LogAppendTime` asks. */
export function stampBatch(batch: Buffer, nowMs: number): void {
  batch.writeInt16BE(batch.readInt16BE(at.attributes) | appendTimeFlag, at.attributes);
  batch.writeBigInt64BE(BigInt(nowMs), at.maxTimestamp);
  batch.writeUInt32BE(checksumOf(batch), at.crc);
}

/** The records of a batch; `undefined` when they are packed with a codec other than gzip, or cannot be read. */
export function recordsOf(batch: Buffer): BatchRecord[] | undefined {
  const codec = codecOf(batch);
  if (codec !== 0 && codec !== gzipCodec) return undefined;
  try {
    const packed = batch.subarray(at.records);
    const bytes = codec === 0 ? packed : gunzipSync(packed, { maxOutputLength: unpackedBytesMax });
    return readRecords(batch, bytes);
  } catch {
    return undefined;
  }
}

/** The batch with some of its records: it still spans the same offsets, so that readers see holes and not shifts. */
export function withRecords(batch: Buffer, records: readonly BatchRecord[]): Buffer {
  const bytes = Buffer.concat(records.map(({ raw }) => raw));
  const kept = Buffer.concat([batch.subarray(0, at.records), codecOf(batch) === gzipCodec ? gzipSync(bytes) : bytes]);
  kept.writeInt32BE(kept.length - prefixBytes, at.length);
  kept.writeInt32BE(records.length, at.recordCount);
  kept.writeUInt32BE(checksumOf(kept), at.crc);
  return kept;
}

/** A batch that spans `offsetCount` offsets and holds no record, such as a log cleaner leaves behind. */
export function emptyBatch(offsetCount: number, nowMs: number): Buffer {
  const batch = Buffer.alloc(at.records);
  batch.writeInt32BE(batch.length - prefixBytes, at.length);
  batch.writeInt8(2, at.magic);
  batch.writeInt32BE(offsetCount - 1, at.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(nowMs), at.baseTimestamp);
  batch.writeBigInt64BE(BigInt(nowMs), at.maxTimestamp);
  batch.writeBigInt64BE(-1n, at.producerId);
  batch.writeInt16BE(-1, at.producerEpoch);
  batch.writeInt32BE(-1, at.baseSequence);
  batch.writeUInt32BE(checksumOf(batch), at.crc);
  return batch;
}

function codecOf(batch: Buffer): number {
  return batch.readInt16BE(at.attributes) & codecMask;
}

function checksumOf(batch: Buffer): number {
  return crc32c(batch.subarray(at.attributes));
}

function fillsExactly(batch: Buffer, recordCount: number): boolean {
  let end: number = at.records;
  for (let index = 0; index < recordCount; index += 1) {
    const length = varintAt(batch, end);
    if (length === undefined || length.value < 0) return false;
    end = length.next + length.value;
    if (end > batch.length) return false;
  }
  return end === batch.length;
}

function readRecords(batch: Buffer, bytes: Buffer): BatchRecord[] | undefined {
  const { baseOffset, recordCount, maxTimestampMs } = headerOf(batch);
  const isAppendTime = (batch.readInt16BE(at.attributes) & appendTimeFlag) !== 0;
  const baseTimestampMs = Number(batch.readBigInt64BE(at.baseTimestamp));
  const records: BatchRecord[] = [];
  let start = 0;
  while (records.length < recordCount) {
    const length = varintAt(bytes, start);
    if (length === undefined || length.value < 1 || length.next + length.value > bytes.length) return undefined;
    const end = length.next + length.value;
    const fields = fieldsOf(bytes.subarray(length.next, end));
    if (fields === undefined) return undefined;
    records.push({
      raw: bytes.subarray(start, end),
      offset: baseOffset + BigInt(fields.offsetDelta),
      timestampMs: isAppendTime ? maxTimestampMs : baseTimestampMs + fields.timestampDelta,
      key: fields.key,
      isTombstone: fields.valueLength < 0,
    });
    start = end;
  }
  return records;
}

interface RecordFields {
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly key: Buffer | null;
  readonly valueLength: number;
}

function fieldsOf(record: Buffer): RecordFields | undefined {
  const timestampDelta = varintAt(record, 1);
  const offsetDelta = timestampDelta && varintAt(record, timestampDelta.next);
  const keyLength = offsetDelta && varintAt(record, offsetDelta.next);
  if (keyLength === undefined) return undefined;
  const keyEnd = keyLength.next + Math.max(0, keyLength.value);
  const valueLength = varintAt(record, keyEnd);
  if (valueLength === undefined) return undefined;
  return {
    timestampDelta: timestampDelta?.value ?? 0,
    offsetDelta: offsetDelta?.value ?? 0,
    key: keyLength.value < 0 ? null : record.subarray(keyLength.next, keyEnd),
    valueLength: valueLength.value,
  };
}

/** A zig-zag varint of up to ten bytes; `undefined` past the end. Exact up to 2^53, beyond any length, delta or timestamp. */
function varintAt(bytes: Buffer, start: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  let factor = 1;
  for (let next = start; next < bytes.length && next < start + 10; next += 1) {
    const byte = bytes[next] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, next: next + 1 };
    factor *= 128;
  }
  return undefined;
}
