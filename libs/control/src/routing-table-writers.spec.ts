import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';

import { FakeRoutingTopic } from './testing/fake-route-log.js';
import { foreignRoute, openRoutingTable } from './testing/routing-bench.js';

const a = 'tidemark.cache.a';
const b = 'tidemark.cache.b';
const create = { ifMatch: 'none', actor: 'ops' } as const;

describe('an append without an answer', () => {
  it('is done when the record comes back all the same', async () => {
    const { table, log } = await openRoutingTable();
    log.failNextAppend(true);
    await expect(table.put('users', [a], create)).resolves.toMatchObject({ written: true });
  });

  it('fails when it does not, and leaves the table as it was', async () => {
    const { table, log } = await openRoutingTable();
    log.failNextAppend(false);
    await expect(table.put('users', [a], create)).rejects.toMatchObject({ code: 'PUBLISH_FAILED' });
    expect(table.list()).toEqual([]);
    await expect(table.put('users', [a], create)).resolves.toMatchObject({ route: { version: 1 } });
  });

  it('that arrives behind a later change is written over, with a fresh since', async () => {
    const { table, log, topic } = await openRoutingTable();
    await table.put('users', [a], create);
    log.failNextAppend('later');
    await expect(table.put('users', [b], { ifMatch: 1, actor: 'ops' })).rejects.toMatchObject({
      code: 'PUBLISH_FAILED',
    });
    await table.put('users', [a, b], { ifMatch: 1, actor: 'ops' });
    log.deliverLate();
    await settle();
    expect(topic.routes.map(({ version, topics }) => [version, topics])).toEqual([
      [1, { [a]: 1 }],
      [2, { [a]: 1, [b]: 2 }],
      [2, { [b]: 2 }],
      [3, { [b]: 3 }],
    ]);
    expect(table.state).toMatchObject({ type: 'writer' });
  });

  it.each([
    ['', false],
    [', also where the log has begun anew before', true],
  ])('that arrives twice, behind a later change, is not passed over in silence%s', async (_, isAnew) => {
    const { table, topic } = await openRoutingTable();
    await table.put('users', [a], create);
    await table.put('users', [b], { ifMatch: 1, actor: 'ops' });
    if (isAnew) {
      const kept = topic.routes;
      topic.reset();
      for (const route of kept) topic.write(route);
      await settle();
      expect(table.state).toMatchObject({ type: 'writer' });
    }
    const [, second] = topic.routes;
    await table.put('users', [a], { ifMatch: 2, actor: 'ops' });
    if (second !== undefined) topic.write(second);
    await settle();
    expect([table.state.type, table.get('users')]).toEqual(['superseded', topic.routes.at(-1)]);
  });

  it('is taken for one that the log still holds until the last log that began anew is read to its end', async () => {
    const { table, topic, log } = await openRoutingTable();
    await table.put('users', [a], create);
    await table.put('users', [b], { ifMatch: 1, actor: 'ops' });
    const kept = topic.routes;
    const ends: (() => void)[] = [];
    log.barrier = () => new Promise((resolve) => ends.push(resolve));
    topic.reset();
    topic.reset();
    ends[0]?.();
    await settle();
    for (const route of kept) topic.write(route);
    expect([ends.length, table.state.type, table.get('users').version]).toEqual([2, 'writer', 2]);
  });

  it('is bounded by the deadline', async () => {
    const { table, log, clock } = await openRoutingTable(undefined, { timeoutMs: 50 });
    log.beforeAppend = () => new Promise(() => undefined);
    const put = table.put('users', [a], create);
    const refused = expect(put).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(50);
    await refused;
  });
});

describe('two writers', () => {
  it('opens under the highest epoch seen + 1, so that the later of two wins', async () => {
    const topic = new FakeRoutingTopic();
    const first = await openRoutingTable(topic);
    await first.table.put('users', [a], create);
    const second = await openRoutingTable(topic);
    await second.table.put('orders', [a], create);
    expect(topic.routes.map(({ writerEpoch }) => writerEpoch)).toEqual([1, 2]);
  });

  it('refuses changes once a higher epoch was seen, until it takes over again', async () => {
    const topic = new FakeRoutingTopic();
    const first = await openRoutingTable(topic);
    await first.table.put('users', [a], create);
    const second = await openRoutingTable(topic);
    await second.table.put('orders', [a], create);
    expect(first.table.state).toEqual({ type: 'superseded', byEpoch: 2 });
    await expect(first.table.put('users', [b], { ifMatch: 1, actor: 'ops' })).rejects.toMatchObject({
      code: 'ROUTE_CONFLICT',
      context: { reason: 'superseded', byEpoch: 2 },
    });
    expect(first.table.get('orders')).toMatchObject({ version: 1 });
    await first.table.takeOver();
    await expect(first.table.put('users', [b], { ifMatch: 1, actor: 'ops' })).resolves.toMatchObject({
      route: { writerEpoch: 3 },
    });
    expect(second.table.state).toEqual({ type: 'superseded', byEpoch: 3 });
  });

  it('steps down before a writer that chose the same epoch', async () => {
    const topic = new FakeRoutingTopic();
    const [first, second] = [await openRoutingTable(topic), await openRoutingTable(topic)];
    await first.table.put('users', [a], create);
    expect(second.table.state).toEqual({ type: 'superseded', byEpoch: 1 });
  });

  it('fails a change whose record came after a higher epoch', async () => {
    const topic = new FakeRoutingTopic();
    const { table, log } = await openRoutingTable(topic);
    log.beforeAppend = () => topic.write(foreignRoute({ table: 'orders', version: 1, writerEpoch: 9 }));
    await expect(table.put('users', [a], create)).rejects.toMatchObject({
      code: 'ROUTE_CONFLICT',
      context: { reason: 'superseded', byEpoch: 9 },
    });
    expect(table.list().map((route) => route.table)).toEqual(['orders']);
  });

  it('writes a route anew after a record of a lower epoch, which compaction would leave alone', async () => {
    const topic = new FakeRoutingTopic();
    const { table } = await openRoutingTable(topic);
    topic.write(foreignRoute({ table: 'orders', version: 1, writerEpoch: 3 }));
    await table.takeOver();
    await table.put('users', [a], create);
    topic.write(foreignRoute({ table: 'users', version: 6, writerEpoch: 3, topics: { [b]: 6 } }));
    await settle();
    expect(table.get('users')).toMatchObject({ version: 7, topics: { [a]: 7 }, changedBy: 'routing-table' });
    topic.compact();
    expect((await openRoutingTable(topic)).table.get('users')).toMatchObject({ topics: { [a]: 7 } });
  });

  it('writes a route anew when another writer slipped in between decision and record', async () => {
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({ table: 'users', version: 3, writerEpoch: 1, topics: { [a]: 1 } }));
    const { table, log } = await openRoutingTable(topic);
    log.beforeAppend = () => {
      log.beforeAppend = () => undefined;
      topic.write(foreignRoute({ table: 'users', version: 4, writerEpoch: 1, topics: { [b]: 4 } }));
    };
    await table.put('users', [a, b], { ifMatch: 3, actor: 'ops' });
    await settle();
    expect(table.get('users')).toMatchObject({ version: 5, topics: { [a]: 5, [b]: 5 } });
  });

  it('writes a route anew after two of the same epoch changed it at once, each before it saw the other', async () => {
    const topic = new FakeRoutingTopic();
    const first = await openRoutingTable(topic);
    await first.table.put('users', [a, b], create);
    const [left, right] = [await openRoutingTable(topic), await openRoutingTable(topic)];
    const bothDecided = gateOf(2);
    left.log.beforeAppend = bothDecided;
    right.log.beforeAppend = bothDecided;
    await Promise.all([
      left.table.put('users', [a], { ifMatch: 1, actor: 'left' }),
      right.table.put('users', [b], { ifMatch: 1, actor: 'right' }),
    ]);
    await settle();
    const last = topic.routes.at(-1);
    expect(last).toMatchObject({ version: 3, changedBy: 'routing-table' });
    expect(Object.values(last?.topics ?? {})).toEqual([3]);
    for (const { table } of [left, right]) expect(table.get('users')).toEqual(last);
    expect([left.table.state.type, right.table.state.type].sort()).toEqual(['superseded', 'writer']);
  });

  it('tries a repair again when it fails', async () => {
    const topic = new FakeRoutingTopic();
    const { table, log, clock, logger } = await openRoutingTable(topic, { repairRetryMs: 100 });
    await table.put('users', [a], create);
    topic.write(foreignRoute({ table: 'orders', version: 1, writerEpoch: 1 }));
    await table.takeOver();
    await table.put('users', [b], { ifMatch: 1, actor: 'ops' });
    log.failNextAppend(false);
    topic.write(foreignRoute({ table: 'users', version: 3, writerEpoch: 1 }));
    await settle();
    expect(table.get('users')).toMatchObject({ version: 2 });
    expect(logger.lines.map(({ message }) => message)).toContain('a route could not be written anew');
    await clock.advance(100);
    expect(table.get('users')).toMatchObject({ version: 4, topics: { [b]: 4 } });
  });
});

/** Lets the first `count` callers go on together, and every later one at once. */
function gateOf(count: number): () => Promise<void> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let waiting = 0;
  return () => {
    waiting += 1;
    if (waiting === count) open();
    return opened;
  };
}
