import { afterEach, describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';

import { type RoutingTable } from './routing-table.js';
import { FakeElection } from './testing/fake-election.js';
import { FakeRoutingTopic } from './testing/fake-route-log.js';
import { foreignRoute, openRoutingTable, type RoutingBench } from './testing/routing-bench.js';
import { WriterSeat } from './writer-seat.js';

const a = 'tidemark.cache.a';
const b = 'tidemark.cache.b';
const create = { ifMatch: 'none', actor: 'ops' } as const;

const tables: RoutingTable[] = [];
afterEach(() => Promise.all(tables.splice(0).map((table) => table.close())));

async function candidate(topic = new FakeRoutingTopic()): Promise<RoutingBench & { readonly election: FakeElection }> {
  const election = new FakeElection();
  const bench = await openRoutingTable(topic, { election });
  tables.push(bench.table);
  return { ...bench, election };
}

describe('a routing table with an election', () => {
  it('reads and refuses changes until it is elected, and names who is', async () => {
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({}));
    const { table, election } = await candidate(topic);
    expect(table.state).toEqual({ type: 'standby' });
    expect(table.get('users')).toMatchObject({ version: 1 });
    await expect(table.put('orders', [a], create)).rejects.toMatchObject({ code: 'NOT_WRITER', context: {} });
    election.decide(false, 'admin-2');
    expect(table.state).toEqual({ type: 'standby', leader: 'admin-2' });
    await expect(table.put('orders', [a], create)).rejects.toMatchObject({
      code: 'NOT_WRITER',
      retriable: true,
      context: { leader: 'admin-2' },
    });
    election.decide(true);
    await settle();
    await expect(table.put('orders', [a], create)).resolves.toMatchObject({ route: { writerEpoch: 2 } });
  });

  it('says why nobody can be elected', async () => {
    const { table, election } = await candidate();
    election.problem = 'no broker answers';
    await expect(table.put('orders', [a], create)).rejects.toThrow('is being decided (no broker answers)');
    election.decide(false, 'admin-2');
    await expect(table.put('orders', [a], create)).rejects.toThrow(/^admin-2 writes the routing table/);
  });

  it('takes over only after it has read what the last writer wrote', async () => {
    const topic = new FakeRoutingTopic();
    const { table, log, election } = await candidate(topic);
    log.pause();
    topic.write(foreignRoute({ writerEpoch: 7 }));
    election.decide(true);
    await settle();
    expect(table.state).toEqual({ type: 'writer', epoch: 8 });
    expect(table.get('users')).toMatchObject({ writerEpoch: 7 });
  });

  it('refuses as soon as the election is lost, also before anybody has told', async () => {
    const { table, election } = await candidate();
    election.decide(true);
    await settle();
    await table.put('users', [a], create);
    election.lose();
    expect(table.state).toEqual({ type: 'standby' });
    await expect(table.put('users', [b], { ifMatch: 1, actor: 'ops' })).rejects.toMatchObject({ code: 'NOT_WRITER' });
  });

  it('aborts the append under way when it loses the election, and writes nothing of what waits behind it', async () => {
    const { table, log, election, topic } = await candidate();
    election.decide(true);
    await settle();
    let aborted = false;
    log.append = (_route, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('aborted'));
        });
      });
    const changes = [table.put('users', [a], create), table.put('orders', [a], create)];
    const settled = Promise.allSettled(changes);
    await settle();
    election.decide(false, 'admin-2');
    const outcomes = await settled;
    expect(aborted).toBe(true);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'NOT_WRITER' } });
    expect(topic.records).toEqual([]);
  });

  it('has two take turns without a conflict, each under a higher epoch', async () => {
    const topic = new FakeRoutingTopic();
    const [left, right] = [await candidate(topic), await candidate(topic)];
    left.election.decide(true);
    await settle();
    await left.table.put('users', [a], create);
    left.election.decide(false, 'right');
    right.election.decide(true);
    await settle();
    await right.table.put('users', [b], { ifMatch: 1, actor: 'ops' });
    right.election.decide(false, 'left');
    left.election.decide(true);
    await settle();
    await left.table.put('users', [a], { ifMatch: 2, actor: 'ops' });
    expect(topic.routes.map(({ version, writerEpoch }) => [version, writerEpoch])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('reads nothing but fenced records of a writer that writes on, and puts them right once it is elected', async () => {
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({ writerEpoch: 5, version: 3, topics: { [a]: 1 } }));
    const { table, election } = await candidate(topic);
    topic.write(foreignRoute({ writerEpoch: 4, version: 4, topics: { [b]: 4 } }));
    expect(table.get('users')).toMatchObject({ version: 3, topics: { [a]: 1 } });
    expect(topic.records).toHaveLength(2);
    election.decide(true);
    await settle();
    expect(table.get('users')).toMatchObject({ version: 5, topics: { [a]: 5 }, changedBy: 'routing-table' });
  });

  it('leaves to its writer what another writer has put right already', async () => {
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({ writerEpoch: 5, version: 3 }));
    const { election } = await candidate(topic);
    topic.write(foreignRoute({ writerEpoch: 4, version: 4, topics: { [b]: 4 } }));
    topic.write(foreignRoute({ writerEpoch: 5, version: 5, topics: { [a]: 5 }, changedBy: 'routing-table' }));
    election.decide(true);
    await settle();
    expect(topic.records).toHaveLength(3);
  });

  it('tries again where the log cannot be read to its end', async () => {
    const { table, log, election, clock } = await candidate();
    const barrier = log.barrier.bind(log);
    log.barrier = () => Promise.reject(new Error('no broker'));
    election.decide(true);
    await settle();
    expect(table.state).toEqual({ type: 'standby' });
    log.barrier = barrier;
    await clock.advance(1_000);
    await settle();
    expect(table.state).toMatchObject({ type: 'writer' });
  });

  it('does not take over from a newer release, and lets go of the election when it closes', async () => {
    const { table, topic, election } = await candidate();
    topic.writeRaw('users', '{"v":"9.0"}');
    election.decide(true);
    await settle();
    expect(table.state).toMatchObject({ type: 'unsupported' });
    await table.close();
    expect([election.closed, table.state.type]).toEqual([true, 'closed']);
  });

  it('leaves the election to a newer release, and bears that it cannot', async () => {
    const { table, topic, election } = await candidate();
    const close = election.close.bind(election);
    election.close = async () => {
      await close();
      throw new Error('no broker');
    };
    election.decide(true);
    await settle();
    topic.writeRaw('users', '{"v":"9.0"}');
    await settle();
    election.decide(false, 'newer');
    expect([election.closed, table.state.type]).toEqual([true, 'unsupported']);
    election.close = close;
  });

  it('takes the seat back from a writer that nobody elected', async () => {
    const topic = new FakeRoutingTopic();
    const { table, election } = await candidate(topic);
    election.decide(true);
    await settle();
    topic.write(foreignRoute({ writerEpoch: 9 }));
    expect(table.state).toEqual({ type: 'superseded', byEpoch: 9 });
    await table.takeOver();
    expect(table.state).toEqual({ type: 'writer', epoch: 10 });
    topic.write(foreignRoute({ writerEpoch: 11, version: 2 }));
    election.lose();
    await table.takeOver();
    expect(table.state).toEqual({ type: 'standby' });
  });
});

describe('two that share an epoch, for the first had written nothing when the second was elected', () => {
  const at = (ifMatch: number) => ({ ifMatch, actor: 'ops' });

  /** `right` has an append on its way under the epoch under which `left` is elected then; both are told of `users`, version 1. */
  async function sharing() {
    const topic = new FakeRoutingTopic();
    const [left, right] = [await candidate(topic), await candidate(topic)];
    left.election.decide(true);
    await settle();
    await left.table.put('users', [a], create);
    left.election.decide(false, 'right');
    right.election.decide(true);
    await settle();
    right.log.failNextAppend('later');
    await right.table.operate('users', { type: 'pause' }, at(1)).catch(() => undefined);
    left.election.decide(true);
    await settle();
    return { topic, left, right };
  }

  it('has the elected one put right what arrives late', async () => {
    const { left, right } = await sharing();
    right.election.decide(false, 'left');
    await left.table.put('users', [b], at(1));
    right.log.deliverLate();
    await settle();
    // A topic that `left` has taken away is back, as if it had carried the table all the time.
    expect(left.table.get('users')).toMatchObject({ version: 2, topics: { [a]: 1 } });
    await left.clock.advance(1_000);
    await settle();
    expect(left.table.get('users')).toMatchObject({ version: 3, topics: { [a]: 3 }, changedBy: 'routing-table' });
    expect(left.table.state).toEqual({ type: 'writer', epoch: 3 });
  });

  it('comes to rest while both believe to be elected, and each writes before it reads what the other wrote', async () => {
    const { topic, left, right } = await sharing();
    let other: (() => void) | undefined;
    for (const { log, clock } of [left, right])
      log.beforeAppend = () =>
        new Promise((resolve) => {
          other?.();
          if (other !== undefined) return resolve();
          const go = (): void => {
            other = undefined;
            resolve();
          };
          other = go;
          clock.setTimer(() => (other === go ? go() : undefined), 100);
        });
    const changes = [left.table.put('users', [b], at(1)), right.table.put('users', [a, b], at(1))];
    const settled = Promise.allSettled(changes);
    for (let step = 0; step < 100; step += 1) {
      await Promise.all([left.clock.advance(100), right.clock.advance(100)]);
      await settle();
    }
    await settled;
    expect(topic.routes.map(({ version, writerEpoch, changedBy }) => [version, writerEpoch, changedBy])).toEqual([
      [1, 1, 'ops'],
      [2, 2, 'ops'],
      [2, 2, 'ops'],
      [3, 3, 'routing-table'],
    ]);
    expect(right.table.get('users')).toEqual(left.table.get('users'));
  });
});

describe('WriterSeat', () => {
  it('ends its term when it is left', () => {
    const seat = new WriterSeat(undefined);
    seat.take(3);
    const { term } = seat;
    expect([seat.epoch, term.aborted]).toEqual([3, false]);
    seat.raise(5);
    expect([seat.epoch, term.aborted]).toEqual([5, false]);
    seat.close();
    expect(term.aborted).toBe(true);
    expect(() => seat.epoch).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
