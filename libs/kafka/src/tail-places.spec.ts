import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { FollowedTopics, type TailedTopic } from './followed-topics.js';
import { TailPlaces } from './tail-places.js';

const nothing = (): void => undefined;
const cache: TailedTopic = { from: 'end', compacted: false };

/** Of topic t, which has two partitions that end at 20, and has been looked up. */
async function bench() {
  const clock = new ManualClock();
  const brokers = { topicId: 't-1', isAway: false };
  const topics = new FollowedTopics({
    onGap: nothing,
    onReset: nothing,
    onAbsent: nothing,
    onGrowth: nothing,
    onMove: nothing,
    onChange: nothing,
  });
  const admin = {
    fetchTopicMetadata: async ({ topics: [name] }: { topics: string[] }) => {
      if (brokers.isAway) throw new Error('closed connection');
      const { topicId } = brokers;
      return {
        topics: [{ name, partitions: [0, 1].map((partitionId) => ({ partitionId, topicId, leaderEpoch: 3 })) }],
      };
    },
    fetchTopicOffsets: async () => [0, 1].map((partition) => ({ partition, offset: '20', low: '0', high: '20' })),
  } as unknown as Admin;
  const survey = (names: readonly string[]): Promise<void> => topics.survey(admin, names);
  const places = new TailPlaces({ clock, random: () => 0, topics, survey, onLooked: nothing, onError: nothing });
  topics.want(new Map([['t', cache]]));
  await survey(['t']);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      await clock.advance(1_000);
      await settle();
    }
  };
  return { clock, brokers, topics, places, pass, look: () => survey(['t']) };
}

describe('TailPlaces', () => {
  it.each(['cut', 'not-given'] as const)(
    'tells that a partition is closed (%s) for as long as nobody can look it up, and no more of it then',
    async (why) => {
      const { brokers, places, pass } = await bench();
      brokers.isAway = true;
      places.onRefused({ topic: 't', partition: 0, why });
      expect([places.of('t', 0), places.problem]).toEqual([undefined, undefined]);
      await pass(60);
      expect([places.of('t', 0), places.problem]).toEqual([undefined, 'the brokers hand over nothing of t']);
      brokers.isAway = false;
      await pass(5);
      expect(places.of('t', 0)).toBeDefined();
      places.onRecords('t', 0);
      expect(places.problem).toBeUndefined();
    },
  );

  it('says of a closed partition at once that it is refused, so that it is not taken for one that stands still', async () => {
    const { places, pass } = await bench();
    places.onRefused({ topic: 't', partition: 0, why: 'cut' });
    expect([0, 1].map((partition) => places.isRefused('t', partition))).toEqual([true, false]);
    await pass(1);
    expect(places.isRefused('t', 0)).toBe(false);
  });

  it('tells nothing of a topic that is followed no more', async () => {
    const { brokers, topics, places, pass } = await bench();
    brokers.isAway = true;
    places.onRefused({ topic: 't', partition: 0, why: 'not-given' });
    await pass(5);
    expect(places.problem).toBeDefined();
    topics.want(new Map());
    expect(places.problem).toBeUndefined();
  });

  it('does not say of a topic that was made anew that there is nothing where there was nothing in the last one', async () => {
    const { brokers, topics, places, look } = await bench();
    places.onNothing({ topic: 't', partition: 0, offset: 7n });
    expect([7n, 8n].map((offset) => places.isNothing('t', 0, offset))).toEqual([true, false]);
    brokers.topicId = 't-2';
    await look();
    topics.positions.move('t', 0, 7n, 3);
    expect(places.isNothing('t', 0, 7n)).toBe(false);
  });
});
