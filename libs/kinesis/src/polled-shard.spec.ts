import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { PolledShard } from './polled-shard.js';
import { ReadPace } from './read-pace.js';

const { signal } = new AbortController();
const mebibyte = 1_024 * 1_024;

/** A shard whose records are all as large as the test says at the time. */
function make(pageRecordsMax = 1_000) {
  const clock = new ManualClock(1_000);
  const limits: number[] = [];
  let recordBytes = 1_000;
  let isThrottled = false;
  let sequence = 0;
  const cursor = new PolledShard({
    shardId: 's',
    position: { type: 'trim-horizon' },
    pace: new ReadPace(clock, 200),
    clock,
    pageRecordsMax,
    iteratorAt: () => Promise.resolve('iterator'),
    getRecords: (_, limit) => {
      if (isThrottled) return Promise.reject(new TidemarkError('THROTTLED', 'too often', { retriable: true }));
      limits.push(limit);
      const count = Math.min(limit, Math.floor((10 * mebibyte) / recordBytes));
      const Records = Array.from({ length: count }, () => ({
        SequenceNumber: String((sequence += 1)),
        PartitionKey: '',
        Data: new Uint8Array(recordBytes),
        ApproximateArrivalTimestamp: new Date(0),
      }));
      return Promise.resolve({ Records, NextShardIterator: 'next', MillisBehindLatest: 5, $metadata: {} });
    },
    isGone: () => Promise.resolve(false),
  });
  const read = async (): Promise<number> => {
    const page = cursor.read(signal);
    const settled = page.then(
      () => true,
      () => true,
    );
    let isDone = false;
    void settled.then(() => (isDone = true));
    for (let step = 0; step < 200 && !isDone; step += 1) await clock.advance(100);
    return (await page).records.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  };
  return {
    clock,
    cursor,
    limits,
    read,
    set recordBytes(bytes: number) {
      recordBytes = bytes;
    },
    set throttled(throttled: boolean) {
      isThrottled = throttled;
    },
  };
}

describe('PolledShard', () => {
  it('asks for as many records as make a page of 2 MiB, once it knows how large they are', async () => {
    const shard = make();
    shard.recordBytes = 256 * 1_024;
    expect(await shard.read()).toBe(10 * mebibyte);
    expect(await shard.read()).toBe(2 * mebibyte);
    shard.recordBytes = 100;
    for (let page = 0; page < 15; page += 1) await shard.read();
    expect(shard.limits.at(-1)).toBe(1_000);
  });

  it('asks for one record at least', async () => {
    const shard = make();
    shard.recordBytes = 5 * mebibyte;
    await shard.read();
    await shard.read();
    expect(shard.limits).toEqual([1_000, 1]);
  });

  it('waits for its turn in `ready`, and not again in `read`', async () => {
    const shard = make();
    await shard.read();
    let isReady = false;
    void shard.cursor.ready(signal).then(() => (isReady = true));
    await shard.clock.advance(199);
    expect(isReady).toBe(false);
    await shard.clock.advance(300);
    expect(isReady).toBe(true);
    const before = shard.clock.monotonicMs();
    await shard.cursor.read(signal);
    expect(shard.clock.monotonicMs()).toBe(before);
  });

  it('reads more slowly once the shard has refused a read', async () => {
    const shard = make();
    shard.throttled = true;
    await expect(shard.read()).rejects.toMatchObject({ code: 'THROTTLED' });
    shard.throttled = false;
    let isReady = false;
    void shard.cursor.ready(signal).then(() => (isReady = true));
    const left = 400 - shard.clock.monotonicMs();
    await shard.clock.advance(left - 1);
    expect(isReady).toBe(false);
    await shard.clock.advance(2);
    expect(isReady).toBe(true);
  });
});
