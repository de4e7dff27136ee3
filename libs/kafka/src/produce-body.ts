/// <reference types="./kafkajs-internals.d.ts" />
import crc32c from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';
import { type Message } from 'kafkajs';
import { ByteWriter, textBytes, varIntBytes } from './byte-writer.js';

/** What kafkajs makes a produce request of. */
export interface ProduceOptions {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null | undefined;
  readonly producerId?: number | undefined;
  readonly producerEpoch?: number | undefined;
  readonly compression?: number | undefined;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence?: number | undefined;
      readonly messages: readonly Message[];
    }[];
  }[];
}

/** Transaction, acknowledgements, time-out, number of topics. */
const headBytes = 2 + 2 + 4 + 4;
/** From the start of a batch to its first record, bytes; the first 12 are not counted by its length. */
const batchHeadBytes = 61;
/** What the checksum is of begins here. */
const checkedFrom = 21;
const noProducer = -1;

/**
 * The body of a produce request, versions 3 to 7: the bytes that kafkajs makes, in one pass into one buffer. `undefined`: it holds what Tidemark never
 * sends (compression, transactions, sequences, timestamps or lists of headers), and is left to kafkajs. `nowMs`: what the records are dated.
 */
export function produceBody(options: ProduceOptions, nowMs: number): Buffer | undefined {
  const { acks, timeout, topicData } = options;
  if (!isPlain(options)) return undefined;
  const topics = topicData.map(({ topic, partitions }) => ({
    ...{ topic, length: textBytes(topic) },
    batches: partitions.map(({ partition, messages }) => batchOf(partition, messages)),
  }));
  const bytes = headBytes + sum(topics, ({ length, batches }) => 6 + length + sum(batches, (batch) => batch.bytes));
  // Not a number where a record cannot be measured.
  if (!Number.isSafeInteger(bytes)) return undefined;
  const writer = new ByteWriter(bytes);
  writer.int16(-1);
  writer.int16(acks);
  writer.int32(timeout);
  writer.int32(topics.length);
  for (const { topic, length, batches } of topics) {
    writer.int16(length);
    writer.text(topic, length);
    writer.int32(batches.length);
    for (const batch of batches) writeBatch(writer, batch, nowMs);
  }
  return writer.written;
}

function isPlain({ transactionalId, producerId = noProducer, producerEpoch = 0, ...rest }: ProduceOptions): boolean {
  const { compression = 0, topicData } = rest;
  const isUncounted = topicData.every(({ partitions }) =>
    partitions.every(({ firstSequence = 0 }) => firstSequence === 0),
  );
  const isOfNoProducer = (transactionalId ?? null) === null && producerId === noProducer && producerEpoch === 0;
  return isOfNoProducer && isUncounted && compression === 0;
}

function sum<T>(parts: readonly T[], of: (part: T) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}

/** The messages of one partition, measured. */
interface Batch {
  readonly partition: number;
  readonly messages: readonly Message[];
  /** Bytes of each record without its length. */
  readonly bodies: readonly number[];
  /** Of the batch with its head, partition and length. */
  readonly bytes: number;
}

function batchOf(partition: number, messages: readonly Message[]): Batch {
  const bodies = new Array<number>(messages.length);
  let bytes = 8 + batchHeadBytes;
  for (const [index, message] of messages.entries()) {
    const body = bodyBytes(message, index);
    bodies[index] = body;
    bytes += varIntBytes(body) + body;
  }
  return { partition, messages, bodies, bytes };
}

/** Attributes, time, and place in the batch come before key, value and headers. */
function bodyBytes({ key, value, headers, timestamp }: Message, index: number): number {
  if (timestamp !== undefined) return Number.NaN;
  let bytes = 2 + varIntBytes(index) + partBytes(key) + partBytes(value);
  const names = headers === undefined ? [] : Object.keys(headers);
  bytes += varIntBytes(names.length);
  for (const name of names) {
    const header = headers?.[name] ?? undefined;
    bytes += partBytes(name) + (header === undefined ? Number.NaN : partBytes(header as Buffer | string));
  }
  return bytes;
}

/** Not a number: only kafkajs knows how to write it. */
function partBytes(part: Buffer | string | null | undefined): number {
  if (part === null || part === undefined) return 1;
  const bytes = typeof part === 'string' ? textBytes(part) : Buffer.isBuffer(part) ? part.length : Number.NaN;
  return varIntBytes(bytes) + bytes;
}

function writeBatch(writer: ByteWriter, { partition, messages, bodies, bytes }: Batch, nowMs: number): void {
  writer.int32(partition);
  writer.int32(bytes - 8);
  const start = writer.at;
  writer.int64(0);
  writer.int32(bytes - 8 - 12);
  writer.int32(0);
  writer.int8(2);
  writer.int32(0);
  writer.int16(0);
  writer.int32(messages.length - 1);
  writer.int64(nowMs);
  writer.int64(nowMs);
  writer.int64(noProducer);
  writer.int16(0);
  writer.int32(0);
  writer.int32(messages.length);
  for (const [index, message] of messages.entries()) writeRecord(writer, message, bodies[index] ?? 0, index);
  writer.int32At(start + checkedFrom - 4, crc32c(writer.since(start + checkedFrom)));
}

function writeRecord(writer: ByteWriter, { key, value, headers }: Message, bytes: number, index: number): void {
  writer.varInt(bytes);
  writer.int8(0);
  writer.int8(0);
  writer.varInt(index);
  writePart(writer, key);
  writePart(writer, value);
  const names = headers === undefined ? [] : Object.keys(headers);
  writer.varInt(names.length);
  for (const name of names) {
    writePart(writer, name);
    writePart(writer, headers?.[name] as Buffer | string);
  }
}

function writePart(writer: ByteWriter, part: Buffer | string | null | undefined): void {
  if (part === null || part === undefined) return writer.varInt(-1);
  const length = typeof part === 'string' ? textBytes(part) : part.length;
  writer.varInt(length);
  if (typeof part === 'string') writer.text(part, length);
  else writer.bytes(part);
}
