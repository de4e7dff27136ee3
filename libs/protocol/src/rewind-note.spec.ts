import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runs } from '../test/runs.js';
import { decodeRewindNote, encodeRewindNote, hasDone, noteAt, rewound } from './rewind-note.js';

const note = fc.record({ id: fc.maxSafeNat(), until: fc.bigInt({ min: 0n, max: 2n ** 62n }), lost: fc.boolean() });

describe('a rewind of one partition', () => {
  it.each<[string, bigint, bigint, bigint, bigint]>([
    ['goes back to its start, until where it stood', 100n, 40n, 40n, 100n],
    ['stays where it is when its start is no earlier', 100n, 100n, 100n, 0n],
    ['never goes on beyond where it stood', 100n, 170n, 100n, 0n],
  ])('%s', (_name, at, start, offset, until) => {
    expect(rewound(at, undefined, 5, { offset: start, lost: false })).toEqual({
      offset,
      note: { id: 5, until, lost: false },
    });
  });

  it.each<[string, bigint, bigint, bigint]>([
    ['goes further back', 20n, 20n, 100n],
    ['goes on within what was handled once', 70n, 70n, 100n],
    ['ends it, with a start that is no earlier', 100n, 100n, 0n],
    ['never goes on beyond what was handled once', 300n, 100n, 0n],
  ])('in the middle of another one %s', (_name, start, offset, until) => {
    const under = { id: 5, until: 100n, lost: false };
    expect(rewound(60n, under, 6, { offset: start, lost: false })).toEqual({
      offset,
      note: { id: 6, until, lost: false },
    });
  });

  it('says that records are lost where it reads from the first one that is left, and still owes what was', () => {
    const start = { offset: 40n, lost: true };
    expect(rewound(100n, undefined, 5, start).note.lost).toBe(true);
    expect(rewound(40n, undefined, 5, start).note.lost).toBe(false);
    expect(rewound(40n, { id: 4, until: 9n, lost: true }, 5, start).note.lost).toBe(true);
  });

  it('forgets where it stood once it is there again: the same offsets of a log that is made anew are new', () => {
    const under = { id: 5, until: 100n, lost: false };
    expect([99n, 100n, 101n].map((offset) => noteAt(under, offset).until)).toEqual([100n, 0n, 0n]);
  });

  it.each([
    [undefined, false],
    [4, false],
    [5, true],
    [6, true],
  ])('with a note of %p has done rewind 5: %p', (id, done) => {
    expect(hasDone(id === undefined ? undefined : { id, until: 1n, lost: false }, 5)).toBe(done);
  });
});

describe('a note', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(note, (one) => expect(decodeRewindNote(encodeRewindNote(one))).toEqual(one)),
      runs(),
    );
  });

  it('is none where something else stands, and bears what a later release adds', () => {
    for (const other of [null, undefined, '', 'event-3', 'rewind=5', 'rewind=;until=1', 'rewind=5;until=-1'])
      expect(decodeRewindNote(other)).toBeUndefined();
    expect(decodeRewindNote('rewind=9999999999999999;until=1')).toBeUndefined();
    expect(decodeRewindNote('rewind=5;until=7;pace=3;lost')).toEqual({ id: 5, until: 7n, lost: true });
  });

  it('is read from whatever text stands there', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `rewind=${text}`),
        ),
        (text) => {
          const read = decodeRewindNote(text);
          return read === undefined || (Number.isSafeInteger(read.id) && read.until >= 0n);
        },
      ),
    );
  });
});
