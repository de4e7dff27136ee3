import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { ConsumerGroup, type JoinAnswer } from './consumer-group.js';
import { errorCodes } from './error-codes.js';

const request = (memberId: string, name = 'range') => ({
  memberId,
  clientId: 'c',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 5_000,
  protocolType: 'consumer',
  protocols: [{ name, metadata: Buffer.from('m') }],
});
async function enter(group: ConsumerGroup): Promise<{ id: string; joined: Promise<JoinAnswer> }> {
  const { memberId } = await group.join(request(''));
  return { id: memberId, joined: group.join(request(memberId)) };
}

describe('ConsumerGroup', () => {
  it('asks a new member for its id first', async () => {
    const answer = await new ConsumerGroup('g', new ManualClock(), 0).join(request(''));
    expect(answer.error).toBe(errorCodes.MEMBER_ID_REQUIRED);
    expect(answer.memberId).not.toBe('');
  });

  it('waits for late members no longer than their rebalance time-out', async () => {
    const clock = new ManualClock();
    const group = new ConsumerGroup('g', clock, 0);
    const a = await enter(group);
    expect((await a.joined).generation).toBe(1);
    const b = await enter(group);
    expect(group.heartbeat(a.id, 1)).toBe(errorCodes.REBALANCE_IN_PROGRESS);
    let joined: JoinAnswer | undefined;
    void b.joined.then((answer) => (joined = answer));
    await clock.advance(4_999);
    expect(joined).toBeUndefined();
    await clock.advance(1);
    expect(joined).toMatchObject({ generation: 2, leader: b.id });
    expect(group.heartbeat(a.id, 1)).toBe(errorCodes.UNKNOWN_MEMBER_ID);
  });

  it('expires a member that is not heard of, and fences its commits', async () => {
    const clock = new ManualClock();
    const group = new ConsumerGroup('g', clock, 0);
    const a = await enter(group);
    await a.joined;
    await group.sync(a.id, 1, [{ memberId: a.id, assignment: Buffer.from('all') }]);
    expect([group.state, group.mayCommit(a.id, 1), group.mayCommit(a.id, 0)]).toEqual([
      'Stable',
      0,
      errorCodes.ILLEGAL_GENERATION,
    ]);
    await clock.advance(9_999);
    expect(group.state).toBe('Stable');
    await clock.advance(1);
    expect([group.state, group.mayCommit(a.id, 1)]).toEqual(['Empty', errorCodes.UNKNOWN_MEMBER_ID]);
  });

  it('holds a follower’s sync until the leader has assigned', async () => {
    const clock = new ManualClock();
    const group = new ConsumerGroup('g', clock, 100);
    const [a, b] = [await enter(group), await enter(group)];
    await clock.advance(100);
    const leader = (await a.joined).leader;
    expect((await b.joined).members).toEqual([]);
    const follower = leader === a.id ? b.id : a.id;
    let assigned: string | undefined;
    void group.sync(follower, 1, []).then(({ assignment }) => (assigned = assignment.toString()));
    await settle();
    expect(assigned).toBeUndefined();
    await group.sync(leader, 1, [{ memberId: follower, assignment: Buffer.from('yours') }]);
    await settle();
    expect(assigned).toBe('yours');
  });

  it('refuses protocols that nobody else speaks', async () => {
    const group = new ConsumerGroup('g', new ManualClock(), 0);
    await (
      await enter(group)
    ).joined;
    expect((await group.join(request('', 'sticky'))).error).toBe(errorCodes.INCONSISTENT_GROUP_PROTOCOL);
  });

  it('answers everybody and leaves no timer behind when it is shut down', async () => {
    const clock = new ManualClock();
    const group = new ConsumerGroup('g', clock, 1_000);
    const a = await enter(group);
    group.shutDown();
    expect((await a.joined).error).toBe(errorCodes.NOT_COORDINATOR);
    expect(clock.pending).toBe(0);
  });
});
