import { partitionOf, type WireRecord } from '@tidemark/protocol';
import { type OutgoingRecord, type ShardRecord } from './ports.js';

/** A record of the stream that could not be turned into an event, or not into one that Kafka takes. */
export interface DeadLetter {
  readonly reason: string;
  readonly shardId: string;
  /** What could be read of it. */
  readonly table: string | null;
  readonly key: string | null;
  readonly record: ShardRecord;
}

/** Longest base64 text of a dead letter, characters. */
const base64Max = 512 * 1_024;
const bytesMax = (base64Max / 4) * 3;
/** Longest other text of it, characters. */
const textMax = 2_048;

/** The dead letter on Kafka: one JSON object. `truncated` says that the stream's record was longer. `at`: ms since the epoch. */
export function deadLetterRecord(letter: DeadLetter, at: number): WireRecord {
  const { reason, shardId, table, key, record } = letter;
  const { buffer, byteOffset, byteLength } = record.bytes;
  const value = {
    v: '1.0',
    at: new Date(at).toISOString(),
    reason: reason.slice(0, textMax),
    shardId,
    sequenceNumber: record.sequenceNumber,
    table: table?.slice(0, textMax) ?? null,
    key: key?.slice(0, textMax) ?? null,
    bytes: byteLength,
    truncated: byteLength > bytesMax,
    base64: Buffer.from(buffer, byteOffset, Math.min(byteLength, bytesMax)).toString('base64'),
  };
  return { key: shardId, value: Buffer.from(JSON.stringify(value)), header: null };
}

/** Letters of a shard share a partition, so they stay in order. */
export function outgoingDeadLetter(letter: DeadLetter, at: number, partitions: number): OutgoingRecord {
  return { partition: partitionOf(letter.shardId, partitions), record: deadLetterRecord(letter, at) };
}
