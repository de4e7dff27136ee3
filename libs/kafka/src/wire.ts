import { decodeSrc, encodeSrc, headerName, srcHeaderName, type WireRecord } from '@tidemark/protocol';
import { type KafkaMessage, type Message } from 'kafkajs';

/** A message as Tidemark reads it; only its own headers are looked at. */
export function fromKafka(message: KafkaMessage): WireRecord {
  const { key, value, headers } = message;
  const header = headers?.[headerName];
  const src = headers?.[srcHeaderName];
  const record = { key, value, header: (Array.isArray(header) ? header[0] : header) ?? null };
  return src === undefined ? record : { ...record, src: decodeSrc(Array.isArray(src) ? src[0] : src) };
}

/** A message of a table topic: its `src` is its own offset, whatever somebody wrote there. */
export function fromTableTopic(message: KafkaMessage): WireRecord & { readonly src: number } {
  const { key, value, headers, offset } = message;
  const header = headers?.[headerName];
  return { key, value, header: (Array.isArray(header) ? header[0] : header) ?? null, src: Number(offset) };
}

/** A record as kafkajs writes it, for one partition. */
export function toKafka(record: WireRecord, partition: number): Message {
  const { key, value, header, src } = record;
  const message: Message = { partition, key: bytes(key), value: value === null ? null : view(value) };
  const own = typeof header === 'string' || header === null ? header : view(header);
  if (src === undefined) {
    if (own !== null) message.headers = { [headerName]: own };
  } else if (own === null) message.headers = { [srcHeaderName]: encodeSrc(src) };
  else message.headers = { [headerName]: own, [srcHeaderName]: encodeSrc(src) };
  return message;
}

/** Of an offset as text; no safe integer has more digits. */
const srcDigitsMax = 16;

/** About what the record takes in a request, bytes. */
export function wireBytes({ key, value, header, src }: WireRecord): number {
  const place = src === undefined ? 0 : 2 + srcHeaderName.length + srcDigitsMax;
  return 24 + lengthOf(key) + lengthOf(value) + lengthOf(header) + place;
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
