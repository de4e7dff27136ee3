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
import { type Logger } from '@tidemark/runtime';
import { type DeadLetter } from './dead-letter.js';
import { type ShardRecord } from './ports.js';

/** What one record of the stream makes sync say: about a key, a table, every table, or nothing. */
export type Step =
  | { readonly type: 'event'; readonly table: string; readonly key: string; readonly record: WireRecord }
  | { readonly type: 'invalidate'; readonly table: string; readonly key: string }
  | { readonly type: 'flush-table'; readonly table: string; readonly reason: string }
  | { readonly type: 'flush-all'; readonly reason: string }
  /** Nothing: no cache can be of such a table. */
  | { readonly type: 'ignore'; readonly table: string };

export interface ShardRecordContext {
  readonly names: TopicNames;
  /** Region of the replica whose changes the stream carries. */
  readonly region: string;
  readonly binary: BinaryEncoding;
  readonly shardId: string;
  /** Largest record that is sent to Kafka with its value, bytes. */
  readonly recordBytesMax: number;
  readonly log: Logger;
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
  /** What the table that the last record named is: nearly always the next one's, too. */
  #table: { readonly name: string; readonly is: TableKind } | undefined;
  /** Tables of which the log has been told that they are left alone. */
  readonly #told = new Set<string>();

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
    const kind = this.#kindOf(table);
    if (kind === 'uncached') return this.#ignored(table);
    if (kind === 'none') return this.#unreadable(record, { reason: 'tableName: not a table', table, key });
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
    const kind = table === null ? 'none' : this.#kindOf(table);
    if (table !== null && kind === 'uncached') return this.#ignored(table);
    if (table === null || kind === 'none') {
      return { step: { type: 'flush-all', reason: 'unreadable-record' }, deadLetter };
    }
    if (key === null || !isKey(key)) {
      return { step: { type: 'flush-table', table, reason: 'unreadable-record' }, deadLetter };
    }
    return { step: { type: 'invalidate', table, key }, deadLetter };
  }

  #ignored(table: string): TranslatedRecord {
    if (!this.#told.has(table) && this.#told.size < toldMax) {
      this.#told.add(table);
      const { shardId, log } = this.#context;
      log.warn(
        { shardId, table },
        'the name of a table is too long for a topic: no cache can be of it, and its changes are left alone',
      );
    }
    return { step: { type: 'ignore', table } };
  }

  #kindOf(name: string): TableKind {
    if (this.#table?.name !== name) this.#table = { name, is: tableKindOf(name, this.#context.names) };
    return this.#table.is;
  }
}

/** `uncached`: one that DynamoDB allows, and Tidemark does not, since its topics would have names that Kafka refuses. `none`: DynamoDB has no such table. */
type TableKind = 'table' | 'uncached' | 'none';

/** Tables that the log is told of by one reader of a shard, at most. */
const toldMax = 100;

function tableKindOf(name: string, names: TopicNames): TableKind {
  if (tableProblem(name) === undefined && topicProblem(names.cdc(name)) === undefined) return 'table';
  return /^[a-zA-Z0-9_.-]{3,255}$/.test(name) ? 'uncached' : 'none';
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
