import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { Generation, Lane } from './generation.js';

describe('Generation', () => {
  it('runs work of one partition one after another, and of others beside it', async () => {
    const generation = new Generation({ a: [0, 1] });
    const [zero, one] = [generation.lane('a', 0), generation.lane('a', 1)];
    if (zero === undefined || one === undefined) throw new Error('no lanes');
    const log: string[] = [];
    let release: () => void = () => undefined;
    const first = generation.run(zero, async () => {
      await new Promise<void>((resolve) => (release = resolve));
      log.push('first');
      throw new Error('first failed');
    });
    const second = generation.run(zero, async () => void log.push('second'));
    await generation.run(one, async () => void log.push('other'));
    expect(log).toEqual(['other']);
    expect(generation.busy).toBe(1);
    release();
    await expect(first).rejects.toThrow('first failed');
    await second;
    await generation.idle();
    await settle();
    expect(log).toEqual(['other', 'first', 'second']);
    expect(generation.busy).toBe(0);
  });

  it('knows its partitions and its end', () => {
    const generation = new Generation({ a: [0], b: [2] });
    expect(generation.partitions()).toEqual([
      { topic: 'a', partition: 0 },
      { topic: 'b', partition: 2 },
    ]);
    expect(generation.lane('a', 2)).toBeUndefined();
    generation.abort(new Error('over'));
    expect([generation.over, generation.signal.aborted]).toEqual([true, true]);
  });
});

describe('Lane', () => {
  it.each([
    [-1n, undefined, undefined, false],
    [7n, undefined, 7n, false],
    [7n, 9n, 9n, false],
    [9n, 7n, 9n, false],
    [-1n, 7n, 7n, false],
    [-2n, 7n, undefined, true],
  ])('committed %s and handled %s: goes on at %s', (committed, handled, next, reset) => {
    const lane = new Lane('a', 0);
    lane.resume(committed, undefined, { next: handled, note: undefined, hasCommit: false, reset: false });
    expect([lane.next, lane.reset]).toEqual([next, reset]);
  });

  it('knows nothing of a partition whose committed offset has gone: it went with its topic', () => {
    const before = new Lane('a', 0);
    before.resume(7n);
    before.next = 9n;
    const lane = new Lane('a', 0);
    lane.resume(-1n, undefined, before);
    expect([lane.next, lane.uncharted]).toEqual([undefined, true]);
  });

  it('does not go on behind what was handled while the group had given the member up, but knows that its log was cut', () => {
    const before = new Lane('a', 0);
    before.resume(7n);
    before.next = 9n;
    const lane = new Lane('a', 0);
    lane.resume(7n, undefined, before, false);
    expect([lane.next, lane.reset]).toEqual([7n, false]);
    before.restart();
    const later = new Lane('a', 0);
    later.resume(7n, undefined, before, false);
    expect([later.next, later.reset]).toEqual([7n, true]);
  });

  const note = (id: number) => ({ id, until: 90n, lost: false });
  it.each([
    ['a rewind that it did not know of', note(5), undefined, 20n],
    ['another rewind than it knew of', note(6), note(5), 20n],
    ['no rewind, where it thought to have done one', undefined, note(5), 20n],
    ['the rewind that it did', note(5), note(5), 70n],
  ])('handled up to 70, and finds 20 committed with %s', (_what, committed, known, next) => {
    const lane = new Lane('a', 0);
    lane.resume(20n, committed, { next: 70n, note: known, hasCommit: true, reset: false });
    expect([lane.next, lane.note]).toEqual([next, committed]);
  });

  it('forgets where it stood at a rewind once it is there again, or the log is another one; what is lost, once a record is through', () => {
    const lane = new Lane('a', 0);
    lane.goBack({ offset: 20n, note: { id: 5, until: 90n, lost: true } });
    lane.pass(40n);
    expect([lane.note, lane.lost]).toEqual([{ id: 5, until: 90n, lost: true }, true]);
    lane.pass(50n, 10);
    expect(lane.note).toEqual({ id: 5, until: 90n, lost: false });
    lane.pass(90n, 1);
    expect(lane.note?.until).toBe(0n);
    lane.goBack({ offset: 20n, note: note(6) });
    lane.pass(undefined);
    expect(lane.note?.until).toBe(0n);
  });

  it('reads a log from its start whatever was committed, where that was met before the commit was read', () => {
    const lane = new Lane('a', 0);
    lane.restart();
    lane.resume(70n, note(5));
    expect([lane.next, lane.lost, lane.note?.until]).toEqual([undefined, true, 0n]);
  });

  it('tells a reset also after a join that came between it and its first batch', () => {
    const before = new Lane('a', 0);
    before.resume(70n);
    before.restart();
    const lane = new Lane('a', 0);
    lane.resume(70n, undefined, before);
    expect([lane.next, lane.lost]).toEqual([70n, true]);
  });

  it('goes back where it is held, too, and drops what was fetched before', () => {
    const lane = new Lane('a', 0);
    lane.resume(70n);
    lane.goBack({ offset: 20n, note: note(5) });
    expect([lane.next, lane.heldAt, lane.epoch]).toEqual([20n, undefined, 1]);
    lane.heldAt = 50n;
    lane.goBack({ offset: 30n, note: note(6) });
    expect([lane.next, lane.heldAt, lane.epoch]).toEqual([30n, 30n, 2]);
  });
});
