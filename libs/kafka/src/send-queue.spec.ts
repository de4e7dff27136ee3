import { describe, expect, it } from '@jest/globals';
import { cut, type SendCall, SendQueue, type Slice } from './send-queue.js';

const callOf = (over = false): SendCall => ({
  over,
  deadlineMs: 0,
  acknowledged: () => undefined,
  failed: () => undefined,
});

function slice(partition: number, count = 1, bytes = count, call = callOf()): Slice {
  return { call, partition, bytes, messages: Array.from({ length: count }, () => ({ value: null })) };
}

function taken(queue: SendQueue): number[] | undefined {
  return queue.take()?.slices.map(({ partition }) => partition);
}

describe('SendQueue', () => {
  it('joins slices of many callers and partitions into one request', () => {
    const queue = new SendQueue({ records: 10, bytes: 100 });
    for (const partition of [0, 1, 0]) queue.add(slice(partition));
    expect(taken(queue)).toEqual([0, 0, 1]);
    expect(taken(queue)).toBeUndefined();
  });

  it('gives nothing of a partition that is in flight, and its next slices after the release', () => {
    const queue = new SendQueue({ records: 2, bytes: 100 });
    const [a, b, c, d] = [slice(0), slice(0), slice(0), slice(1)];
    for (const one of [a, b, c]) queue.add(one);
    const first = queue.take();
    expect(first?.slices).toEqual([a, b]);
    queue.add(d);
    expect(queue.take()?.slices).toEqual([d]);
    expect(queue.take()).toBeUndefined();
    if (first !== undefined) queue.release(first);
    expect(queue.take()?.slices).toEqual([c]);
  });

  it('keeps within its limits, but lets a slice that exceeds them go alone', () => {
    const queue = new SendQueue({ records: 10, bytes: 100 });
    for (const bytes of [60, 60, 500, 10]) queue.add(slice(0, 1, bytes));
    const sizes = [];
    for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
      sizes.push(batch.slices.map(({ bytes }) => bytes));
      queue.release(batch);
    }
    expect(sizes).toEqual([[60], [60], [500], [10]]);
    expect(queue.empty).toBe(true);
  });

  it('takes turns between partitions', () => {
    const queue = new SendQueue({ records: 1, bytes: 100 });
    for (const partition of [0, 0, 1, 1]) queue.add(slice(partition));
    const turns = [];
    for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
      turns.push(batch.slices[0]?.partition);
      queue.release(batch);
    }
    expect(turns).toEqual([0, 1, 0, 1]);
  });

  it('drops what its caller has given up', () => {
    const queue = new SendQueue({ records: 10, bytes: 100 });
    queue.add(slice(0, 1, 1, callOf(true)));
    expect(queue.take()).toBeUndefined();
    expect(queue.empty).toBe(true);
  });

  it('drains what waits and leaves what is in flight', () => {
    const queue = new SendQueue({ records: 1, bytes: 100 });
    const [a, b] = [slice(0), slice(0)];
    queue.add(a);
    queue.add(b);
    const batch = queue.take();
    expect(queue.drain()).toEqual([b]);
    expect(queue.empty).toBe(false);
    if (batch !== undefined) queue.release(batch);
    expect(queue.empty).toBe(true);
  });
});

describe('cut', () => {
  const recordOf = (partition: number, bytes: number) => ({
    partition,
    record: { key: null, value: Buffer.alloc(bytes - 24), header: null },
  });

  it('cuts by records and by bytes, in order, and never into nothing', () => {
    const pieces = cut(
      [30, 31, 90, 200, 35].map((bytes) => recordOf(0, bytes)),
      { records: 2, bytes: 100 },
    );
    expect(pieces.map(({ messages }) => messages.map(({ value }) => (value?.length ?? 0) + 24))).toEqual([
      [30, 31],
      [90],
      [200],
      [35],
    ]);
    expect(pieces.map(({ bytes }) => bytes)).toEqual([61, 90, 200, 35]);
  });

  it('keeps partitions apart, however they are mixed', () => {
    const pieces = cut(
      [0, 1, 1, 0, 2, 0].map((partition, index) => recordOf(partition, 30 + index)),
      { records: 2, bytes: 1_000 },
    );
    expect(pieces.map(({ partition, messages }) => [partition, ...messages.map(({ value }) => value?.length)])).toEqual(
      [
        [0, 6, 9],
        [1, 7, 8],
        [2, 10],
        [0, 11],
      ],
    );
    for (const { partition, messages } of pieces)
      expect(messages.every((message) => message.partition === partition)).toBe(true);
  });
});
