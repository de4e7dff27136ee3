import { beforeEach, describe, expect, it } from '@jest/globals';
import { type PodReport, type Route } from '@tidemark/protocol';
import { settle } from '@tidemark/runtime/testing';

import { haveFollowed, MoveController, type PodProgress } from './move-controller.js';
import { moveMs } from './route-operation.js';
import { FakeRoutingTopic } from './testing/fake-route-log.js';
import { type KillableCall, Life, mortal } from './testing/mortal.js';
import { openRoutingTable, type RoutingBench } from './testing/routing-bench.js';

const [a, b] = ['tidemark.cache.a', 'tidemark.cache.b'] as const;
const topics = { 'tidemark.cdc.users': 2, [a]: 2, [b]: 2 };

function report(followed: readonly (string | null)[], fields: Partial<PodReport> = {}): PodReport {
  const progress = followed.map(() => -1);
  return { pod: 'p', service: 's', tables: { users: { topics: followed, progress } }, leaving: false, ...fields };
}

describe('haveFollowed', () => {
  const moving: Route = {
    ...{ table: 'users', version: 2, writerEpoch: 1, topics: { a: 1, b: 2 }, deleted: false, changedAt: 0 },
    ...{ changedBy: 'ops', move: { to: 'b', from: ['a'], until: 9 } },
  };
  it.each<[string, PodReport[], boolean]>([
    ['every partition of every pod is past it', [report(['b', 'b']), report(['b', 'b'])], true],
    ['one partition is not', [report(['b', 'b']), report(['b', 'a'])], false],
    ['a pod follows nothing in one', [report(['b', null])], false],
    ['a pod follows nothing at all yet', [report(['b', 'b']), report([])], false],
    ['a pod that is not past it leaves', [report(['b', 'b']), report(['a', 'a'], { leaving: true })], true],
    ['a pod has other tables alone', [report(['b', 'b']), report([], { tables: {} })], true],
    ['no pod is known', [], false],
  ])('when %s', (_what, pods, past) => {
    expect(haveFollowed(moving, pods)).toBe(past);
  });

  it('lets a pod follow a topic that is limited to its like', () => {
    const limited = { c: { since: 1, services: ['s'] } };
    expect(haveFollowed({ ...moving, limited }, [report(['c', 'b'])])).toBe(true);
  });

  it('is of no move at all, no', () => {
    const { move: _move, ...standing } = moving;
    expect(haveFollowed(standing, [report(['b'])])).toBe(false);
  });
});

describe('a move', () => {
  let bench: RoutingBench;
  let reports: readonly PodReport[] | Error;
  const pods: PodProgress = { read: async () => (reports instanceof Error ? Promise.reject(reports) : reports) };
  const controllerOf = ({ table, clock, logger }: RoutingBench): MoveController =>
    new MoveController({ table, pods, clock, logger });
  const topicsNow = (): Readonly<Record<string, number>> => bench.table.get('users').topics;

  beforeEach(async () => {
    reports = [report([a, a])];
    bench = await openRoutingTable(new FakeRoutingTopic(), {}, topics);
    await bench.table.put('users', [a], { ifMatch: 'none', actor: 'ops' });
    await bench.table.operate('users', { type: 'move', to: b }, { ifMatch: 1, actor: 'ops' });
  });

  it('ends when all pods have followed, and not before', async () => {
    const controller = controllerOf(bench);
    await controller.step();
    expect(topicsNow()).toEqual({ [a]: 1, [b]: 2 });
    reports = [report([b, b])];
    await controller.step();
    expect([topicsNow(), bench.table.get('users').move, bench.table.get('users').changedBy]).toEqual([
      { [b]: 2 },
      undefined,
      'move',
    ]);
  });

  it.each<[string, readonly PodReport[] | Error]>([
    ['pods lag', [report([a, a])]],
    ['no pod is known', []],
    ['nobody can tell', new Error('no broker')],
  ])('ends after its time when %s', async (_what, said) => {
    reports = said;
    const controller = controllerOf(bench);
    controller.start();
    await bench.clock.advance(moveMs - 1);
    expect(topicsNow()).toEqual({ [a]: 1, [b]: 2 });
    await bench.clock.advance(2_001);
    expect(topicsNow()).toEqual({ [b]: 2 });
    await controller.close();
  });

  it('waits while its route is paused', async () => {
    reports = [report([b, b])];
    await bench.table.operate('users', { type: 'pause' }, { ifMatch: 2, actor: 'ops' });
    await bench.clock.advance(2 * moveMs);
    await controllerOf(bench).step();
    expect(topicsNow()).toEqual({ [a]: 1, [b]: 2 });
  });

  it('does not end when it was rolled back meanwhile', async () => {
    reports = [report([b, b])];
    const stepped = controllerOf(bench).step();
    await bench.table.operate('users', { type: 'roll-back' }, { ifMatch: 2, actor: 'ops' });
    await stepped;
    expect([topicsNow(), bench.table.get('users').version]).toEqual([{ [a]: 1 }, 3]);
  });

  it('is left to its writer by any other admin, until it is overdue for long', async () => {
    const other = await openRoutingTable(bench.topic, {}, topics);
    await other.table.operate('users', { type: 'pause' }, { ifMatch: 2, actor: 'ops' });
    await other.table.operate('users', { type: 'resume' }, { ifMatch: 3, actor: 'ops' });
    expect(bench.table.state.type).toBe('superseded');
    const controller = controllerOf(bench);
    reports = [report([b, b])];
    await controller.step();
    await bench.clock.advance(moveMs + 14_000);
    await controller.step();
    expect(topicsNow()).toEqual({ [a]: 1, [b]: 2 });
    await bench.clock.advance(2_000);
    await controller.step();
    expect([topicsNow(), bench.table.state.type]).toEqual([{ [b]: 2 }, 'writer']);
  });

  it('goes on at the next look when the brokers did not answer', async () => {
    reports = [report([b, b])];
    const controller = controllerOf(bench);
    bench.log.failNextAppend(false);
    await controller.step();
    expect(topicsNow()).toEqual({ [a]: 1, [b]: 2 });
    await controller.step();
    expect(topicsNow()).toEqual({ [b]: 2 });
  });
});

/** An admin's whole part in a move, from an empty table on; every call of its ports may be its last. */
async function admin(topic: FakeRoutingTopic, life: Life): Promise<void> {
  const bench = await openRoutingTable(topic, {}, topics, (ports) => mortal(ports, life));
  const pods: PodProgress = { read: async () => [report([b, b])] };
  const controller = new MoveController({ ...bench, pods: mortal(pods, life) });
  const known = bench.table.list().find(({ table }) => table === 'users');
  if (known === undefined) await bench.table.put('users', [a], { ifMatch: 'none', actor: 'ops' });
  const route = bench.table.get('users');
  const isThere = route.move !== undefined || Object.hasOwn(route.topics, b);
  if (!isThere) await bench.table.operate('users', { type: 'move', to: b }, { ifMatch: route.version, actor: 'ops' });
  await controller.step();
  await bench.table.close();
}

async function callsOf(run: (life: Life) => Promise<void>): Promise<number> {
  const life = new Life();
  await run(life);
  return life.calls;
}

describe('an admin that dies in the middle of a move', () => {
  it('leaves what the next one ends, whichever call was its last', async () => {
    const calls = await callsOf((life) => admin(new FakeRoutingTopic(), life));
    expect(calls).toBeGreaterThan(12);
    const deaths = Array.from({ length: calls }, (_, call) => call).flatMap((call): KillableCall[] => [
      { call, when: 'before' },
      { call, when: 'after' },
    ]);
    for (const death of deaths) {
      const topic = new FakeRoutingTopic();
      const life = new Life(death);
      await admin(topic, life).catch(() => undefined);
      await settle();
      expect([death, life.dead]).toEqual([death, true]);
      await admin(topic, new Life());
      const last = topic.routes.at(-1);
      const began = topic.routes.find(({ move }) => move !== undefined);
      expect([death, last]).toMatchObject([death, { topics: { [b]: began?.version }, deleted: false }]);
      expect([death, last?.move]).toEqual([death, undefined]);
      expect([death, topic.routes.every(({ topics: of }) => Object.keys(of).length > 0)]).toEqual([death, true]);
    }
  });
});
