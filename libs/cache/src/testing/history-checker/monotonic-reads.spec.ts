import { describe, expect, it } from '@jest/globals';
import { story } from './story.js';

describe('monotonic reads (I2)', () => {
  it('hold where each read is of the same state or a later one', () => {
    const told = story((s) => {
      s.serves('a', null);
      s.becomes('x1');
      s.becomes('x2');
      s.serves('a', 'x1');
      s.serves('a', 'x1');
      s.serves('a', 'x2');
    });
    expect(told.broken()).toEqual([]);
  });

  it('are broken by a state older than one that was served before', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.serves('a', 'x2');
      s.serves('a', 'x1');
    });
    expect(told.broken()).toEqual(['I2']);
  });

  it('are told of with both reads and both states', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2').accepted();
      s.serves('a', 'x2', { watermark: 1_000 });
      s.serves('a', 'x1');
    });
    expect(told.report()).toBe(
      [
        'I2 monotonic reads: key k, pod a: served state 1 (x1) after state 2 (x2)',
        '  r2: get k on a, 0.012 s (#11) to 0.013 s (#12): served x1 from l1',
        '  after r1: get k on a, 0.010 s (#9) to 0.011 s (#10): served x2 from l1, watermark 1.000 s',
        '  state 1 of k in us: x1, applied at 0.007 s (#7), not accepted by the stream',
        '  state 2 of k in us: x2, applied at 0.008 s (#8), accepted at 0.009 s',
      ].join('\n'),
    );
  });

  it('say nothing about reads that overlap', () => {
    const told = story((s) => {
      s.becomes('x1');
      const slow = s.begin('a');
      s.becomes('x2');
      s.serves('a', 'x2');
      slow.served('x1', 'l2');
    });
    expect(told.broken()).toEqual([]);
  });

  it('bind a read to what an overlapping one served before it began', () => {
    const told = story((s) => {
      s.becomes('x1');
      const slow = s.begin('a');
      s.becomes('x2');
      slow.served('x2', 'l2');
      s.serves('a', 'x1');
    });
    expect(told.broken()).toEqual(['I2']);
  });

  it('are a promise of each pod by itself, and of each life of it', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes('x2');
      s.serves('a', 'x2');
      s.serves('b', 'x1');
      s.recorder.ended('a');
      s.recorder.started('a2', 'us');
      s.serves('a2', 'x1');
    });
    expect(told.broken()).toEqual([]);
  });

  it('follow the order of the pod’s own region', () => {
    const told = story((s) => {
      s.becomes('x1', { region: 'us' });
      s.becomes('x2', { region: 'us' });
      s.becomes('x2', { region: 'eu' });
      s.becomes('x1', { region: 'eu' });
      s.serves('c', 'x2');
      s.serves('c', 'x1');
      s.serves('a', 'x1');
      s.serves('a', 'x2');
    });
    expect(told.broken()).toEqual([]);
  });

  it('take an absence for the oldest that it can be', () => {
    const told = story((s) => {
      s.serves('a', null);
      s.becomes('x1');
      s.becomes(null);
      s.becomes('x2');
      s.serves('a', 'x1');
      s.serves('a', null);
      s.serves('a', 'x2');
    });
    expect(told.broken()).toEqual([]);
  });

  it('are broken by an absence that was over', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.becomes(null);
      s.becomes('x2');
      s.serves('a', 'x2');
      s.serves('a', null);
    });
    expect(told.broken()).toEqual(['I2']);
  });

  it('are broken by a value that came back after its deletion was seen', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.serves('a', 'x1');
      s.becomes(null);
      s.serves('a', null);
      s.serves('a', 'x1');
    });
    expect(told.broken()).toEqual(['I2']);
  });

  it('tell apart an absence before a value and the one after it', () => {
    const told = story((s) => {
      s.becomes('x1');
      s.serves('a', 'x1');
      s.serves('a', null);
    });
    expect(told.broken()).toEqual(['I2']);
  });
});
