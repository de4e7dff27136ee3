import { crc32c } from './crc32c.js';

/**
 * Record batches, format 2, as clients send them and as the log keeps them: raw. The checksum covers everything from the attributes on,
 * so the base offset can be rewritten freely, and a new timestamp needs a new checksum.
 */
const at = {
  baseOffset: 0,
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  maxTimestamp: 35,
  recordCount: 57,
  records: 61,
} as const;

const compressionMask = 0x07;
const logAppendTimeFlag = 0x08;

/** The batches of a record set; `undefined` when it is not whole, of another format, or its checksum is wrong. */
export function splitBatches(records: Buffer): Buffer[] | undefined {
  const batches: Buffer[] = [];
  let start = 0;
  while (start < records.length) {
    if (start + at.records > records.length) return undefined;
    const end = start + 12 + records.readInt32BE(start + at.length);
    if (end > records.length || end < start + at.records) return undefined;
    const batch = Buffer.from(records.subarray(start, end));
    if (batch.readInt8(at.magic) !== 2 || batch.readUInt32BE(at.crc) !== crc32c(batch.subarray(at.attributes)))
      return undefined;
    batches.push(batch);
    start = end;
  }
  return batches;
}

export function setBaseOffset(batch: Buffer, offset: bigint): void {
  batch.writeBigInt64BE(offset, at.baseOffset);
}

export function baseOffset(batch: Buffer): bigint {
  return batch.readBigInt64BE(at.baseOffset);
}

export function lastOffset(batch: Buffer): bigint {
  return baseOffset(batch) + BigInt(batch.readInt32BE(at.lastOffsetDelta));
}

export function recordCount(batch: Buffer): number {
  return batch.readInt32BE(at.recordCount);
}

export function maxTimestamp(batch: Buffer): bigint {
  return batch.readBigInt64BE(at.maxTimestamp);
}

export function isCompressed(batch: Buffer): boolean {
  return (batch.readInt16BE(at.attributes) & compressionMask) !== 0;
}

/** Stamps the batch with the time of its append, as `message.timestamp.type=LogAppendTime` asks. */
export function setAppendTime(batch: Buffer, ms: number): void {
  batch.writeInt16BE(batch.readInt16BE(at.attributes) | logAppendTimeFlag, at.attributes);
  batch.writeBigInt64BE(BigInt(ms), at.maxTimestamp);
  writeChecksum(batch);
}

export interface BatchRecord {
  /** The record with its length prefix, as it stands in the batch. */
  readonly raw: Buffer;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly isTombstone: boolean;
}

/** The records of a batch that is not compressed. */
export function recordsOf(batch: Buffer): BatchRecord[] {
  const records: BatchRecord[] = [];
  let start: number = at.records;
  for (let i = 0; i < recordCount(batch); i += 1) {
    const length = varint(batch, start);
    const body = length.next;
    const timestampDelta = varint(batch, body + 1);
    const offsetDelta = varint(batch, timestampDelta.next);
    const keyLength = varint(batch, offsetDelta.next);
    const keyEnd = keyLength.next + Math.max(0, keyLength.value);
    const valueLength = varint(batch, keyEnd);
    const end = body + length.value;
    records.push({
      raw: batch.subarray(start, end),
      offset: baseOffset(batch) + BigInt(offsetDelta.value),
      key: keyLength.value < 0 ? null : batch.subarray(keyLength.next, keyEnd),
      isTombstone: valueLength.value < 0,
    });
    start = end;
  }
  return records;
}

/** The batch with some of its records: offsets and the batch's last offset stay, so that readers see a hole and not a shift. */
export function withRecords(batch: Buffer, records: readonly BatchRecord[]): Buffer {
  const kept = Buffer.concat([batch.subarray(0, at.records), ...records.map(({ raw }) => raw)]);
  kept.writeInt32BE(kept.length - 12, at.length);
  kept.writeInt32BE(records.length, at.recordCount);
  writeChecksum(kept);
  return kept;
}

function writeChecksum(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(at.attributes)), at.crc);
}

/** A zig-zag varint; values here fit in 32 bits, timestamps deltas are skipped whole. */
function varint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let factor = 1;
  let next = start;
  for (;;) {
    const byte = bytes[next] ?? 0;
    next += 1;
    value += (byte & 0x7f) * factor;
    if ((byte & 0x80) === 0 || next - start >= 10) break;
    factor *= 128;
  }
  return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, next };
}
