import { describe, expect, it } from '@jest/globals';
import { key, type Story, story } from './story.js';

describe('read your writes (I4)', () => {
  it('hold where the pod serves its write, or what overwrote it', () => {
    const told = story((s) => {
      s.serves('a', s.puts('a'));
      s.puts('a');
      s.becomes('x1');
      s.serves('a', 'x1');
    });
    expect(told.broken()).toEqual([]);
  });

  it('are broken by the state before an acknowledged put', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.puts('a');
      s.serves('a', 'x1');
    });
    expect(told.broken()).toEqual(['I4']);
    expect(told.report()).toContain('after w1: put k = w1 on a');
  });

  it('are broken by a value after an acknowledged delete, also one of nothing', () => {
    const told = story((s) => {
      s.becomes('x1');
      for (const before of ['x1', null]) {
        const remove = s.recorder.write({ operation: 'delete', pod: 'a', key });
        s.becomes(null, { by: remove.id });
        remove.ended({ type: 'applied' });
        if (before !== null) s.serves('a', before);
      }
    });
    expect(told.broken()).toEqual(['I4']);
  });

  it('say nothing about a read that began before the answer', () => {
    const told = story((s) => {
      s.becomes('x1');
      const slow = s.begin('a');
      s.puts('a');
      slow.served('x1', 'l2');
    });
    expect(told.broken()).toEqual([]);
  });

  it.each([{ type: 'ambiguous' }, { type: 'pending' }] as const)(
    'say nothing about a write that is $type',
    (result) => {
      const told = story((s) => {
        s.becomes('x1');
        const put = s.put('a');
        s.becomes(put.value);
        if (result.type === 'ambiguous') put.ended(result);
        s.serves('a', 'x1');
      });
      expect(told.broken()).toEqual([]);
    },
  );

  it('say nothing about other pods', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.puts('a');
      s.serves('b', 'x1');
    });
    expect(told.broken()).toEqual([]);
  });

  it('bind a read that asked for another pod’s write', () => {
    const told = story((s) => {
      s.becomes('x1');
      const atLeast = s.puts('a');
      s.serves('b', atLeast, { atLeast });
      s.puts('a');
      s.serves('b', 'x1', { atLeast: 'w2' });
    });
    expect(told.broken()).toEqual(['I2']);
    const fresh = story((s) => {
      s.becomes('x1');
      s.serves('b', 'x1', { atLeast: s.puts('a') });
    });
    expect(fresh.broken()).toEqual(['I4']);
  });

  it('bind every pod of the region once the write is said to be visible', () => {
    const tell = (isVisible: boolean): Story =>
      story((s) => {
        s.becomes('x1');
        s.becomes('x1', { region: 'eu' });
        const put = s.put('a');
        s.becomes(put.value);
        put.ended({ type: 'applied' });
        if (isVisible) put.visible();
        s.serves('b', 'x1');
        s.serves('c', 'x1');
      });
    expect(tell(false).broken()).toEqual([]);
    expect(tell(true).broken()).toEqual(['I4']);
    expect(tell(true).report()).toContain('said to be visible everywhere');
  });

  it('bind a pod that others wait for since then, and none of which nothing was said', () => {
    const tell = (silent: readonly string[], registersLate: boolean): Story =>
      story((s) => {
        s.recorder.started('d', 'us');
        if (!registersLate) s.recorder.registered('d');
        s.becomes('x1');
        const put = s.put('a');
        s.becomes(put.value);
        put.ended({ type: 'applied' });
        put.visible(silent);
        const slow = s.begin('d');
        if (registersLate) s.recorder.registered('d');
        slow.served('x1', 'l2');
      });
    expect(tell([], false).broken()).toEqual(['I4']);
    expect(tell(['d'], false).broken()).toEqual([]);
    expect(tell([], true).broken()).toEqual([]);
  });
});
