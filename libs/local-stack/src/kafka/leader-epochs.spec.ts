import { describe, expect, it } from '@jest/globals';
import { LeaderEpochs } from './leader-epochs.js';

function epochsOf(...leaders: readonly (readonly [epoch: number, start: bigint])[]): LeaderEpochs {
  const epochs = new LeaderEpochs();
  for (const [epoch, start] of leaders) epochs.begin(epoch, start);
  return epochs;
}

describe('the epochs of leaders', () => {
  it('tell where the records of each end', () => {
    const epochs = epochsOf([0, 0n], [2, 10n], [5, 30n]);
    expect([0, 1, 2, 4, 5].map((epoch) => epochs.endOf(epoch, 40n))).toEqual([
      { epoch: 0, end: 10n },
      { epoch: 0, end: 10n },
      { epoch: 2, end: 30n },
      { epoch: 2, end: 30n },
      { epoch: 5, end: 40n },
    ]);
    expect(epochs.endOf(6, 40n)).toBeUndefined();
  });

  it('show a cut by an earlier end, and by an earlier leader where nothing of the last one is left', () => {
    const epochs = epochsOf([0, 0n], [1, 10n]);
    epochs.begin(2, 6n);
    expect(epochs.endOf(1, 50n)).toEqual({ epoch: 0, end: 6n });
    expect(epochs.endOf(0, 50n)).toEqual({ epoch: 0, end: 6n });
    expect(epochs.current).toBe(2);
  });
});
