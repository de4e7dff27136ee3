import { headerName, type WireRecord } from '@tidemark/protocol';
import { type KafkaMessage, type Message } from 'kafkajs';

/** A message as Tidemark reads it; only its own header is looked at. */
export function fromKafka(message: KafkaMessage): WireRecord {
  const header = message.headers?.[headerName];
  return {
    key: message.key,
    value: message.value,
    header: (Array.isArray(header) ? header[0] : header) ?? null,
  };
}

/** A record as kafkajs writes it, for one partition. */
export function toKafka(record: WireRecord, partition: number): Message {
  const { key, value, header } = record;
  const message: Message = { partition, key: bytes(key), value: value === null ? null : view(value) };
  if (header !== null) message.headers = { [headerName]: typeof header === 'string' ? header : view(header) };
  return message;
}

/** About what the record takes in a request, bytes. */
export function wireBytes({ key, value, header }: WireRecord): number {
  return 24 + lengthOf(key) + lengthOf(value) + lengthOf(header);
}

/** A record's key as text, or `undefined` when it has none. */
export function keyText({ key }: WireRecord): string | undefined {
  if (key === null) return undefined;
  return typeof key === 'string' ? key : view(key).toString('utf8');
}

function bytes(key: Uint8Array | string | null): Buffer | string | null {
  return key === null || typeof key === 'string' ? key : view(key);
}

/** The same bytes, not a copy. */
function view(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function lengthOf(part: Uint8Array | string | null): number {
  if (part === null) return 0;
  return typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
}
