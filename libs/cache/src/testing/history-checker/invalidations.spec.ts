import { describe, expect, it } from '@jest/globals';
import { key, type Story, story } from './story.js';

describe('an invalidation', () => {
  const tell = (pod: string, watermark: (s: Story) => number | null): Story =>
    story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      const acknowledged = s.recorder.invalidation('a', key);
      acknowledged();
      s.serves(pod, 'x1', { watermark: watermark(s) });
    });

  it('binds its own pod at once', () => {
    expect(tell('a', () => null).broken()).toEqual(['invalidation']);
    expect(tell('a', () => null).report()).toContain('after i1, invalidated by a when the replica was at state 2');
  });

  it('binds the others of its region once they have heard of it', () => {
    expect(tell('b', () => null).broken()).toEqual([]);
    expect(tell('b', (s) => s.ms).broken()).toEqual([]);
    expect(tell('b', (s) => s.ms + 10).broken()).toEqual(['invalidation']);
    expect(tell('b', (s) => s.ms + 10).broken({ skewMs: 20 })).toEqual([]);
    expect(tell('c', (s) => s.ms + 10).broken()).toEqual(['origin']);
  });

  it('binds nobody else where it was not acknowledged', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.recorder.invalidation('a', key);
      s.serves('b', 'x1', { watermark: s.ms + 10 });
    });
    expect(told.broken()).toEqual([]);
  });

  it('says nothing about what was written later, or asked before', () => {
    const told = story((s) => {
      s.becomes('x1');
      const slow = s.begin('a');
      s.becomes('x2');
      s.recorder.invalidation('a', key)();
      s.becomes('x3');
      s.serves('a', 'x2');
      slow.served('x1', 'l2');
    });
    expect(told.broken()).toEqual([]);
  });
});
