import { describe, expect, it } from '@jest/globals';
import { key, type Story, story } from './story.js';

describe('convergence (I1)', () => {
  it('holds where L1 holds the last state, or nothing', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.becomes('x1', { region: 'eu' });
      s.recorder.quiet();
      s.recorder.rest('a', key, { value: 'x2' });
      s.recorder.rest('b', key, undefined);
      s.recorder.rest('c', key, { value: 'x1' });
      s.recorder.rest('a', 'other', { value: null });
    });
    expect(told.broken()).toEqual([]);
  });

  it.each([
    ['an older state', 'x1', 'state 1'],
    ['an absence', null, 'state 0'],
    ['what never was', 'x9', 'which the replica never was'],
  ])('is broken by %s', (_name, value, which) => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.recorder.quiet();
      s.recorder.rest('a', key, { value });
    });
    expect(told.broken()).toEqual(['I1']);
    expect(told.report()).toContain(which);
  });

  it('is broken by a value that is deleted', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes(null);
      s.recorder.quiet();
      s.recorder.rest('a', key, { value: 'x1' });
    });
    expect(told.broken()).toEqual(['I1']);
  });

  it('is broken by a read that serves an older state, or nothing at all', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.serves('a', 'x1');
      s.begin('a').failed('TIMEOUT');
      s.recorder.quiet();
      s.serves('a', 'x1');
      s.serves('b', 'x2');
      s.begin('b').failed('TIMEOUT');
    });
    expect(told.broken()).toEqual(['I1', 'I1']);
    expect(told.report()).toContain('serves x1, state 1, for good; the replica holds x2');
    expect(told.report()).toContain('serves nothing although nothing is wrong any more');
  });
});

describe('what was served and told', () => {
  it('must be a state of the replica that had come to be', () => {
    const told = story((s) => {
      s.becomes('x1', { region: 'eu' });
      s.serves('a', 'x1');
      s.serves('a', 'x2');
      s.becomes('x2');
    });
    expect(told.broken()).toEqual(['origin', 'origin']);
  });

  it('may be what another pod wrote and was not yet told of', () => {
    const told = story((s) => {
      const put = s.put('a');
      s.becomes(put.value);
      s.serves('b', put.value);
    });
    expect(told.broken()).toEqual([]);
  });

  it('says of an acknowledged write that it was made, once', () => {
    expect(story((s) => s.put('a').ended({ type: 'applied' })).broken()).toEqual(['outcome']);
    const twice = story((s) => {
      const put = s.put('a');
      s.becomes(put.value);
      s.becomes('x1');
      s.becomes(put.value);
      put.ended({ type: 'applied' });
    });
    expect(twice.broken()).toEqual(['outcome']);
    expect(twice.report()).toContain('one write was made 2 times');
  });

  it('allows others to change an item and leave its value', () => {
    const told = story((s) => {
      s.becomes(s.puts('a'));
    });
    expect(told.broken()).toEqual([]);
  });

  it('says of a refused write that it was not made, and of an ambiguous one that it was made once at most', () => {
    const tell = (result: { type: 'refused'; reason: string } | { type: 'ambiguous' }, times: number): Story =>
      story((s) => {
        const put = s.put('a');
        for (let time = 0; time < times; time += 1) {
          s.becomes(put.value);
          s.becomes(`x${time}`);
        }
        put.ended(result);
      });
    expect(tell({ type: 'refused', reason: 'superseded' }, 0).broken()).toEqual([]);
    expect(tell({ type: 'refused', reason: 'superseded' }, 1).broken()).toEqual(['outcome']);
    expect(tell({ type: 'ambiguous' }, 0).broken()).toEqual([]);
    expect(tell({ type: 'ambiguous' }, 1).broken()).toEqual([]);
    expect(tell({ type: 'ambiguous' }, 2).broken()).toEqual(['outcome']);
  });

  it('says nothing where nothing was served', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.begin('a').failed('TIMEOUT');
      s.begin('a');
    });
    expect(told.broken()).toEqual([]);
  });

  it('must be told by pods that have started', () => {
    const told = story((s) => s.serves('nobody', null));
    expect(() => told.broken()).toThrow('no life of pod nobody');
    expect(() => told.recorder.started('a', 'us')).toThrow('has lived before');
  });
});

describe('a long history', () => {
  it('takes no longer than it has to', () => {
    const told = story((s) => {
      for (let n = 0; n < 20_000; n += 1) {
        s.becomes(`x${n}`);
        s.serves('a', `x${n}`);
      }
    });
    expect(told.broken()).toEqual([]);
  });
});
