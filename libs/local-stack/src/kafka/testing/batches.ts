import { gzipSync } from 'node:zlib';
import { crc32c } from '../crc32c.js';

export interface MadeRecord {
  readonly key: string | null;
  readonly value: string | null;
  /** Milliseconds after the batch's own timestamp. Default 0. */
  readonly afterMs?: number;
}

export interface MadeBatch {
  readonly records: readonly MadeRecord[];
  /** Default 1,000. */
  readonly timestampMs?: number;
  readonly isGzipped?: boolean;
  /** Default: not idempotent. */
  readonly producer?: { readonly id: bigint; readonly epoch: number; readonly sequence: number };
}

/** A batch as a producer sends it, written down from the format's description and not from the code that reads it. */
export function makeBatch({ records, timestampMs = 1_000, isGzipped = false, producer }: MadeBatch): Buffer {
  const encoded = Buffer.concat(records.map((record, index) => encodeRecord(record, index)));
  const body = isGzipped ? gzipSync(encoded) : encoded;
  const head = Buffer.alloc(61);
  head.writeInt32BE(49 + body.length, 8);
  head.writeInt32BE(-1, 12);
  head.writeInt8(2, 16);
  head.writeInt16BE(isGzipped ? 1 : 0, 21);
  head.writeInt32BE(records.length - 1, 23);
  head.writeBigInt64BE(BigInt(timestampMs), 27);
  head.writeBigInt64BE(BigInt(timestampMs + Math.max(0, ...records.map(({ afterMs = 0 }) => afterMs))), 35);
  head.writeBigInt64BE(producer?.id ?? -1n, 43);
  head.writeInt16BE(producer?.epoch ?? -1, 51);
  head.writeInt32BE(producer?.sequence ?? -1, 53);
  head.writeInt32BE(records.length, 57);
  const batch = Buffer.concat([head, body]);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** A batch of one record with this key and value. */
export function oneRecord(key: string | null, value: string | null, timestampMs = 1_000): Buffer {
  return makeBatch({ records: [{ key, value }], timestampMs });
}

function encodeRecord({ key, value, afterMs = 0 }: MadeRecord, offsetDelta: number): Buffer {
  const fields = [Buffer.from([0]), varint(afterMs), varint(offsetDelta), text(key), text(value), varint(0)];
  const body = Buffer.concat(fields);
  return Buffer.concat([varint(body.length), body]);
}

function text(value: string | null): Buffer {
  if (value === null) return varint(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  const bytes: number[] = [];
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
