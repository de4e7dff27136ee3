import { type Batch, type IHeaders, type KafkaMessage } from 'kafkajs';

/**
 * The batch with bytes of its own: what kafkajs hands over is a view of the whole answer that it came with, and keeps all of that in memory.
 *
 * A batch lies in one piece of the answer, which is copied as one.
 */
export function copyOfBatch(batch: Batch): Batch {
  const region = regionOf(batch.messages);
  const own = region === undefined ? copyAlone : relocation(region);
  const messages = batch.messages.map((message) => moved(message, own));
  return Object.create(batch, { messages: { value: messages } }) as Batch;
}

/** A stretch of one answer. */
interface Region {
  readonly bytes: ArrayBufferLike;
  readonly start: number;
  readonly end: number;
}

type Relocate = (part: Buffer) => Buffer;

/** The stretch that holds all keys and values; `undefined`: they lie in several answers, or there are none. */
function regionOf(messages: readonly KafkaMessage[]): Region | undefined {
  let bytes: ArrayBufferLike | undefined;
  let [start, end] = [Infinity, 0];
  for (const { key, value } of messages) {
    for (const part of [key, value]) {
      if (part === null) continue;
      if (bytes !== undefined && part.buffer !== bytes) return undefined;
      bytes = part.buffer;
      start = Math.min(start, part.byteOffset);
      end = Math.max(end, part.byteOffset + part.byteLength);
    }
  }
  return bytes === undefined ? undefined : { bytes, start, end };
}

/** Finds each part in a copy of the stretch; a part beside it (the last headers) is copied alone. */
function relocation({ bytes, start, end }: Region): Relocate {
  const copy = Buffer.allocUnsafeSlow(end - start);
  copy.set(new Uint8Array(bytes, start, end - start));
  return (part) => {
    const from = part.byteOffset - start;
    const to = from + part.byteLength;
    const isInside = part.buffer === bytes && from >= 0 && to <= copy.length;
    return isInside ? copy.subarray(from, to) : copyAlone(part);
  };
}

function copyAlone(part: Buffer): Buffer {
  return Buffer.from(part);
}

/** Of a message, only what its readers look at. */
function moved({ key, value, headers, offset, timestamp }: KafkaMessage, own: Relocate): KafkaMessage {
  const copied: IHeaders = {};
  for (const name in headers) {
    const header = headers[name];
    copied[name] = Buffer.isBuffer(header) ? own(header) : header;
  }
  return { key: key && own(key), value: value && own(value), headers: copied, offset, timestamp, attributes: 0 };
}
