import { decodeRecord, type KeyRange, parseItemKey, type Route, type WireRecord } from '@tidemark/protocol';

import { type SourceBatch, type SourceRecord } from './ports.js';

/**
 * Whether a topic of these buckets gets a record. Only an event that is certainly another bucket's is left out: control records are for
 * everybody, and a record that cannot be read may have been about any key, as its readers must be told.
 */
export function isForBuckets(record: WireRecord, buckets: readonly string[]): boolean {
  const decoded = decodeRecord(record);
  if (decoded.type !== 'event' && decoded.type !== 'unknown-event') return true;
  const parts = parseItemKey(decoded.type === 'event' ? decoded.event.key : decoded.key);
  return parts === undefined || buckets.includes(parts.bucket);
}

/**
 * What is sent of a batch: all of it, but of records that were handled before a rewind only what that is about. The fast lane is left out, for
 * the change log tells the same with a stamp, by which pods know an event that is older than what they read.
 */
export function replayedOf({ records, rewind: note }: SourceBatch, route: Route | undefined): readonly SourceRecord[] {
  const [first] = records;
  if (note === undefined || first === undefined || BigInt(first.src) >= note.until) return records;
  // The keys of a rewind that another one has taken the place of are not known: sending more than those harms nobody.
  const keys = route?.rewind?.id === note.id ? rangeOf(route.rewind.keys) : undefined;
  return records.filter((record) => BigInt(record.src) >= note.until || isReplayed(record, keys));
}

interface ByteRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

function rangeOf(keys: KeyRange | undefined): ByteRange | undefined {
  return keys === undefined ? undefined : { from: Buffer.from(keys.from), to: Buffer.from(keys.to) };
}

/** Control records are for everybody, and a record that cannot be read may have been about any key. */
function isReplayed(record: WireRecord, keys: ByteRange | undefined): boolean {
  const decoded = decodeRecord(record);
  if (decoded.type === 'event' && decoded.event.lane === 'fast') return false;
  if (keys === undefined || (decoded.type !== 'event' && decoded.type !== 'unknown-event')) return true;
  const key = Buffer.from(decoded.type === 'event' ? decoded.event.key : decoded.key);
  return key.compare(keys.from) >= 0 && key.compare(keys.to) < 0;
}
