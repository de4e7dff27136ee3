import { describe, expect, it } from '@jest/globals';
import { decodeLogNote, decodeRewindNote } from '@tidemark/protocol';
import { commitMetadata } from './commit-metadata.js';

const log = { topicId: '0123456789abcdef0123456789abcdef', leaderEpoch: 4 };
const rewind = { id: 5, until: 9n, lost: false };

describe('what is committed beside an offset', () => {
  it('holds what is known of a rewind and of the log, each to be read by itself', () => {
    const both = commitMetadata(rewind, log);
    expect([decodeRewindNote(both), decodeLogNote(both)]).toEqual([rewind, log]);
    expect(decodeLogNote(commitMetadata(undefined, log))).toEqual(log);
    expect(commitMetadata(rewind, { topicId: undefined, leaderEpoch: 4 })).toBe('rewind=5;until=9');
  });

  it('is nothing where neither is known', () => {
    expect([commitMetadata(undefined, undefined), commitMetadata(undefined, { ...log, topicId: undefined })]).toEqual([
      null,
      null,
    ]);
  });
});
