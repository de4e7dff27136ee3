import { decodeRecord, parseItemKey, type WireRecord } from '@tidemark/protocol';

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
