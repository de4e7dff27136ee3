import { describe, expect, it } from '@jest/globals';
import { cache, followedTopics, table } from './testing/followed-topics-bench.js';

describe('FollowedTopics', () => {
  it('fixes positions at the end, at the start, and at 0 for what had been looked for in vain', async () => {
    const { log, absent, followed, look } = followedTopics();
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
    const { log, followed, look } = followedTopics();
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
    const { log, gaps, followed, look } = followedTopics();
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
    const { log, gaps, followed, look, whileLooking } = followedTopics();
    log.set('c', [[0, 10]]);
    followed.want(new Map([['c', cache]]));
    await look('c');
    whileLooking(() => followed.positions.move('c', 0, 15n));
    await look('c');
    expect([gaps, followed.positions.of('c')]).toEqual([[], [15n]]);
  });

  it('takes a topic that went away and came back for another, and holes in a table for nothing', async () => {
    const { log, gaps, followed, look } = followedTopics();
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
    const { log, gaps, grown, followed, look } = followedTopics();
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
    const { log, followed, look } = followedTopics();
    log.set('p', [[0, 90]]);
    followed.want(new Map([['p', { from: { sinceMs: 40 }, compacted: false }]]));
    await look('p');
    expect(followed.positions.of('p')).toEqual([40n]);
    followed.positions.move('p', 0, 50n);
    await look('p');
    expect(followed.positions.of('p')).toEqual([50n]);
  });

  it('tells that a compacted topic was made anew, or was away, and reads it from its start', async () => {
    const { log, gaps, resets, followed, look } = followedTopics();
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
});
