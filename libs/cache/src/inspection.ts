import { type Inspection } from './cache.js';
import { type Entry } from './entry.js';
import { type PartitionState } from './partition-state.js';

/** What `inspect` shows of a key. */
export function inspectionOf(
  entry: Entry | undefined,
  partition: { readonly index: number; readonly state: PartitionState } | undefined,
  inFlight: boolean,
): Inspection {
  return {
    ...describe(entry),
    partition: partition?.index ?? null,
    watermark: orNull(partition?.state.watermark),
    inFlight,
  };
}

function describe(entry: Entry | undefined): Omit<Inspection, 'partition' | 'watermark' | 'inFlight'> {
  if (entry === undefined)
    return { state: 'none', writeId: null, stampUs: null, readAt: null, expiresAt: null, source: null };
  const { value, writeId, stampUs, readAt, expiresAt, source } = entry;
  const state = value === undefined ? 'absent' : 'value';
  return { state, writeId, stampUs: orNull(stampUs), readAt: orNull(readAt), expiresAt: orNull(expiresAt), source };
}

function orNull(value: number | undefined): number | null {
  return value === undefined || value === 0 ? null : value;
}
