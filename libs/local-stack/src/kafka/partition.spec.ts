import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { forgetfulStore, type PartitionStore } from './broker-store.js';
import { Partition } from './partition.js';
import { batchAt, headerOf, recordsOf } from './record-batch.js';
import { makeBatch, oneRecord } from './testing/batches.js';
import { policyOf } from './topic-config.js';

const startMs = 1_700_000_000_000;

function partitionWith(
  configs: Readonly<Record<string, string>> = {},
  { bytesMax = 1e9, store = forgetfulStore.partition(1, 0) }: { bytesMax?: number; store?: PartitionStore } = {},
): { partition: Partition; clock: ManualClock } {
  const clock = new ManualClock(startMs);
  return { partition: new Partition(store, policyOf(new Map(Object.entries(configs)), bytesMax), clock), clock };
}

const read = (partition: Partition, offset = partition.start): Buffer[] => {
  const outcome = partition.fetch(offset, 1e9, false);
  if (!outcome.readable) throw new Error(outcome.error);
  return [...outcome.batches];
};
const young = (key: string | null, value = 'v'): Buffer => oneRecord(key, value, startMs);
const errorOf = (outcome: ReturnType<Partition['append']>): string | undefined =>
  outcome.appended ? undefined : outcome.error;

describe('Partition', () => {
  it('numbers what is appended, and leaves the request as it was', () => {
    const { partition } = partitionWith();
    const request = young('a');
    expect(partition.append(request)).toEqual({ appended: true, baseOffset: 0n, appendTimeMs: -1 });
    expect(partition.append(request)).toEqual({ appended: true, baseOffset: 1n, appendTimeMs: -1 });
    expect(headerOf(request).baseOffset).toBe(0n);
    expect(read(partition).map((batch) => headerOf(batch).baseOffset)).toEqual([0n, 1n]);
  });

  it('stamps records with its own time where the topic asks for it', () => {
    const { partition } = partitionWith({ 'message.timestamp.type': 'LogAppendTime' });
    expect(partition.append(oneRecord('a', '1', 5))).toEqual({ appended: true, baseOffset: 0n, appendTimeMs: startMs });
    const [batch] = read(partition);
    expect(batch && batchAt(batch, 0)).toEqual(batch);
    expect(batch && recordsOf(batch)?.[0]?.timestampMs).toBe(startMs);
  });

  it('refuses what is too large, damaged, or without a key where keys are compacted', () => {
    const small = partitionWith({ 'max.message.bytes': '100' }).partition;
    expect(errorOf(small.append(young('a', 'x'.repeat(100))))).toBe('MESSAGE_TOO_LARGE');
    expect(errorOf(small.append(Buffer.from('rubbish')))).toBe('CORRUPT_MESSAGE');
    const compacting = partitionWith({ 'cleanup.policy': 'compact' }).partition;
    expect(errorOf(compacting.append(young(null)))).toBe('INVALID_RECORD');
    expect([small.end, compacting.end]).toEqual([0n, 0n]);
  });

  it('refuses offsets before the start and behind the end, and takes the end itself', () => {
    const { partition } = partitionWith();
    for (const key of ['a', 'b', 'c']) partition.append(young(key));
    partition.deleteBefore(1n);
    const outcomes = [0n, 1n, 3n, 4n, -1n].map((offset) => {
      const outcome = partition.fetch(offset, 1e9, true);
      return outcome.readable ? outcome.batches.length : outcome.error;
    });
    expect(outcomes).toEqual(['OFFSET_OUT_OF_RANGE', 2, 0, 'OFFSET_OUT_OF_RANGE', 'OFFSET_OUT_OF_RANGE']);
  });

  it('wakes who waits at every change, and nobody who does no more', () => {
    const { partition } = partitionWith();
    let wakes = 0;
    const cancel = partition.onChange(() => (wakes += 1));
    partition.append(young('a'));
    partition.deleteBefore(1n);
    partition.loseLeader();
    partition.remove();
    expect([wakes, partition.waiters]).toEqual([4, 1]);
    cancel();
    partition.electLeader();
    partition.append(young('b'));
    expect([wakes, partition.waiters]).toEqual([4, 0]);
  });

  it('appends a repeated batch of an idempotent producer once', () => {
    const { partition } = partitionWith();
    const batch = makeBatch({
      records: [{ key: 'a', value: '1' }],
      timestampMs: startMs,
      producer: { id: 7n, epoch: 0, sequence: 0 },
    });
    partition.append(batch);
    expect(partition.append(batch)).toEqual({ appended: true, baseOffset: 0n, appendTimeMs: -1 });
    expect(partition.end).toBe(1n);
  });

  it('refuses reads and writes while it has no leader', () => {
    const { partition } = partitionWith();
    partition.append(young('a'));
    partition.loseLeader();
    expect(errorOf(partition.append(young('b')))).toBe('NOT_LEADER_FOR_PARTITION');
    expect(partition.fetch(0n, 1, true)).toEqual({ readable: false, error: 'NOT_LEADER_FOR_PARTITION' });
    partition.electLeader();
    expect(errorOf(partition.append(young('b')))).toBeUndefined();
    expect(read(partition)[1]?.readInt32BE(12)).toBe(1);
  });

  it('applies retention by time when it is cleaned, and by size as it grows', async () => {
    const { partition, clock } = partitionWith({ 'retention.ms': '1000' }, { bytesMax: young('a').length * 2 });
    for (const key of ['a', 'b', 'c']) partition.append(young(key));
    expect([partition.start, partition.end]).toEqual([1n, 3n]);
    await clock.advance(1_001);
    partition.clean();
    expect([partition.start, partition.end, partition.bytes]).toEqual([3n, 3n, 0]);
  });

  it('makes room in a compacted log by compaction alone, and is full when there is none to be made', () => {
    const size = young('a').length;
    const { partition } = partitionWith({ 'cleanup.policy': 'compact' }, { bytesMax: size * 3 });
    for (const key of ['a', 'a', 'b', 'c']) expect(errorOf(partition.append(young(key)))).toBeUndefined();
    expect(errorOf(partition.append(young('d')))).toBe('KAFKA_STORAGE_ERROR');
    const keys = read(partition).flatMap((batch) => recordsOf(batch)?.map(({ key }) => key?.toString()));
    expect(keys).toEqual(['a', 'b', 'c']);
    expect(partition.start).toBe(0n);
  });

  it('does not show a batch that could not be written', () => {
    const store: PartitionStore = {
      ...forgetfulStore.partition(1, 0),
      append: () => {
        throw new Error('disk full');
      },
    };
    const { partition } = partitionWith({}, { store });
    expect(errorOf(partition.append(young('a')))).toBe('KAFKA_STORAGE_ERROR');
    expect(partition.end).toBe(0n);
  });
});
