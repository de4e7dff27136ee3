import { describe, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { type Batch } from 'kafkajs';
import { type FollowedTopics } from './followed-topics.js';
import { Positions } from './positions.js';
import { TailDelivery } from './tail-delivery.js';
import { tailMetrics } from './tail-metrics.js';

/** Records from `first` on, each with the epoch of the leader that wrote it. */
function batchOf(first: number, epochs: readonly number[]): Batch {
  const messages = epochs.map((partitionLeaderEpoch, at) => ({
    offset: String(first + at),
    batchContext: { partitionLeaderEpoch },
  }));
  return {
    topic: 't',
    partition: 0,
    highWatermark: '100',
    rawMessages: messages,
    messages,
    firstOffset: () => messages[0]?.offset ?? null,
    lastOffset: () => messages.at(-1)?.offset ?? String(first),
  } as unknown as Batch;
}

function bench({ compacted = false, hasIds = true, epoch = undefined as number | undefined } = {}) {
  const heard: string[] = [];
  const positions = new Positions();
  positions.fix('t', [4n], [epoch]);
  const delivery = new TailDelivery({
    topics: {
      positions,
      isCompacted: () => compacted,
      placeOf: () => ({ topicId: hasIds ? 'a' : undefined, leaderEpoch: positions.epochAt('t', 0) }),
    } as unknown as FollowedTopics,
    metrics: tailMetrics(new MetricRegistry()),
    logger: silentLogger,
    onAdvance: () => undefined,
    onMove: (_topic, _partition, position) => void heard.push(`from ${position}`),
    handler: {
      onRecords: (_topic, _partition, records) => void heard.push(records.map(({ offset }) => offset).join(' ')),
      onGap: (_topic, _partition, reason) => void heard.push(reason),
      onReset: () => void heard.push('reset'),
      onPartitions: () => undefined,
      onState: () => undefined,
    },
  });
  const next = (): bigint | undefined => positions.at('t', 0);
  return { delivery, heard, next };
}

describe('TailDelivery', () => {
  it('hands over once what is fetched twice while a partition changes its leader', () => {
    const { delivery, heard, next } = bench();
    delivery.batch(batchOf(4, [1, 1, 2]));
    delivery.batch(batchOf(4, [1, 1, 2]));
    expect([heard, next()]).toEqual([['4 5 6'], 7n]);
    delivery.batch(batchOf(5, [1, 2, 2, 2]));
    delivery.batch(batchOf(7, [2]));
    delivery.batch(batchOf(4, [1, 1, 2]));
    delivery.batch(batchOf(9, [2]));
    expect([heard, next()]).toEqual([['4 5 6', '7 8', '9'], 10n]);
  });

  it.each([
    ['has a record of another leader where the last one stood', batchOf(4, [1, 1, 3, 3])],
    ['ends before where the last one stood, in the time of another leader', batchOf(4, [1, 1])],
    ['does not say who wrote it', batchOf(4, [-1, -1, -1])],
  ])('tells a gap, and hands over all, of a batch from before that %s', (_what, batch) => {
    const { delivery, heard } = bench();
    delivery.batch(batchOf(4, [1, 1, 2]));
    delivery.batch(batch);
    expect(heard[1]).toBe('expected offset 7, got 4');
    expect(heard[2]).toBe(batch.messages.map(({ offset }) => offset).join(' '));
  });

  it('tells a gap of what may be of a log made anew, where brokers tell no ids of topics', () => {
    const { delivery, heard } = bench({ hasIds: false });
    delivery.batch(batchOf(4, [0, 0, 0]));
    delivery.batch(batchOf(4, [0, 0, 0]));
    expect(heard).toEqual(['4 5 6', 'expected offset 7, got 4', '4 5 6']);
  });

  it('tells a gap where records are missing', () => {
    const { delivery, heard, next } = bench();
    delivery.batch(batchOf(6, [1]));
    expect([heard, next()]).toEqual([['expected offset 4, got 6', '6'], 7n]);
  });

  it('tells that a compacted topic was made anew, and not where it was fetched twice or cleaned', () => {
    const { delivery, heard } = bench({ compacted: true });
    delivery.batch(batchOf(8, [1, 1]));
    delivery.batch(batchOf(9, [1, 1]));
    delivery.batch(batchOf(0, [0]));
    expect(heard).toEqual(['8 9', '10', 'reset', '0']);
  });

  it('reads a compacted topic that was cut from its start, though part of it was taken for repeated before the cut was seen', () => {
    const { delivery, heard, next } = bench({ compacted: true });
    delivery.batch(batchOf(4, [3, 3, 3, 3, 3, 3, 3]));
    const left = [batchOf(7, [3, 3]), batchOf(9, [4])] as const;
    for (const batch of left) delivery.batch(batch);
    expect([heard, next()]).toEqual([['4 5 6 7 8 9 10', 'reset', 'from 0'], 0n]);
    for (const batch of left) delivery.batch(batch);
    expect([heard.slice(3), next()]).toEqual([['7 8', '9'], 10n]);
  });

  it('takes for repeated nothing that lies before what was handed over: a late answer may come between a reset and the start', () => {
    const { delivery, heard, next } = bench({ compacted: true });
    delivery.batch(batchOf(4, [3, 3, 3, 3, 3, 3, 3]));
    delivery.batch(batchOf(9, [4, 4]));
    // Asked for before the log was to be read from its start.
    delivery.batch(batchOf(10, [4]));
    expect([heard.slice(1), next()]).toEqual([['reset', 'from 0', '10'], 11n]);
    for (const _ of [1, 2]) delivery.batch(batchOf(5, [3, 4, 4]));
    expect([heard.slice(4), next()]).toEqual([['reset', 'from 0', '5 6 7'], 8n]);
  });

  it('leaves out nothing of what it reads anew, though a late answer stands in front of it', () => {
    const { delivery, heard, next } = bench({ compacted: true });
    delivery.batch(batchOf(4, [3, 3, 3, 3, 3, 3, 3]));
    const late = batchOf(9, [4, 4]);
    delivery.batch(late);
    const [start, rest] = [batchOf(0, [3, 3, 3]), batchOf(3, [3, 3, 3, 3, 3, 3, 4, 4])] as const;
    for (const batch of [start, late, rest]) delivery.batch(batch);
    expect([heard.slice(1), next()]).toEqual([['reset', 'from 0', '0 1 2', '9 10', 'reset', 'from 0'], 0n]);
    for (const batch of [start, rest]) delivery.batch(batch);
    expect([heard.slice(7), next()]).toEqual([['0 1 2', '3 4 5 6 7 8 9 10'], 11n]);
  });

  it('takes for repeated nothing where it has handed over nothing yet', () => {
    const { delivery, heard, next } = bench({ epoch: 3 });
    delivery.batch(batchOf(2, [3, 3]));
    expect([heard, next()]).toEqual([['expected offset 4, got 2', '2 3'], 4n]);
    delivery.batch(batchOf(4, [3]));
    delivery.batch(batchOf(2, [3, 3]));
    expect(heard.slice(2)).toEqual(['4']);
    delivery.batch(batchOf(1, [4]));
    for (const _ of [1, 2]) delivery.batch(batchOf(1, [4]));
    expect(heard.slice(3)).toEqual(['expected offset 5, got 1', '1']);
  });

  it('hands over once what is fetched twice behind a hole that the log cleaner has left', () => {
    const { delivery, heard } = bench({ compacted: true });
    delivery.batch(batchOf(4, [1, 1]));
    delivery.batch(batchOf(9, [1]));
    delivery.batch(batchOf(4, [1, 1]));
    expect(heard).toEqual(['4 5', '9']);
  });
});
