import { describe, expect, it } from '@jest/globals';
import { cache, followedTo20, followedTopics, table } from './testing/followed-topics-bench.js';

describe('FollowedTopics, hazard 52: told of a topic by its id', () => {
  it('reads a topic that was made anew from its first record, behind a gap, though it has grown past where it was', async () => {
    const { log, ids, gaps, resets, moves, followed, look } = await followedTo20();
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
    const { followed } = await followedTo20();
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
    const { log, gaps, followed, look } = await followedTo20();
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
    const { gaps, followed, look } = await followedTo20();
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
    const { log, gaps, resets, elect, followed, look } = await followedTo20();
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
    const { followed, look } = await followedTo20();
    followed.positions.move('t', 0, 20n);
    expect(followed.placeOf('t', 0)?.leaderEpoch).toBeUndefined();
    await look('t');
    expect(followed.placeOf('t', 0)?.leaderEpoch).toBe(3);
  });

  it('takes the id of a topic that was followed on brokers which told none', async () => {
    const { log, ids, gaps, followed, look } = followedTopics();
    followed.want(new Map([['c', cache]]));
    log.set('c', [[0, 20]]);
    await look('c');
    ids.set('c', 'c-1');
    await look('c');
    expect([gaps, followed.placeOf('c', 0)?.topicId]).toEqual([[], 'c-1']);
  });

  it('tells one cut once where two looks have found it, and reads nothing twice', async () => {
    const { log, gaps, followed, look, lookAcross } = await followedTo20();
    log.set('c', [
      [0, 9],
      [0, 50],
    ]);
    followed.refuse({ topic: 'c', partition: 1, why: 'cut' });
    await lookAcross('c', async () => {
      await look('c');
      for (const partition of [0, 1]) followed.positions.move('c', partition, 5n, 3);
    });
    expect([gaps, followed.positions.of('c')]).toEqual([
      ['c/0', 'c/1'],
      [5n, 5n],
    ]);
  });

  it('does not go back to a topic that is gone where the look that found it is answered last', async () => {
    const { ids, gaps, followed, look, lookAcross } = await followedTo20();
    await lookAcross('c', async () => {
      ids.set('c', 'c-2');
      await look('c');
    });
    expect([gaps, followed.placeOf('c', 0)?.topicId]).toEqual([['c/0', 'c/1'], 'c-2']);
  });

  it('does not take a topic for absent, nor for what it was when it was followed before, by a look of that time', async () => {
    const { log, absent, followed, lookAcross } = await followedTo20();
    await lookAcross('c', () => {
      followed.want(new Map([['t', table]]));
      followed.want(new Map([['c', cache]]));
      log.set('c', [[0, 90]]);
    });
    expect([absent, followed.open()]).toEqual([[], ['c']]);
  });

  it('opens what was refused during a look by another look only, whichever is answered last', async () => {
    const { followed, look, lookAcross } = await followedTo20();
    const opened = (): boolean[] => [0, 1].map((partition) => followed.placeOf('c', partition) !== undefined);
    followed.refuse({ topic: 'c', partition: 0, why: 'not-given' });
    await lookAcross('c', async () => {
      await lookAcross('c', () => followed.refuse({ topic: 'c', partition: 1, why: 'not-given' }));
      expect(opened()).toEqual([true, false]);
    });
    expect([opened(), followed.closed()]).toEqual([[true, false], [{ topic: 'c', partition: 1, why: 'not-given' }]]);
    await look('c');
    expect(opened()).toEqual([true, true]);
  });

  it('tells no second gap of a position that was moved back while it looked', async () => {
    const { log, gaps, followed, look, whileLooking } = await followedTo20();
    log.set('c', [
      [0, 3],
      [0, 20],
    ]);
    whileLooking(() => followed.positions.move('c', 0, 5n, 4));
    await look('c');
    expect([gaps, followed.positions.of('c')]).toEqual([[], [5n, 20n]]);
  });

  it('opens what has a leader where another partition has none, which stays closed, and keeps its offset', async () => {
    const { log, gaps, followed, look } = await followedTo20();
    const opened = (): boolean[] => [0, 1].map((partition) => followed.placeOf('c', partition) !== undefined);
    log.set('c', [
      [7, 50],
      [-1, -1],
    ]);
    followed.refuse({ topic: 'c', partition: 0, why: 'cut' });
    followed.refuse({ topic: 'c', partition: 1, why: 'cut' });
    await expect(look('c')).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE' });
    expect([gaps, opened(), followed.positions.of('c')]).toEqual([['c/0'], [true, false], [7n, 20n]]);
    expect([followed.endOf('c', 0), followed.endOf('c', 1)]).toEqual([50n, undefined]);
    log.set('c', [
      [7, 60],
      [2, 30],
    ]);
    await look('c');
    expect([gaps, opened(), followed.positions.of('c')]).toEqual([
      ['c/0', 'c/1'],
      [true, true],
      [7n, 2n],
    ]);
  });

  it.each([
    ['begins', undefined],
    ['goes on, made anew,', 'c-2'],
  ])('%s once all of its partitions have leaders, and not before', async (_what, madeAnew) => {
    const { log, ids, gaps, followed, look } = await followedTo20();
    if (madeAnew === undefined) {
      followed.want(new Map());
      followed.want(new Map([['c', cache]]));
    } else ids.set('c', madeAnew);
    const before = followed.positions.of('c');
    log.set('c', [
      [3, 50],
      [-1, -1],
    ]);
    await expect(look('c')).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE' });
    expect([gaps, followed.positions.of('c')]).toEqual([[], before]);
    log.set('c', [
      [3, 50],
      [4, 60],
    ]);
    await look('c');
    expect(followed.positions.of('c')).toEqual(madeAnew === undefined ? [50n, 60n] : [3n, 4n]);
  });
});
