import { describe, expect, it } from '@jest/globals';
import { apiTable } from './api-table.js';
import { RequestFaults } from './request-faults.js';

const { Fetch, Produce } = apiTable;

describe('RequestFaults', () => {
  it('hit as many requests of their kind as they were told, and no other', () => {
    const faults = new RequestFaults();
    faults.arm('Fetch', 2, { isDropped: true });
    const drops = [Produce.key, Fetch.key, Fetch.key, Fetch.key].map((key) => faults.next(key).isDropped);
    expect(drops).toEqual([false, true, true, false]);
  });

  it('add up on one request', () => {
    const faults = new RequestFaults();
    faults.arm('Produce', 1, { delayMs: 20 });
    faults.arm('Produce', 1, { delayMs: 50 });
    faults.arm('Produce', 1, { losesAnswer: true });
    faults.arm('Produce', 2, { error: 'NOT_LEADER_FOR_PARTITION' });
    expect(faults.next(Produce.key)).toEqual({
      delayMs: 50,
      isDropped: false,
      losesAnswer: true,
      error: 'NOT_LEADER_FOR_PARTITION',
    });
    expect(faults.next(Produce.key)).toEqual({
      delayMs: 0,
      isDropped: false,
      losesAnswer: false,
      error: 'NOT_LEADER_FOR_PARTITION',
    });
  });

  it('are taken back', () => {
    const faults = new RequestFaults();
    faults.arm('Produce', 5, { isDropped: true });
    faults.disarm();
    expect(faults.next(Produce.key).isDropped).toBe(false);
  });
});
