import { describe, expect, it } from '@jest/globals';
import { key, type Story, story } from './story.js';

const absent = { type: 'absent' } as const;
const untouched = { type: 'untouched' } as const;

describe('a write where nothing is', () => {
  const tell = (before: string | null): Story =>
    story((s) => {
      s.becomes('x1');
      s.becomes(before);
      const write = s.write('a', absent);
      s.becomes(write.value);
      write.ended({ type: 'applied' });
    });

  it('is made over an absence, and never over a value', () => {
    expect(tell(null).broken()).toEqual([]);
    expect(tell('x2').broken()).toEqual(['condition']);
    expect(tell('x2').report()).toContain('was made over state 2 (x2)');
  });

  it('is held to it where its outcome is not known', () => {
    const told = story((s) => {
      s.becomes('x1');
      const write = s.write('a', absent);
      s.becomes(write.value);
      write.ended({ type: 'ambiguous' });
    });
    expect(told.broken()).toEqual(['condition']);
  });

  it('is refused only where a value was in its way meanwhile', () => {
    const refused = (meanwhile: (s: Story) => void): Story =>
      story((s) => {
        const write = s.write('a', absent);
        meanwhile(s);
        write.ended({ type: 'refused', reason: 'exists' });
      });
    expect(refused(() => undefined).broken()).toEqual(['condition']);
    expect(refused((s) => s.becomes('x1')).broken()).toEqual([]);
  });
});

describe('a write over one version', () => {
  const tell = (version: string, value: string | null = 'x1'): Story =>
    story((s) => {
      s.becomes(value, { version: 'v1' });
      const write = s.write('a', { type: 'version', version });
      s.becomes(write.value, { version: 'v3' });
      write.ended({ type: 'applied' }, 'v3');
    });

  it('is made over that version alone, while it holds a value', () => {
    expect(tell('v1').broken()).toEqual([]);
    expect(tell('v2').broken()).toEqual(['condition']);
    expect(tell('v1', null).broken()).toEqual(['condition']);
  });
});

describe('a load', () => {
  const tell = (meanwhile: (s: Story) => void): Story =>
    story((s) => {
      s.becomes('x1');
      s.becomes(null);
      const load = s.write('a', untouched);
      meanwhile(s);
      s.becomes(load.value);
    });

  it('may be installed where leases alone have come and gone', () => {
    expect(tell((s) => [null, null].forEach((value) => s.becomes(value))).broken()).toEqual([]);
  });

  it('overwrites no value, and no deletion, that came after it had begun', () => {
    expect(tell((s) => s.becomes('x2')).broken()).toEqual(['load']);
    const deleted = tell((s) => {
      s.becomes('x2');
      s.becomes(null);
      s.becomes(null);
    });
    expect(deleted.broken()).toEqual(['load']);
    expect(deleted.report()).toContain('was installed over state 4');
    const replicated = tell((s) => s.becomes('x2', { replicated: true }));
    expect(replicated.broken()).toEqual(['load']);
  });

  it('overwrites no deletion that found nothing', () => {
    const told = tell((s) => {
      const remove = s.recorder.write({ operation: 'delete', pod: 'a', key });
      s.becomes(null, { by: remove.id });
    });
    expect(told.broken()).toEqual(['load']);
  });

  it('may be installed over what another region has brought back', () => {
    const told = tell((s) => {
      s.becomes('x2');
      s.becomes(null, { replicated: true });
    });
    expect(told.broken()).toEqual([]);
  });
});

describe('the order of writes', () => {
  it('is broken by a put that comes in late over a tombstone, or over a newer put', () => {
    const tell = (first: 'put' | 'delete'): Story =>
      story((s) => {
        const late = s.put('a');
        const newer = s.recorder.write({ operation: first, pod: 'b', key, tombstone: first === 'delete' });
        s.becomes(newer.value, { by: newer.id, version: first === 'delete' ? null : 'v2' });
        newer.ended({ type: 'applied' }, 'v2');
        s.becomes(null, { version: first === 'delete' ? null : 'v2' });
        s.becomes(late.value, { version: 'v1' });
      });
    expect(tell('delete').broken()).toEqual(['order']);
    expect(tell('put').broken()).toEqual(['order']);
  });

  it('says nothing where the item was removed, or another region wrote it', () => {
    const tell = (replicated: boolean): Story =>
      story((s) => {
        const late = s.put('a');
        s.becomes(s.put('b').value, { version: 'v2' });
        s.becomes(null, { replicated, version: null });
        s.becomes(late.value, { version: 'v1' });
      });
    expect(tell(true).broken()).toEqual([]);
    expect(tell(false).broken()).toEqual([]);
  });
});
