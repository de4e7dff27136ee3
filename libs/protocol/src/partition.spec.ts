import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { partitionOf } from './partition.js';

/** Hashes of Apache Kafka's Java client. */
const javaHashes: readonly (readonly [string, number])[] = [
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
];

describe('partitionOf', () => {
  it.each(javaHashes)('places %s where the Java client does', (key, hash) => {
    expect(partitionOf(key, 2 ** 31)).toBe(hash & 0x7fffffff);
    expect(partitionOf(key, 12)).toBe((hash & 0x7fffffff) % 12);
  });

  it('always gives a partition that exists, the same one each time', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5_000 }), (key, count) => {
        const partition = partitionOf(key, count);
        return (
          Number.isInteger(partition) && partition >= 0 && partition < count && partitionOf(key, count) === partition
        );
      }),
      runs(),
    );
  });

  it('spreads keys evenly', () => {
    const perPartition = new Array<number>(16).fill(0);
    for (let n = 0; n < 16_000; n += 1) perPartition[partitionOf(`user:${n}`, 16)]! += 1;
    expect(Math.min(...perPartition)).toBeGreaterThan(850);
    expect(Math.max(...perPartition)).toBeLessThan(1_150);
  });
});
