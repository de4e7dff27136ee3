import { describe, expect, it } from '@jest/globals';
import { type Admin } from 'kafkajs';
import { FollowedTopics, type TailedTopic } from './followed-topics.js';

const cache: TailedTopic = { from: 'end', compacted: false };
const table: TailedTopic = { from: 'start', compacted: true };

function topicsOf() {
  const log = new Map<string, [low: number, high: number][]>();
  const gaps: string[] = [];
  const resets: string[] = [];
  const absent: string[] = [];
  const grown: string[] = [];
  const moves: string[] = [];
  /** Where it is not told, brokers tell no ids. */
  const ids = new Map<string, string>();
  let leaderEpoch = 3;
  const followed = new FollowedTopics({
    onGap: (topic, partition) => gaps.push(`${topic}/${partition}`),
    onReset: (topic) => resets.push(topic),
    onAbsent: (topic) => absent.push(topic),
    onGrowth: (topic, count) => grown.push(`${topic} ${count}`),
    onMove: (topic, partition, position) => moves.push(`${topic}/${partition} ${position}`),
    onChange: () => undefined,
  });
  let duringLook: () => void = () => undefined;
  const admin = {
    fetchTopicMetadata: async ({ topics: [name = ''] }: { topics: string[] }) => {
      const [topicId, partitions] = [ids.get(name), log.get(name)];
      if (partitions === undefined) throw Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return {
        topics: [{ name, partitions: partitions.map((_, partitionId) => ({ partitionId, topicId, leaderEpoch })) }],
      };
    },
    fetchTopicOffsets: async (topic: string) => {
      const partitions = log.get(topic);
      duringLook();
      if (partitions === undefined) throw Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return partitions.map(([low, high], partition) => ({
        partition,
        offset: String(high),
        low: String(low),
        high: String(high),
      }));
    },
    fetchTopicOffsetsByTimestamp: async (topic: string, sinceMs: number) =>
      (log.get(topic) ?? []).map((_, partition) => ({ partition, offset: String(sinceMs + partition) })),
  } as unknown as Admin;
  const look = (...topics: string[]): Promise<void> => followed.survey(admin, topics);
  const whileLooking = (fn: () => void): void => void (duringLook = fn);
  const elect = (): void => void (leaderEpoch += 1);
  return { ids, elect, moves, log, gaps, resets, absent, grown, followed, look, whileLooking };
}

describe('FollowedTopics', () => {
  it('fixes positions at the end, at the start, and at 0 for what had been looked for in vain', async () => {
    const { log, absent, followed, look } = topicsOf();
    followed.want(
      new Map([
        ['c', cache],
        ['t', table],
        ['later', cache],
      ]),
    );
    log
      .set('c', [
        [2, 9],
        [0, 4],
      ])
      .set('t', [[3, 8]]);
    await look('c', 't', 'later');
    expect([followed.positions.of('c'), followed.positions.of('t')]).toEqual([[9n, 4n], [3n]]);
    expect([followed.open(), followed.present(), absent]).toEqual([['later'], ['c', 't'], ['later']]);
    log.set('later', [[0, 6]]);
    await look('later');
    expect(followed.positions.of('later')).toEqual([0n]);
    expect(followed.open()).toEqual([]);
  });

  it('keeps the positions of topics that stay and forgets those that leave', async () => {
    const { log, followed, look } = topicsOf();
    log.set('a', [[0, 1]]).set('b', [[0, 2]]);
    followed.want(
      new Map([
        ['a', cache],
        ['b', cache],
      ]),
    );
    await look('a', 'b');
    log.set('a', [[0, 50]]);
    expect(followed.want(new Map([['a', cache]]))).toEqual(['b']);
    expect([followed.positions.of('a'), followed.positions.has('b')]).toEqual([[1n], false]);
  });

  it('tells a gap when retention has passed a position or the log was cut before it', async () => {
    const { log, gaps, followed, look } = topicsOf();
    log.set('c', [
      [0, 10],
      [0, 10],
      [0, 10],
    ]);
    followed.want(new Map([['c', cache]]));
    await look('c');
    log.set('c', [
      [12, 20],
      [0, 4],
      [0, 30],
    ]);
    await look('c');
    expect(gaps).toEqual(['c/0', 'c/1']);
    expect(followed.positions.of('c')).toEqual([12n, 0n, 10n]);
  });

  it('is not misled by records that arrive while it looks', async () => {
    const { log, gaps, followed, look, whileLooking } = topicsOf();
    log.set('c', [[0, 10]]);
    followed.want(new Map([['c', cache]]));
    await look('c');
    whileLooking(() => followed.positions.move('c', 0, 15n));
    await look('c');
    expect([gaps, followed.positions.of('c')]).toEqual([[], [15n]]);
  });

  it('takes a topic that went away and came back for another, and holes in a table for nothing', async () => {
    const { log, gaps, followed, look } = topicsOf();
    log
      .set('c', [
        [0, 10],
        [0, 10],
      ])
      .set('t', [[0, 10]]);
    followed.want(
      new Map([
        ['c', cache],
        ['t', table],
      ]),
    );
    await look('c', 't');
    log.delete('c');
    log.set('t', [[5, 10]]);
    await look('c', 't');
    expect(followed.present()).toEqual(['t']);
    log.set('c', [
      [0, 20],
      [0, 0],
    ]);
    await look('c');
    expect(gaps).toEqual(['c/0', 'c/1']);
    expect(followed.positions.of('c')).toEqual([0n, 0n]);
    expect(followed.present()).toEqual(['c', 't']);
  });

  it('hazard 27: reads added partitions from their start, tells their count, then a gap everywhere', async () => {
    const { log, gaps, grown, followed, look } = topicsOf();
    log.set('c', [[0, 10]]);
    followed.want(new Map([['c', cache]]));
    await look('c');
    followed.widen('c', 1);
    expect([gaps, grown]).toEqual([[], []]);
    followed.widen('c', 2);
    expect([gaps, grown]).toEqual([['c/0', 'c/1'], ['c 2']]);
    expect(followed.positions.of('c')).toEqual([10n, 0n]);
  });

  it('begins at a time of the broker, once, and asks for it no more', async () => {
    const { log, followed, look } = topicsOf();
    log.set('p', [[0, 90]]);
    followed.want(new Map([['p', { from: { sinceMs: 40 }, compacted: false }]]));
    await look('p');
    expect(followed.positions.of('p')).toEqual([40n]);
    followed.positions.move('p', 0, 50n);
    await look('p');
    expect(followed.positions.of('p')).toEqual([50n]);
  });

  it('tells that a compacted topic was made anew, or was away, and reads it from its start', async () => {
    const { log, gaps, resets, followed, look } = topicsOf();
    followed.want(new Map([['t', table]]));
    log.set('t', [[0, 8]]);
    await look('t');
    followed.positions.move('t', 0, 8n);
    log.set('t', [[0, 2]]);
    await look('t');
    expect([resets, followed.positions.of('t')]).toEqual([['t'], [0n]]);
    followed.positions.move('t', 0, 2n);
    log.delete('t');
    await look('t');
    log.set('t', [[0, 2]]);
    await look('t');
    expect([resets, followed.positions.of('t'), gaps]).toEqual([['t', 't'], [0n], []]);
    followed.positions.move('t', 0, 2n);
    log.set('t', [[0, 5]]);
    await look('t');
    expect(resets).toHaveLength(2);
  });

  describe('hazard 52: told of a topic by its id', () => {
    async function at20() {
      const topics = topicsOf();
      const { log, ids, followed, look } = topics;
      followed.want(
        new Map([
          ['c', cache],
          ['t', table],
        ]),
      );
      ids.set('c', 'c-1').set('t', 't-1');
      log.set('c', [
        [0, 20],
        [0, 20],
      ]);
      log.set('t', [[0, 20]]);
      await look('c', 't');
      followed.positions.move('t', 0, 20n, 3);
      return topics;
    }

    it('reads a topic that was made anew from its first record, behind a gap, though it has grown past where it was', async () => {
      const { log, ids, gaps, resets, moves, followed, look } = await at20();
      expect(followed.placeOf('c', 1)).toEqual({ topicId: 'c-1', leaderEpoch: 3 });
      ids.set('c', 'c-2').set('t', 't-2');
      log.set('c', [
        [0, 50],
        [5, 60],
      ]);
      await look('c', 't');
      expect([gaps, resets, followed.positions.of('c'), followed.positions.of('t')]).toEqual([
        ['c/0', 'c/1'],
        ['t'],
        [0n, 5n],
        [0n],
      ]);
      expect([moves, followed.placeOf('c', 1)?.topicId]).toEqual([['c/0 0', 'c/1 5', 't/0 0'], 'c-2']);
    });

    it('has the same place for every fetch until it is another one, so that what a broker says of it is remembered', async () => {
      const { followed } = await at20();
      const place = followed.placeOf('c', 1);
      followed.positions.move('c', 1, 21n, 3);
      expect(followed.placeOf('c', 1)).toBe(place);
      followed.positions.move('c', 1, 22n, 4);
      expect([followed.placeOf('c', 1), followed.placeOf('c', 0)]).toEqual([
        { topicId: 'c-1', leaderEpoch: 4 },
        { topicId: 'c-1', leaderEpoch: 3 },
      ]);
    });

    it('goes on where a topic is found again that a broker had not heard of for a while', async () => {
      const { log, gaps, followed, look } = await at20();
      log.delete('c');
      await look('c');
      log.set('c', [
        [0, 50],
        [0, 60],
      ]);
      await look('c');
      expect([gaps, followed.positions.of('c'), followed.open()]).toEqual([[], [20n, 20n], []]);
    });

    it('fetches no partition that was refused before its topic was looked up, the others meanwhile, and goes on if it is the same after all', async () => {
      const { gaps, followed, look } = await at20();
      const ids = (): unknown[] => [
        ...[0, 1].map((partition) => followed.placeOf('c', partition)?.topicId),
        followed.placeOf('t', 0)?.topicId,
      ];
      followed.refuse({ topic: 'c', partition: 1, why: 'not-given' });
      expect([ids(), followed.refused()]).toEqual([['c-1', undefined, 't-1'], ['c']]);
      await look('c');
      expect([gaps, ids(), followed.refused()]).toEqual([[], ['c-1', 'c-1', 't-1'], []]);
    });

    it('reads a log that was cut from its first record, behind a gap, and leaves the other partitions where they are', async () => {
      const { log, gaps, resets, elect, followed, look } = await at20();
      elect();
      log.set('c', [
        [0, 50],
        [7, 60],
      ]);
      followed.refuse({ topic: 'c', partition: 1, why: 'cut' });
      followed.refuse({ topic: 't', partition: 0, why: 'cut' });
      await look('c', 't');
      expect([gaps, resets, followed.positions.of('c')]).toEqual([['c/1'], ['t'], [20n, 7n]]);
      expect([followed.placeOf('c', 1), followed.placeOf('c', 0)?.leaderEpoch]).toEqual([
        { topicId: 'c-1', leaderEpoch: 4 },
        3,
      ]);
    });

    it('knows a leader again where a step has left none, so that a cut is noticed also while nothing comes', async () => {
      const { followed, look } = await at20();
      followed.positions.move('t', 0, 20n);
      expect(followed.placeOf('t', 0)?.leaderEpoch).toBeUndefined();
      await look('t');
      expect(followed.placeOf('t', 0)?.leaderEpoch).toBe(3);
    });

    it('takes the id of a topic that was followed on brokers which told none', async () => {
      const { log, ids, gaps, followed, look } = topicsOf();
      followed.want(new Map([['c', cache]]));
      log.set('c', [[0, 20]]);
      await look('c');
      ids.set('c', 'c-1');
      await look('c');
      expect([gaps, followed.placeOf('c', 0)?.topicId]).toEqual([[], 'c-1']);
    });
  });
});
