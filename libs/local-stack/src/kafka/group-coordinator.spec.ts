import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { forgetfulStore } from './broker-store.js';
import { GroupCoordinator, type GroupCoordinatorOptions } from './group-coordinator.js';
import { type JoinRequest } from './group-member.js';

function makeCoordinator(more: Partial<GroupCoordinatorOptions> = {}): GroupCoordinator {
  return new GroupCoordinator({
    clock: new ManualClock(),
    store: forgetfulStore,
    initialRebalanceDelayMs: 0,
    sessionTimeoutMinMs: 6_000,
    sessionTimeoutMaxMs: 60_000,
    groupsMax: 3,
    ...more,
  });
}

const request = (groupId: string, more: Partial<JoinRequest> = {}): JoinRequest => ({
  groupId,
  memberId: '',
  clientId: 'c',
  clientHost: 'h',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  ...more,
});
const at = (
  topic: string,
  partition: number,
  offset: bigint,
): { topic: string; partition: number; offset: bigint; metadata: null } => ({
  topic,
  partition,
  offset,
  metadata: null,
});

/** Joins as a new member; its id. */
async function enter(coordinator: GroupCoordinator, groupId: string): Promise<string> {
  const { memberId } = await coordinator.join(request(groupId));
  expect((await coordinator.join(request(groupId, { memberId }))).error).toBe('NONE');
  return memberId;
}

describe('GroupCoordinator', () => {
  it('refuses sessions that are too short or too long, groups without a name, and ids it does not know', async () => {
    const coordinator = makeCoordinator();
    const errors = [
      request('g', { sessionTimeoutMs: 5_999 }),
      request('g', { sessionTimeoutMs: 60_001 }),
      request(''),
      request('g', { memberId: 'stranger' }),
    ].map((each) => coordinator.join(each));
    expect((await Promise.all(errors.map((each) => Promise.resolve(each)))).map(({ error }) => error)).toEqual([
      'INVALID_SESSION_TIMEOUT',
      'INVALID_SESSION_TIMEOUT',
      'INVALID_GROUP_ID',
      'UNKNOWN_MEMBER_ID',
    ]);
    expect(coordinator.ids()).toEqual([]);
  });

  it('keeps groups apart', async () => {
    const coordinator = makeCoordinator();
    const [a, b] = [await enter(coordinator, 'a'), await enter(coordinator, 'b')];
    expect(a).not.toBe(b);
    coordinator.commit('a', [at('t', 0, 5n)]);
    expect([coordinator.heartbeat('a', a, 1), coordinator.heartbeat('b', a, 1)]).toEqual(['NONE', 'UNKNOWN_MEMBER_ID']);
    expect([coordinator.committed('a', 't', 0)?.offset, coordinator.committed('b', 't', 0)]).toEqual([5n, undefined]);
  });

  it('answers for a group that nobody has made as for one without members', async () => {
    const coordinator = makeCoordinator();
    expect([
      coordinator.heartbeat('g', 'm', 1),
      (await coordinator.sync('g', 'm', 1, [])).error,
      coordinator.leave('g', 'm'),
      coordinator.mayCommit('g', 'm', 1),
      coordinator.mayCommit('g', '', -1),
      coordinator.delete('g'),
      coordinator.describe('g').state,
    ]).toEqual([
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
      'ILLEGAL_GENERATION',
      'NONE',
      'GROUP_ID_NOT_FOUND',
      'Dead',
    ]);
  });

  it('deletes a group with its offsets when nobody is in it', async () => {
    const coordinator = makeCoordinator();
    const memberId = await enter(coordinator, 'g');
    coordinator.commit('g', [at('t', 0, 5n), at('t', 1, 6n)]);
    expect(coordinator.delete('g')).toBe('NON_EMPTY_GROUP');
    coordinator.leave('g', memberId);
    expect([coordinator.delete('g'), coordinator.allCommitted('g'), coordinator.ids()]).toEqual(['NONE', [], []]);
  });

  it('forgets the offsets of a topic that is gone', () => {
    const coordinator = makeCoordinator();
    coordinator.commit('g', [at('t', 0, 5n), at('u', 0, 6n)]);
    coordinator.forgetTopic('t');
    expect(coordinator.allCommitted('g')).toEqual([at('u', 0, 6n)]);
  });

  it('forgets idle groups that committed nothing, and bounds their number until then', async () => {
    const coordinator = makeCoordinator();
    const leaver = await enter(coordinator, 'left');
    coordinator.leave('left', leaver);
    await enter(coordinator, 'live');
    coordinator.commit('committed', [at('t', 0, 5n)]);
    expect((await coordinator.join(request('one-more'))).error).toBe('COORDINATOR_NOT_AVAILABLE');
    coordinator.clean();
    expect(coordinator.ids().sort()).toEqual(['committed', 'live']);
    await enter(coordinator, 'one-more');
  });
});
