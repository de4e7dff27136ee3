import {
  type BinaryEncoding,
  encodeEvent,
  itemKeyBytesMax,
  tableProblem,
  type TopicNames,
  topicProblem,
  translateChangeRecord,
  type WireRecord,
} from '@tidemark/protocol';
import { type DeadLetter } from './dead-letter.js';
import { type ShardRecord } from './ports.js';

/** What one record of the stream makes sync say: about a key, a table, or every table. */
export type Step =
  | { readonly type: 'event'; readonly table: string; readonly key: string; readonly record: WireRecord }
  | { readonly type: 'invalidate'; readonly table: string; readonly key: string }
  | { readonly type: 'flush-table'; readonly table: string; readonly reason: string }
  | { readonly type: 'flush-all'; readonly reason: string };

export interface TranslatedRecord {
  readonly step: Step;
  readonly deadLetter?: DeadLetter;
}

export interface ShardRecordContext {
  readonly names: TopicNames;
  /** Region of the replica whose changes the stream carries. */
  readonly region: string;
  readonly binary: BinaryEncoding;
  readonly shardId: string;
  /** Largest record that is sent to Kafka with its value, bytes. */
  readonly recordBytesMax: number;
}

/** The first bytes of a record that the Kinesis Producer Library aggregated. DynamoDB never does. */
const aggregationMagic = Buffer.from('f3899ac2', 'hex');

/** Never throws and never skips: what cannot be translated drops its key, else its table, else every table, and leaves a dead letter. */
export function translateRecord(record: ShardRecord, context: ShardRecordContext): TranslatedRecord {
  const { names, region, binary, shardId, recordBytesMax } = context;
  if (aggregationMagic.equals(record.bytes.subarray(0, aggregationMagic.length))) {
    return unreadable(record, context, { reason: 'an aggregated record', table: null, key: null });
  }
  const position = `${shardId}:${record.sequenceNumber}`;
  const translation = translateChangeRecord(record.bytes, { region, binary, position });
  if (!translation.ok) return unreadable(record, context, translation);
  const { event } = translation;
  const { table, key } = event;
  if (!isTable(table, names)) return unreadable(record, context, { reason: 'tableName: not a table', table, key });
  if (!isKey(key)) return unreadable(record, context, { reason: 'dynamodb.Keys.key: not a key', table, key });
  const encoded = encodeEvent(event);
  const bytes = wireBytes(encoded);
  if (bytes <= recordBytesMax) return { step: { type: 'event', table, key, record: encoded } };
  const reason = `too large for Kafka: ${bytes} bytes`;
  return { step: { type: 'invalidate', table, key }, deadLetter: { reason, shardId, table, key, record } };
}

/** Bytes that a record takes on Kafka, with room for its framing. */
export function wireBytes({ key, value, header }: WireRecord): number {
  return 64 + byteLength(key) + byteLength(value) + byteLength(header);
}

interface Found {
  readonly reason: string;
  readonly table: string | null;
  readonly key: string | null;
}

function unreadable(record: ShardRecord, { names, shardId }: ShardRecordContext, found: Found): TranslatedRecord {
  const { reason, table, key } = found;
  const deadLetter = { reason, shardId, table, key, record };
  if (table === null || !isTable(table, names)) {
    return { step: { type: 'flush-all', reason: 'unreadable-record' }, deadLetter };
  }
  if (key === null || !isKey(key)) {
    return { step: { type: 'flush-table', table, reason: 'unreadable-record' }, deadLetter };
  }
  return { step: { type: 'invalidate', table, key }, deadLetter };
}

function isTable(table: string, names: TopicNames): boolean {
  return tableProblem(table) === undefined && topicProblem(names.cdc(table)) === undefined;
}

function isKey(key: string): boolean {
  return key !== '' && Buffer.byteLength(key) <= itemKeyBytesMax;
}

function byteLength(part: Uint8Array | string | null): number {
  if (part === null) return 0;
  return typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
}
