import { describe, expect, it } from '@jest/globals';
import { type Batch } from 'kafkajs';
import { groupBatch } from './group-batch.js';

function fetched(first: number, count: number, highWatermark = 100): Batch {
  const messages = Array.from({ length: count }, (_, i) => ({
    key: Buffer.from('k'),
    value: Buffer.from(String(first + i)),
    timestamp: '0',
    attributes: 0,
    offset: String(first + i),
    headers: {},
  }));
  return {
    topic: 't',
    partition: 1,
    highWatermark: String(highWatermark),
    messages,
    isEmpty: () => count === 0,
    firstOffset: () => String(first),
    lastOffset: () => String(first + count - 1),
    offsetLag: () => '0',
    offsetLagLow: () => '0',
  };
}

describe('groupBatch', () => {
  it('hands on what begins where it should, or wherever it does when nothing is known', () => {
    for (const next of [5n, undefined]) {
      const { batch, nextOffset, duplicates, gap } = groupBatch(fetched(5, 3), next);
      expect([batch?.firstOffset, batch?.nextOffset, nextOffset, duplicates, gap]).toEqual([5n, 8n, 8n, 0, false]);
      expect(batch?.records).toHaveLength(3);
    }
  });

  it('drops what was handled before', () => {
    const { batch, duplicates, gap } = groupBatch(fetched(5, 3), 7n);
    expect([batch?.firstOffset, batch?.nextOffset, duplicates, gap]).toEqual([7n, 8n, 2, false]);
    expect(batch?.afterGap).toBe(false);
  });

  it('never goes back over a batch that was handled before', () => {
    const { batch, nextOffset, duplicates } = groupBatch(fetched(5, 3), 20n);
    expect([batch, nextOffset, duplicates]).toEqual([undefined, 20n, 3]);
  });

  it('tells records that are gone', () => {
    const { batch, gap } = groupBatch(fetched(9, 1), 7n);
    expect([batch?.firstOffset, batch?.afterGap, gap]).toEqual([9n, true, true]);
  });

  it('takes a log that ends before the offset for a new one', () => {
    const { batch, nextOffset, gap, cut } = groupBatch(fetched(0, 3, 3), 50n);
    expect([batch?.firstOffset, nextOffset, gap, cut]).toEqual([0n, 3n, true, true]);
    expect(groupBatch(fetched(9, 1), 7n).cut).toBe(false);
  });
});
