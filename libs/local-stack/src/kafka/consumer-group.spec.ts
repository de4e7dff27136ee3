import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { ConsumerGroup } from './consumer-group.js';
import { type JoinAnswer, type JoinRequest, type SyncAnswer } from './group-member.js';

const sessionMs = 10_000;
const rebalanceMs = 3_000;

/** A group on a clock that stands still, and what its members would send. */
class GroupBench {
  readonly clock = new ManualClock();
  readonly group: ConsumerGroup;
  #ids = 0;

  constructor(initialRebalanceDelayMs = 0) {
    const newMemberId = (): string => `m${(this.#ids += 1)}`;
    this.group = new ConsumerGroup('g', { clock: this.clock, initialRebalanceDelayMs, newMemberId });
  }

  request(memberId: string, more: Partial<JoinRequest> = {}): JoinRequest {
    return {
      groupId: 'g',
      memberId,
      clientId: 'c',
      clientHost: 'h',
      sessionTimeoutMs: sessionMs,
      rebalanceTimeoutMs: rebalanceMs,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from(memberId) }],
      ...more,
    };
  }

  /** An id for a new member, as its first join gets it. */
  async id(): Promise<string> {
    return (await this.group.join(this.request(''))).memberId;
  }

  join(memberId: string, more: Partial<JoinRequest> = {}): Promise<JoinAnswer> {
    return Promise.resolve(this.group.join(this.request(memberId, more)));
  }

  sync(memberId: string, assigned: Readonly<Record<string, string>> = {}): Promise<SyncAnswer> {
    const assignments = Object.entries(assigned).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) }));
    return Promise.resolve(this.group.sync(memberId, this.group.generation, assignments));
  }

  /** A stable group of `count` members; the first leads. */
  async stable(count: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await this.id());
    await Promise.all(ids.map((id) => this.join(id)));
    await Promise.all(ids.map((id) => this.sync(id)));
    expect(this.group.state).toBe('Stable');
    return ids;
  }

  /** Heartbeats of members every second while time goes on. */
  async beat(ids: readonly string[], seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.clock.advance(1_000);
      for (const id of ids) this.group.heartbeat(id, this.group.generation);
    }
  }
}

describe('ConsumerGroup', () => {
  it('gives a new member its id first, and then makes it the leader of a generation', async () => {
    const bench = new GroupBench();
    const first = await bench.join('');
    expect(first).toMatchObject({ error: 'MEMBER_ID_REQUIRED', memberId: 'm1' });
    expect(await bench.join('m1')).toEqual({
      error: 'NONE',
      generation: 1,
      protocol: 'range',
      leaderId: 'm1',
      memberId: 'm1',
      members: [{ memberId: 'm1', metadata: Buffer.from('m1') }],
    });
    expect(bench.group.state).toBe('CompletingRebalance');
  });

  it('refuses an id that it did not give out', async () => {
    expect((await new GroupBench().join('stranger')).error).toBe('UNKNOWN_MEMBER_ID');
  });

  it('waits for members that were given an id, and tells the leader about all', async () => {
    const bench = new GroupBench();
    const [a, b] = [await bench.id(), await bench.id()];
    const joinA = bench.join(a);
    expect(bench.group.state).toBe('PreparingRebalance');
    const [toA, toB] = await Promise.all([joinA, bench.join(b)]);
    expect([toA.generation, toB.generation]).toEqual([1, 1]);
    expect([toA.members.map(({ memberId }) => memberId), toB.members]).toEqual([[a, b], []]);
  });

  it('hands out the assignments when the leader has made them', async () => {
    const bench = new GroupBench();
    const [a, b] = [await bench.id(), await bench.id()];
    await Promise.all([bench.join(a), bench.join(b)]);
    const syncB = bench.sync(b);
    expect(bench.group.state).toBe('CompletingRebalance');
    expect((await bench.sync(a, { [a]: 'p0', [b]: 'p1' })).assignment.toString()).toBe('p0');
    expect((await syncB).assignment.toString()).toBe('p1');
    expect(bench.group.state).toBe('Stable');
    expect((await bench.sync(b)).assignment.toString()).toBe('p1');
  });

  it('rebalances when a member comes, and keeps its leader', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    const b = await bench.id();
    const joinB = bench.join(b);
    expect(bench.group.heartbeat(a, 1)).toBe('REBALANCE_IN_PROGRESS');
    expect(bench.group.mayCommit(a, 1)).toBe('NONE');
    const [toA, toB] = await Promise.all([bench.join(a), joinB]);
    expect([toA.generation, toA.leaderId, toB.leaderId]).toEqual([2, a, a]);
    expect(bench.group.mayCommit(a, 1)).toBe('ILLEGAL_GENERATION');
    expect(bench.group.mayCommit(a, 2)).toBe('REBALANCE_IN_PROGRESS');
  });

  it('goes on without a member that does not join again in time, and fences it off', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    const c = await bench.id();
    const joins = Promise.all([bench.join(a), bench.join(c)]);
    await bench.clock.advance(rebalanceMs - 1);
    expect(bench.group.state).toBe('PreparingRebalance');
    await bench.clock.advance(1);
    expect((await joins)[0].members.map(({ memberId }) => memberId)).toEqual([a, c]);
    expect([bench.group.mayCommit(b, 1), bench.group.heartbeat(b, 1)]).toEqual([
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
    ]);
    expect((await bench.join(b)).error).toBe('UNKNOWN_MEMBER_ID');
  });

  it('elects another leader when its leader is gone', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    expect(bench.group.leave(a)).toBe('NONE');
    expect((await bench.join(b)).leaderId).toBe(b);
  });

  it('expires a member that is not heard of for a session, and not one that is', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    await bench.beat([a], 9);
    expect(bench.group.state).toBe('Stable');
    await bench.beat([a], 1);
    expect(bench.group.state).toBe('PreparingRebalance');
    expect(bench.group.mayCommit(b, 1)).toBe('UNKNOWN_MEMBER_ID');
    expect((await bench.join(a)).members.map(({ memberId }) => memberId)).toEqual([a]);
  });

  it('is kept alive by commits as by heartbeats', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    for (let round = 0; round < 3; round += 1) {
      await bench.clock.advance(sessionMs - 1);
      expect(bench.group.mayCommit(a, 1)).toBe('NONE');
    }
    await bench.clock.advance(sessionMs);
    expect(bench.group.state).toBe('Empty');
  });

  it('does not expire a member that waits for the others', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    const slow = await bench.join('', { sessionTimeoutMs: 60_000 });
    const join = bench.join(slow.memberId, { sessionTimeoutMs: 100, rebalanceTimeoutMs: 60_000 });
    await bench.beat([a], 5);
    expect(bench.group.members.map(({ id }) => id)).toContain(slow.memberId);
    await bench.join(a);
    expect((await join).error).toBe('NONE');
  });

  it('expels who joined and does not ask for its part, within the rebalance time-out', async () => {
    const bench = new GroupBench();
    const [a, b] = [await bench.id(), await bench.id()];
    await Promise.all([bench.join(a), bench.join(b)]);
    const syncB = bench.sync(b);
    await bench.clock.advance(rebalanceMs);
    expect((await syncB).error).toBe('REBALANCE_IN_PROGRESS');
    expect((await bench.join(b)).members.map(({ memberId }) => memberId)).toEqual([b]);
  });

  it('answers a join that brings nothing new with the generation there is', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    expect(await bench.join(b)).toMatchObject({ error: 'NONE', generation: 1, members: [] });
    expect(bench.group.state).toBe('Stable');
    void bench.join(a);
    expect(bench.group.state).toBe('PreparingRebalance');
  });

  it('chooses a protocol that all support, and refuses who supports none of them', async () => {
    const bench = new GroupBench();
    const offer = (...names: string[]): Partial<JoinRequest> => ({
      protocols: names.map((name) => ({ name, metadata: Buffer.alloc(0) })),
    });
    const [a, b] = [await bench.id(), await bench.id()];
    const [toA] = await Promise.all([bench.join(a, offer('range', 'sticky')), bench.join(b, offer('sticky', 'other'))]);
    expect(toA.protocol).toBe('sticky');
    expect((await bench.join('', offer('other'))).error).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect((await bench.join('', { protocolType: 'connect' })).error).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect((await bench.join('', offer())).error).toBe('INCONSISTENT_GROUP_PROTOCOL');
  });

  it('waits at first for others to come, again for as long as they do, and not beyond the rebalance time-out', async () => {
    const bench = new GroupBench(1_000);
    const a = await bench.id();
    const joins = [bench.join(a)];
    await bench.clock.advance(900);
    joins.push(bench.join(await bench.id()));
    await bench.clock.advance(1_000);
    expect(bench.group.state).toBe('PreparingRebalance');
    joins.push(bench.join(await bench.id()));
    await bench.clock.advance(1_099);
    expect(bench.group.state).toBe('PreparingRebalance');
    await bench.clock.advance(1);
    expect((await Promise.all(joins)).map(({ generation }) => generation)).toEqual([1, 1, 1]);
  });

  it('takes back an id that nobody uses', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    const unused = await bench.id();
    expect(bench.group.isVacant).toBe(false);
    await bench.beat([a], 10);
    expect((await bench.join(unused)).error).toBe('UNKNOWN_MEMBER_ID');
    expect(bench.group.state).toBe('Stable');
  });

  it('is empty when all have left, leaves no timer, and can then be deleted for good', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    expect(bench.group.delete()).toBe(false);
    expect([bench.group.leave(a), bench.group.leave(b), bench.group.leave(b)]).toEqual([
      'NONE',
      'NONE',
      'UNKNOWN_MEMBER_ID',
    ]);
    expect([bench.group.state, bench.clock.pending, bench.group.delete(), bench.group.state]).toEqual([
      'Empty',
      0,
      true,
      'Dead',
    ]);
    expect((await bench.join('')).error).toBe('COORDINATOR_NOT_AVAILABLE');
  });

  it('is found again as it was when it was stable, each session begun anew', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    await bench.clock.advance(sessionMs - 1);
    bench.group.suspend();
    expect(bench.clock.pending).toBe(0);
    await bench.clock.advance(60_000);
    bench.group.resume();
    await bench.clock.advance(sessionMs - 1);
    expect(bench.group.heartbeat(a, 1)).toBe('NONE');
  });

  it('has lost its members when it was in the middle of a rebalance, and answers them', async () => {
    const bench = new GroupBench();
    const [a = ''] = await bench.stable(1);
    const join = bench.join(await bench.id());
    bench.group.suspend();
    expect((await join).error).toBe('NOT_COORDINATOR');
    bench.group.resume();
    expect([bench.group.state, bench.group.heartbeat(a, 1), bench.clock.pending]).toEqual([
      'Empty',
      'UNKNOWN_MEMBER_ID',
      0,
    ]);
  });

  it('ends one session or all of them when it is told to', async () => {
    const bench = new GroupBench();
    const [a = '', b = ''] = await bench.stable(2);
    expect([bench.group.expel(a), bench.group.expel(a)]).toEqual([true, false]);
    expect([bench.group.state, bench.group.heartbeat(b, 1)]).toEqual(['PreparingRebalance', 'REBALANCE_IN_PROGRESS']);
    bench.group.expelAll();
    expect([bench.group.state, bench.clock.pending]).toEqual(['Empty', 0]);
  });
});
