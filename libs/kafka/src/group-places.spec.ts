import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '@tidemark/runtime';
import { eventually, ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { Generation } from './generation.js';
import { GroupPlaces } from './group-places.js';
import { type KafkaClient } from './kafka-client.js';

const committed = { topicId: 'a-1', leaderEpoch: 2 };

function placesOf() {
  const clock = new ManualClock();
  const joined = (): Generation => new Generation({ a: [0, 1], b: [0] });
  let generation = joined();
  const ids = new Map<string, string | undefined>([['a', 'a-1']]);
  const others: string[] = [];
  const gone: string[] = [];
  let asked = 0;
  let isDown = false;
  const admin = {
    connect: async () => {
      if (isDown) throw Object.assign(new Error('closed'), { name: 'KafkaJSConnectionError' });
    },
    disconnect: () => Promise.resolve(),
    fetchTopicMetadata: async ({ topics: [name = ''] }: { topics: string[] }) => {
      asked += 1;
      const topicId = ids.get(name);
      if (!ids.has(name)) throw Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return {
        topics: [{ name, partitions: [0, 1].map((partitionId) => ({ partitionId, topicId, leaderEpoch: 5 })) }],
      };
    },
  } as unknown as Admin;
  const places = new GroupPlaces({
    client: { admin: () => admin } as unknown as KafkaClient,
    clock,
    again: silentLogger,
    random: () => 0,
    generation: () => generation,
    onOtherLog: ({ topic, partition }) => others.push(`${topic}/${partition}`),
    onGone: (topic) => gone.push(topic),
  });
  for (const lane of generation.lanes()) {
    lane.isRead = true;
    if (lane.topic === 'a') lane.log = committed;
  }
  /** The next look, which comes after a delay. */
  const looked = (): Promise<void> =>
    eventually('a look', async () => {
      await clock.advance(1_000);
      const areKnown = [0, 1].every((partition) => places.of('a', partition) !== undefined);
      return areKnown && (places.of('b', 0) !== undefined || gone.length > 0);
    });
  const wait = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      await clock.advance(1_000);
      await settle();
    }
  };
  return {
    ...{ generation, ids, others, gone, places, looked, wait, asked: () => asked },
    cut: (down: boolean) => (isDown = down),
    rejoin: () => (generation = joined()),
  };
}

describe('the places of a group', () => {
  it('are what was committed, and where that names no log, the log that there is', async () => {
    const { generation, ids, others, places, looked } = placesOf();
    ids.set('b', 'b-1');
    expect([places.of('a', 1), places.of('b', 0), places.of('c', 0)]).toEqual([committed, undefined, undefined]);
    places.settle(generation);
    await looked();
    expect([places.of('b', 0), places.of('a', 1), others]).toEqual([{ topicId: 'b-1', leaderEpoch: 5 }, committed, []]);
  });

  it('hazard 52: that are refused are looked up first, the topic’s others read meanwhile: every lane of another topic begins anew', async () => {
    const { ids, others, places, looked } = placesOf();
    ids.set('a', 'a-2').set('b', 'b-1');
    places.onRefused({ topic: 'a', partition: 1, why: 'not-given' });
    expect([places.of('a', 0), places.of('a', 1)]).toEqual([committed, undefined]);
    places.onRefused({ topic: 'b', partition: 0, why: 'not-given' });
    await looked();
    expect([others, places.of('a', 0)]).toEqual([['a/0', 'a/1'], { topicId: 'a-2', leaderEpoch: 5 }]);
  });

  it('of a topic that is the same after all stay', async () => {
    const { ids, others, places, looked } = placesOf();
    ids.set('b', 'b-1');
    places.onRefused({ topic: 'a', partition: 0, why: 'not-given' });
    places.onRefused({ topic: 'b', partition: 0, why: 'not-given' });
    await looked();
    expect([others, places.of('a', 0)]).toEqual([[], committed]);
  });

  it('hazard 52: of a log that was cut begin anew at once, and no other lane of its topic does', () => {
    const { others, places, asked } = placesOf();
    places.onRefused({ topic: 'a', partition: 1, why: 'cut' });
    expect([others, places.of('a', 0), asked()]).toEqual([['a/1'], committed, 0]);
  });

  it('tell as long as it lasts what is not fetched, for no topic can be looked up: what was refused, and what is noted of no log', async () => {
    const { generation, ids, places, wait, cut } = placesOf();
    cut(true);
    places.onRefused({ topic: 'a', partition: 0, why: 'not-given' });
    places.settle(generation);
    await wait(60);
    expect([places.of('a', 0), places.of('b', 0), [...places.refused].sort()]).toEqual([
      undefined,
      undefined,
      ['a', 'b'],
    ]);
    cut(false);
    ids.set('b', 'b-1');
    await wait(3);
    // Of the other one, something is to come first, for brokers have refused it.
    expect([places.of('b', 0)?.topicId, [...places.refused]]).toEqual(['b-1', ['a']]);
  });

  it('hazard 52: are those of no log before it is read what is noted: what is committed may be of a topic that was made anew since', async () => {
    const { ids, places, wait, rejoin, asked } = placesOf();
    places.onRefused({ topic: 'a', partition: 0, why: 'not-given' });
    ids.set('a', 'a-2');
    const generation = rejoin();
    await wait(3);
    expect([asked(), places.of('a', 0), places.of('a', 1)]).toEqual([1, undefined, undefined]);
    // What is committed could not be read.
    places.settle(generation);
    await wait(3);
    expect(places.of('a', 0)?.topicId).toBe('a-2');
  });

  it('are looked up at each join, beside their reading, where brokers have told no ids, who may be newer by then', async () => {
    const { ids, others, places, rejoin, wait, asked } = placesOf();
    const join = async (): Promise<unknown> => {
      const generation = rejoin();
      for (const lane of generation.lanes()) lane.log = { topicId: undefined, leaderEpoch: 2 };
      places.settle(generation);
      expect(places.of('a', 0)).toEqual({ topicId: undefined, leaderEpoch: 2 });
      await wait(60);
      return places.of('a', 0);
    };
    ids.set('a', undefined).set('b', undefined);
    expect([await join(), asked()]).toEqual([{ topicId: undefined, leaderEpoch: 2 }, 2]);
    ids.set('a', 'a-1').set('b', 'b-1');
    expect([await join(), asked(), others]).toEqual([{ topicId: 'a-1', leaderEpoch: 2 }, 4, []]);
  });

  it('tell a topic that is gone, once it was looked for in vain several times', async () => {
    const { gone, places, looked, asked } = placesOf();
    places.onRefused({ topic: 'b', partition: 0, why: 'not-given' });
    await looked();
    expect([gone, asked()]).toEqual([['b'], 5]);
  });
});
