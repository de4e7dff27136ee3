import { describe, expect, it } from '@jest/globals';
import { believeAgain, epochOf, mayBeOfEpoch, offsetOutOfRange, whyRefused } from './fetch-verdict.js';

const asking = (leaderEpoch: number | undefined) => ({ fetchOffset: '500', place: { topicId: 'a', leaderEpoch } });

describe('what a broker answers to a fetch', () => {
  it('is believed of an offset out of range only where it was asked for without an epoch, until records have come', () => {
    const asked = asking(7);
    expect([mayBeOfEpoch(offsetOutOfRange, asked), epochOf(asked.place)]).toEqual([true, -1]);
    expect(mayBeOfEpoch(offsetOutOfRange, asked)).toBe(false);
    // Without the epoch, the cut of the next leader would not be seen.
    believeAgain(asked);
    expect([epochOf(asked.place), mayBeOfEpoch(offsetOutOfRange, asked)]).toEqual([7, true]);
  });

  it('leaves the epoch that a log was proven to have where records come', () => {
    const asked = asking(7);
    expect(whyRefused(0, { epoch: 5, end: 500n }, asked)).toBeUndefined();
    believeAgain(asked);
    expect(epochOf(asked.place)).toBe(5);
  });

  it.each([
    [100, 'no topic of that id'],
    [103, 'another id'],
    [29, 'no permission for it'],
    [2, 'a record that is corrupt'],
    [56, 'a disk that cannot be read'],
    [-1, 'an error without a name'],
  ])('is of one topic alone, which is looked up: %d, %s', (errorCode) => {
    expect(whyRefused(errorCode, undefined, asking(7))).toBe('not-given');
  });
});
