import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type OffsetsByTopicPartition } from 'kafkajs';
import { Generation } from './generation.js';
import { type KafkaClient } from './kafka-client.js';
import { rewindLane } from './rewind-lane.js';

/** A lane that stands at 70 and is to go back to 20; its commit waits until the coordinator can be told. */
function rewinding() {
  const clock = new ManualClock();
  const generation = new Generation({ t: [0] });
  const lane = generation.lane('t', 0);
  if (lane === undefined) throw new Error('no lane');
  lane.resume(70n);
  const sent: (string | undefined)[] = [];
  const seeks: string[] = [];
  let connected: () => void = () => undefined;
  const coordinator = new Promise<void>((resolve) => (connected = resolve));
  const commit = async ({ topics }: OffsetsByTopicPartition, isDue: () => boolean): Promise<void> => {
    await coordinator;
    if (!isDue()) throw new Error('too late');
    sent.push(topics[0]?.partitions[0]?.offset);
  };
  const outcome = rewindLane(
    lane,
    generation,
    { id: 5, to: 1 },
    {
      client: { admin: () => fakeAdmin } as unknown as KafkaClient,
      clock,
      consumer: { seek: ({ offset }) => void seeks.push(offset) },
      commit,
      signal: new AbortController().signal,
    },
  ).catch((error: { code?: string }) => error.code);
  return { clock, generation, lane, sent, seeks, connect: () => connected(), outcome };
}

const fakeAdmin = {
  connect: async () => undefined,
  disconnect: async () => undefined,
  fetchTopicOffsetsByTimestamp: async () => [{ partition: 0, offset: '20' }],
  fetchTopicOffsets: async () => [{ partition: 0, offset: '70', low: '0', high: '70' }],
};

describe('rewindLane', () => {
  it('goes back once that is committed', async () => {
    const { lane, sent, seeks, connect, outcome } = rewinding();
    connect();
    await expect(outcome).resolves.toBe('rewound');
    expect([sent, seeks, lane.next, lane.note?.id]).toEqual([['20'], ['20'], 20n, 5]);
  });

  it('sends no commit after its deadline, behind which the lane goes on and commits', async () => {
    const { clock, generation, lane, sent, seeks, connect, outcome } = rewinding();
    await clock.advance(5_000);
    await expect(outcome).resolves.toBe('TIMEOUT');
    await generation.idle();
    connect();
    await settle();
    expect([sent, seeks, lane.next]).toEqual([[], [], 70n]);
  });

  it('sends no commit of a generation that is over', async () => {
    const { clock, generation, lane, sent, connect, outcome } = rewinding();
    await clock.advance(100);
    generation.abort(new Error('joined anew'));
    connect();
    await expect(outcome).resolves.toBe('FEED_UNAVAILABLE');
    expect([sent, lane.next]).toEqual([[], 70n]);
  });
});
