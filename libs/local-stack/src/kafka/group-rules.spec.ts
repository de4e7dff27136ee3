import { describe, expect, it } from '@jest/globals';
import {
  commonProtocols,
  decideCommit,
  decideHeartbeat,
  decideJoin,
  electProtocol,
  type GroupState,
} from './group-rules.js';

const states: GroupState[] = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'];
const member = { memberId: 'm', isMember: true, generation: 3 };

describe('the rules of a group', () => {
  it('rebalance on a join that brings something new, or comes from the leader', () => {
    const decisions = (isLeader: boolean, sameProtocols: boolean): string[] =>
      states.map((state) => decideJoin({ state, isLeader, sameProtocols }));
    expect(decisions(false, true)).toEqual(['unknown', 'rebalance', 'current', 'current', 'unknown']);
    expect(decisions(true, true)).toEqual(['unknown', 'rebalance', 'current', 'rebalance', 'unknown']);
    expect(decisions(false, false)).toEqual(['unknown', 'rebalance', 'rebalance', 'rebalance', 'unknown']);
  });

  it('take commits of a member until a new generation waits for its assignment', () => {
    expect(states.map((state) => decideCommit(state, member, 3))).toEqual([
      'NONE',
      'NONE',
      'REBALANCE_IN_PROGRESS',
      'NONE',
      'NONE',
    ]);
  });

  it('fence off other generations and strangers in every state', () => {
    for (const state of states) {
      for (const generation of [2, 4])
        expect(decideCommit(state, { ...member, generation }, 3)).toBe('ILLEGAL_GENERATION');
      expect(decideCommit(state, { ...member, isMember: false }, 3)).toBe('UNKNOWN_MEMBER_ID');
      expect(decideHeartbeat(state, { ...member, generation: 2 }, 3)).toBe('ILLEGAL_GENERATION');
      expect(decideHeartbeat(state, { ...member, isMember: false }, 3)).toBe('UNKNOWN_MEMBER_ID');
    }
  });

  it('let an outsider commit while the group is empty, and not otherwise', () => {
    const outsider = { memberId: '', isMember: false, generation: -1 };
    expect(states.map((state) => decideCommit(state, outsider, 3))).toEqual([
      'NONE',
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
    ]);
  });

  it('tell a member by its heartbeat that it has to join again', () => {
    expect(states.map((state) => decideHeartbeat(state, member, 3))).toEqual([
      'NONE',
      'REBALANCE_IN_PROGRESS',
      'NONE',
      'NONE',
      'NONE',
    ]);
  });

  it('choose a protocol that all support, by votes and then by the first member', () => {
    expect(
      electProtocol([
        ['a', 'b'],
        ['b', 'a'],
        ['b', 'a'],
      ]),
    ).toBe('b');
    expect(
      electProtocol([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    ).toBe('a');
    expect(
      electProtocol([
        ['a', 'b', 'c'],
        ['c', 'b'],
      ]),
    ).toBe('b');
    expect(electProtocol([['a'], ['b']])).toBe('');
    expect(commonProtocols([['a', 'b'], ['b'], ['c', 'b']])).toEqual(['b']);
    expect(commonProtocols([])).toEqual([]);
  });
});
