import { type ControlRecord, encodeControl, partitionOf } from '@tidemark/protocol';
import { type OutgoingRecord } from './ports.js';
import { type Step, wireBytes } from './shard-record.js';

/** A step about one key. */
export type KeyStep = Extract<Step, { readonly key: string }>;

export function outgoingOf(step: KeyStep, partitions: number): OutgoingRecord {
  const record = step.type === 'event' ? step.record : invalidation(step.table, step.key);
  return { partition: partitionOf(step.key, partitions), record };
}

export function intoEveryPartition(control: ControlRecord, count: number): readonly OutgoingRecord[] {
  const record = encodeControl(control);
  return Array.from({ length: count }, (_, partition) => ({ partition, record }));
}

/** Cuts so that no partition gets more than `bytesMax` in one send; of a record that is larger by itself only the key is left. */
export function chunksOf(
  records: readonly OutgoingRecord[],
  bytesMax: number,
  table: string,
): readonly (readonly OutgoingRecord[])[] {
  const chunks: OutgoingRecord[][] = [];
  let chunk: OutgoingRecord[] = [];
  let bytes: number[] = [];
  for (const whole of records) {
    const { partition } = whole;
    let [outgoing, size] = [whole, wireBytes(whole.record)];
    if (size > bytesMax && whole.record.value !== null) {
      outgoing = withoutValue(whole, table);
      size = wireBytes(outgoing.record);
    }
    if (chunk.length > 0 && (bytes[partition] ?? 0) + size > bytesMax) {
      chunks.push(chunk);
      chunk = [];
      bytes = [];
    }
    chunk.push(outgoing);
    bytes[partition] = (bytes[partition] ?? 0) + size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

function withoutValue({ partition, record }: OutgoingRecord, table: string): OutgoingRecord {
  const key = typeof record.key === 'string' ? record.key : Buffer.from(record.key ?? []).toString('utf8');
  return { partition, record: invalidation(table, key) };
}

function invalidation(table: string, key: string): OutgoingRecord['record'] {
  return encodeControl({ control: 'invalidate', table, key });
}
