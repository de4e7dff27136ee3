import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { isRecord } from './wire-item.js';

/** Before the headers: the length of the message, that of its headers, and a checksum of both; behind the payload, a checksum of all. */
const preludeBytes = 12;
const checksumBytes = 4;

/**
 * The events of a shard as AWS sends them: they end with the shard, and the last one names its children. kinesis-local goes on with empty events for as
 * long as it is listened to. `childrenOf`: the children, or `undefined` while the shard is open.
 */
export function endingWithShard(events: Readable, childrenOf: () => Promise<readonly object[] | undefined>): Readable {
  return Readable.from(untilEnd(events, childrenOf), { objectMode: false });
}

async function* untilEnd(
  events: Readable,
  childrenOf: () => Promise<readonly object[] | undefined>,
): AsyncGenerator<Buffer> {
  let children: readonly object[] | undefined;
  for await (const message of messagesOf(events)) {
    const isIdle = isIdleEvent(message);
    if (isIdle && children !== undefined) {
      yield withPayload(message, { Records: [], MillisBehindLatest: 0, ChildShards: children });
      return;
    }
    yield message;
    // Only an event that was made after the shard is known to be closed can be its last.
    if (isIdle) children = await childrenOf();
  }
}

async function* messagesOf(events: Readable): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of events) {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.byteLength >= preludeBytes && held.byteLength >= held.readUInt32BE(0)) {
      const bytes = held.readUInt32BE(0);
      yield held.subarray(0, bytes);
      held = held.subarray(bytes);
    }
  }
  if (held.byteLength > 0) yield held;
}

function isIdleEvent(message: Buffer): boolean {
  const payload = message.subarray(payloadAt(message), message.byteLength - checksumBytes).toString('utf8');
  if (!payload.includes('"Records"')) return false;
  const event: unknown = JSON.parse(payload);
  return isRecord(event) && Array.isArray(event['Records']) && event['Records'].length === 0;
}

/** The message with another payload. */
export function withPayload(message: Buffer, payload: object): Buffer {
  const headers = message.subarray(preludeBytes, payloadAt(message));
  const body = Buffer.from(JSON.stringify(payload));
  const changed = Buffer.alloc(preludeBytes + headers.byteLength + body.byteLength + checksumBytes);
  changed.writeUInt32BE(changed.byteLength, 0);
  changed.writeUInt32BE(headers.byteLength, 4);
  changed.writeUInt32BE(crc32(changed.subarray(0, 8)), 8);
  headers.copy(changed, preludeBytes);
  body.copy(changed, preludeBytes + headers.byteLength);
  changed.writeUInt32BE(crc32(changed.subarray(0, -checksumBytes)), changed.byteLength - checksumBytes);
  return changed;
}

function payloadAt(message: Buffer): number {
  return preludeBytes + message.readUInt32BE(4);
}
