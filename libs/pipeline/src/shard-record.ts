import {
  type BinaryEncoding,
  encodeEvent,
  isOwnItemKey,
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

/** What the records of a page make sync say, in their order. */
export interface TranslatedPage {
  readonly steps: readonly Step[];
  readonly deadLetters: readonly DeadLetter[];
}

/** Translates the records of one shard; never throws and never skips: what cannot be translated drops its key, else its table, else every table, and leaves a dead letter. */
export class RecordTranslator {
  readonly #context: ShardRecordContext;
  /** Whether the table that the last record named is one: nearly always the next one's, too. */
  #table: { readonly name: string; readonly ok: boolean } | undefined;

  constructor(context: ShardRecordContext) {
    this.#context = context;
  }

  translate(records: readonly ShardRecord[]): TranslatedPage {
    const deadLetters: DeadLetter[] = [];
    const steps = records.map((record) => {
      const { step, deadLetter } = this.#translateRecord(record);
      if (deadLetter !== undefined) deadLetters.push(deadLetter);
      return step;
    });
    return { steps, deadLetters };
  }

  #translateRecord(record: ShardRecord): TranslatedRecord {
    const { region, binary, shardId, recordBytesMax } = this.#context;
    if (isAggregated(record.bytes)) {
      return this.#unreadable(record, { reason: 'an aggregated record', table: null, key: null });
    }
    const position = `${shardId}:${record.sequenceNumber}`;
    const translation = translateChangeRecord(record.bytes, { region, binary, position });
    if (!translation.ok) return this.#unreadable(record, translation);
    const { event } = translation;
    const { table, key } = event;
    if (!this.#isTable(table)) return this.#unreadable(record, { reason: 'tableName: not a table', table, key });
    if (!isKey(key)) return this.#unreadable(record, { reason: 'dynamodb.Keys.key: not a key', table, key });
    // Nobody in this region follows what Tidemark keeps for itself; that it changed is an event all the same.
    const encoded = encodeEvent(isOwnItemKey(key) ? { ...event, value: null } : event);
    const bytes = wireBytes(encoded);
    if (bytes <= recordBytesMax) return { step: { type: 'event', table, key, record: encoded } };
    const reason = `too large for Kafka: ${bytes} bytes`;
    return { step: { type: 'invalidate', table, key }, deadLetter: { reason, shardId, table, key, record } };
  }

  #unreadable(record: ShardRecord, found: Found): TranslatedRecord {
    const { reason, table, key } = found;
    const deadLetter = { reason, shardId: this.#context.shardId, table, key, record };
    if (table === null || !this.#isTable(table)) {
      return { step: { type: 'flush-all', reason: 'unreadable-record' }, deadLetter };
    }
    if (key === null || !isKey(key)) {
      return { step: { type: 'flush-table', table, reason: 'unreadable-record' }, deadLetter };
    }
    return { step: { type: 'invalidate', table, key }, deadLetter };
  }

  #isTable(name: string): boolean {
    if (this.#table?.name !== name) {
      const ok = tableProblem(name) === undefined && topicProblem(this.#context.names.cdc(name)) === undefined;
      this.#table = { name, ok };
    }
    return this.#table.ok;
  }
}

interface TranslatedRecord {
  readonly step: Step;
  readonly deadLetter?: DeadLetter;
}

interface Found {
  readonly reason: string;
  readonly table: string | null;
  readonly key: string | null;
}

/** Bytes that a record takes on Kafka, with room for its framing. */
export function wireBytes({ key, value, header }: WireRecord): number {
  return 64 + byteLength(key) + byteLength(value) + byteLength(header);
}

function isAggregated(bytes: Uint8Array): boolean {
  return aggregationMagic.every((byte, index) => bytes[index] === byte);
}

function isKey(key: string): boolean {
  return key !== '' && Buffer.byteLength(key) <= itemKeyBytesMax;
}

function byteLength(part: Uint8Array | string | null): number {
  if (part === null) return 0;
  return typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
}
