import { describe, expect, it } from '@jest/globals';
import { type BatchOutcome, type SourceBatch } from '@tidemark/pipeline';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Batch, type OffsetsByTopicPartition } from 'kafkajs';
import { Generation } from './generation.js';
import { groupMetrics } from './group-metrics.js';
import { type LaneBatch } from './lane-runner.js';
import { LaneWork } from './lane-work.js';

/** A lane that stands at 1,000, and everything that was handed over and committed of it. */
function laneWork() {
  const clock = new ManualClock();
  const generation = new Generation({ t: [0] });
  const lane = generation.lane('t', 0);
  if (lane === undefined) throw new Error('no lane');
  lane.resume(1_000n);
  const handed: SourceBatch[] = [];
  const commits: string[] = [];
  const answers: { onBatch: () => BatchOutcome | Promise<BatchOutcome>; commit: () => Promise<void> } = {
    onBatch: () => 'commit',
    commit: async () => undefined,
  };
  const work = new LaneWork({
    clock,
    logger: silentLogger,
    again: silentLogger,
    metrics: groupMetrics(new MetricRegistry()),
    random: () => 0.5,
    handler: {
      onAssigned: async () => undefined,
      onBatch: async (batch) => {
        handed.push(batch);
        return answers.onBatch();
      },
    },
  });
  const handle = (first: number, count: number, highWatermark: number): Promise<void> =>
    work.handle(
      taken(first, count, highWatermark, commits, () => answers.commit()),
      generation,
      lane,
    );
  const told = () => handed.map(({ records, afterGap }) => [Number(records[0]?.src), records.length, afterGap]);
  return { clock, lane, answers, commits, handle, told };
}

function taken(first: number, count: number, end: number, commits: string[], answer: () => Promise<void>): LaneBatch {
  const messages = Array.from({ length: count }, (_, i) => ({
    ...{ key: Buffer.from('k'), value: null, headers: {}, timestamp: '0', attributes: 0 },
    offset: String(first + i),
  }));
  const batch = {
    ...{ topic: 't', partition: 0, highWatermark: String(end), messages },
    firstOffset: () => String(first),
    lastOffset: () => String(first + count - 1),
  };
  const commitOffsetsIfNecessary = async (offsets?: OffsetsByTopicPartition): Promise<void> => {
    await answer();
    commits.push(offsets?.topics[0]?.partitions[0]?.offset ?? '');
  };
  return { batch: batch as unknown as Batch, pause: () => () => undefined, commitOffsetsIfNecessary };
}

describe('LaneWork', () => {
  it('drops what was handled before, without a gap', async () => {
    const { handle, told, commits } = laneWork();
    await handle(990, 20, 1_010);
    expect([told(), commits]).toEqual([[[1_000, 10, false]], ['1010']]);
  });

  it('hands over all of a log that was cut and has grown past the old position since, after a gap that it tells once', async () => {
    const { lane, handle, told, commits } = laneWork();
    lane.restart();
    await handle(0, 995, 1_010);
    await handle(995, 15, 1_010);
    expect(told()).toEqual([
      [0, 995, true],
      [995, 15, false],
    ]);
    expect(commits).toEqual(['995', '1010']);
  });

  it('commits nothing of a log that was cut while it was at work: that would pass over what comes in its place', async () => {
    const { lane, answers, handle, told, commits } = laneWork();
    answers.onBatch = () => {
      lane.restart();
      return 'commit';
    };
    await handle(1_000, 5, 1_005);
    expect([commits, lane.next]).toEqual([[], undefined]);
    answers.onBatch = () => 'commit';
    await handle(0, 10, 1_020);
    expect(told().at(-1)).toEqual([0, 10, true]);
  });

  it('does not try a commit again once the log was cut', async () => {
    const { clock, lane, answers, handle, commits } = laneWork();
    let attempts = 0;
    answers.commit = async () => {
      attempts += 1;
      throw new Error('the connection was closed');
    };
    let isDone = false;
    void handle(1_000, 5, 1_005).then(() => (isDone = true));
    await settle();
    lane.restart();
    await clock.advance(10_000);
    expect([isDone, attempts, commits, lane.next, lane.lost]).toEqual([true, 1, [], undefined, true]);
  });
});
