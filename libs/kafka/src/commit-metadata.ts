import { encodeLogNote, encodeRewindNote, type RewindNote } from '@tidemark/protocol';
import { type FetchPlace } from './fetch-places.js';

/** What is committed beside an offset: what was done of a rewind, and which log the offset lies in; `null`: neither is known. */
export function commitMetadata(note: RewindNote | undefined, log: FetchPlace | undefined): string | null {
  const { topicId, leaderEpoch } = log ?? {};
  const notes = [
    ...(note === undefined ? [] : [encodeRewindNote(note)]),
    ...(topicId === undefined ? [] : [encodeLogNote({ topicId, leaderEpoch })]),
  ];
  return notes.length === 0 ? null : notes.join(';');
}
