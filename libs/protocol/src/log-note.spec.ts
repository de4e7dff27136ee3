import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runs } from '../test/runs.js';
import { decodeLogNote, encodeLogNote } from './log-note.js';
import { decodeRewindNote, encodeRewindNote } from './rewind-note.js';

const topicId = '0123456789abcdef0123456789abcdef';
const note = fc.record({
  topicId: fc.stringMatching(/^[0-9a-f]{32}$/),
  leaderEpoch: fc.option(fc.nat(2 ** 31 - 1), { nil: undefined }),
});

describe('a note of the log', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(note, (one) => expect(decodeLogNote(encodeLogNote(one))).toEqual(one)),
      runs(),
    );
  });

  it('stands behind the note of a rewind, and is passed over by releases that read that alone', () => {
    const rewind = { id: 5, until: 7n, lost: true };
    const text = `${encodeRewindNote(rewind)};${encodeLogNote({ topicId, leaderEpoch: 3 })}`;
    expect(text).toBe(`rewind=5;until=7;lost;topic=${topicId};leader=3`);
    expect([decodeRewindNote(text), decodeLogNote(text)]).toEqual([rewind, { topicId, leaderEpoch: 3 }]);
    expect(decodeRewindNote(encodeLogNote({ topicId, leaderEpoch: 3 }))).toBeUndefined();
  });

  it('is none where something else stands', () => {
    for (const other of [null, undefined, '', 'event-3', 'rewind=5;until=1', 'topic=', 'topic=12', `topic=${topicId}0`])
      expect(decodeLogNote(other)).toBeUndefined();
    for (const epoch of ['', '-1', 'x', '99999999999', '4294967296'])
      expect(decodeLogNote(`topic=${topicId};leader=${epoch}`)).toEqual({ topicId, leaderEpoch: undefined });
  });
});
