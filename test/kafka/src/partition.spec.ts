import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { partitionOf } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import kafkajs from 'kafkajs';

describe('partitionOf', () => {
  const kafkaPartition = kafkajs.Partitioners.DefaultPartitioner();
  const partitionsOf = (count: number) =>
    Array.from({ length: count }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1],
    }));
  const key = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 12 }),
    fc.tuple(fc.constantFrom('user', 'role-1'), fc.nat()).map(([bucket, n]) => `${bucket}:${n}`),
    fc.constantFrom('', 'a', 'ab', 'abc', 'abcd', 'ü', '😀'),
  );

  it('places random keys where the Kafka client itself would', () => {
    fc.assert(
      fc.property(key, fc.constantFrom(1, 2, 3, 6, 12, 16, 100), (itemKey, count) => {
        const message = { key: itemKey, value: null };
        const expected = kafkaPartition({ topic: 't', partitionMetadata: partitionsOf(count), message });
        return partitionOf(itemKey, count) === expected;
      }),
      runs(),
    );
  });

  it('places bytes and text of one key alike', () => {
    const message = { key: Buffer.from('user:42'), value: null };
    expect(kafkaPartition({ topic: 't', partitionMetadata: partitionsOf(12), message })).toBe(
      partitionOf('user:42', 12),
    );
  });
});
