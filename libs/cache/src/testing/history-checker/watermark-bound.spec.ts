import { describe, expect, it } from '@jest/globals';
import { type Story, story } from './story.js';

describe('watermarks (I3)', () => {
  it('allow what was overwritten by a change that the stream accepted later', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      const next = s.becomes('x2');
      const watermark = s.ms;
      next.accepted();
      s.serves('a', 'x1', { watermark });
    });
    expect(told.broken()).toEqual([]);
  });

  it('are broken by what was overwritten by a change that it accepted before', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.becomes('x2').accepted();
      s.serves('a', 'x1', { watermark: s.ms + 10 });
    });
    expect(told.broken()).toEqual(['I3']);
    expect(told.report()).toContain('overwritten by state 2, which the stream accepted 10 ms before the watermark');
  });

  it('count the clocks’ error in', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.becomes('x2').accepted();
      s.serves('a', 'x1', { watermark: s.ms + 10 });
    });
    expect(told.broken({ skewMs: 20 })).toEqual([]);
    expect(told.broken({ skewMs: 5 })).toEqual(['I3']);
  });

  it('bind although the change that overwrote it is not the one that was accepted', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.becomes('x2');
      s.becomes('x3').accepted();
      s.serves('a', 'x1', { watermark: s.ms + 10 });
    });
    expect(told.broken()).toEqual(['I3']);
  });

  it('allow a value that a later change left as it was', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.becomes('x1').accepted();
      s.serves('a', 'x1', { watermark: s.ms + 10 });
    });
    expect(told.broken()).toEqual([]);
  });

  it('hold cached absences to the same', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.serves('a', null, { watermark: s.ms + 10 });
    });
    expect(told.broken()).toEqual(['I3']);
  });

  it('go with the cache’s own bound on staleness', () => {
    const tell = (lateMs: number): Story =>
      story((s) => {
        s.becomes('x1').accepted();
        s.becomes('x2').accepted();
        s.pass(lateMs);
        s.serves('a', 'x1', { maxStalenessMs: 5_000 });
      });
    expect(tell(4_000).broken()).toEqual([]);
    expect(tell(6_000).broken()).toEqual(['I3']);
    expect(tell(6_000).report()).toContain('before maxStaleness');
  });

  it('leave a bound the error of two clocks', () => {
    const told = story((s) => {
      s.becomes('x1').accepted();
      s.becomes('x2').accepted();
      s.pass(6_000);
      s.serves('a', 'x1', { maxStalenessMs: 5_000 });
    });
    expect(told.broken({ skewMs: 600 })).toEqual([]);
    expect(told.broken({ skewMs: 400 })).toEqual(['I3']);
  });

  it('have a read of the replica serve what it was when the read began', () => {
    const tell = (value: string): Story =>
      story((s) => {
        s.becomes('x1');
        s.becomes('x2');
        const read = s.begin('a', { maxStalenessMs: 0 });
        s.becomes('x3');
        read.served(value, 'l2');
      });
    expect(tell('x1').broken({ skewMs: 1_000 })).toEqual(['I3']);
    expect(tell('x2').broken()).toEqual([]);
    expect(tell('x3').broken()).toEqual([]);
  });
});
