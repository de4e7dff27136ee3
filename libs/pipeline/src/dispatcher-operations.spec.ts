import { describe, expect, it } from '@jest/globals';

import { DispatchBench, event, metric, quiet, route, watermark } from './testing/dispatch-bench.js';

function bench(): DispatchBench {
  const made = new DispatchBench();
  made.table('users');
  for (const topic of ['a', 'b']) made.sink.createTopic(topic, 2);
  return made;
}

describe('a route that is paused', () => {
  it('sends nothing and says nothing of how far it is, and goes on where it stood', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, metrics } = await on.started();
    on.append('users', 0, event('u:1'), watermark(50));
    await quiet();
    on.routes.write(route(2, { a: 1 }, { paused: true }));
    await quiet();
    const before = on.read('a', 0);
    on.append('users', 0, event('u:2'), watermark(60));
    await on.clock.advance(30_000);
    expect(on.read('a', 0)).toEqual(before);
    expect([on.committed('users', 0), dispatcher.health()]).toMatchObject([
      2,
      { ready: true, tables: [], unroutedTables: [], pausedTables: ['users'] },
    ]);
    expect(metric(metrics, 'tidemark_dispatcher_paused_tables')).toBe(1);

    on.routes.write(route(3, { a: 1 }));
    await quiet();
    expect(
      on
        .read('a', 0)
        .slice(before.length)
        .filter((each) => each !== '1@0'),
    ).toEqual(['u:2', '1@60']);
    expect([on.committed('users', 0), dispatcher.health().pausedTables]).toEqual([4, []]);
  });

  it('is so for a dispatcher that starts', async () => {
    const on = bench();
    on.append('users', 0, event('u:1'));
    on.routes.write(route(1, { a: 1 }));
    on.routes.write(route(2, { a: 1 }, { paused: true }));
    await on.started();
    await on.clock.advance(30_000);
    expect([on.read('a', 0), on.committed('users', 0)]).toEqual([[], 0]);
  });

  it('keeps no other table waiting', async () => {
    const on = bench();
    on.table('orders');
    on.routes.write(route(1, { a: 1 }, { paused: true }));
    on.routes.write(route(1, { b: 1 }, { table: 'orders' }));
    await on.started();
    on.append('orders', 0, event('o:1', { table: 'orders' }));
    await quiet();
    expect(on.read('b', 0)).toEqual(['1@0', 'o:1']);
  });
});

describe('a topic that is limited', () => {
  const limited = (version: number, since: number, buckets: readonly string[]) =>
    route(version, { a: 1 }, { limited: { b: { since, buckets, services: ['orders'] } } });

  it('to some buckets gets their events and every watermark; the others get all', async () => {
    const on = bench();
    on.routes.write(limited(1, 1, ['u']));
    await on.started();
    on.append('users', 0, event('u:1'), event('x:1'), watermark(50), event('x:2'), event('u:2'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', 'x:1', '1@50', 'x:2', 'u:2']);
    expect(on.read('b', 0)).toEqual(['1@0', 'u:1', '1@50', 'u:2']);
    expect(on.committed('users', 0)).toBe(5);
  });

  it('to other buckets than before says its new since before the first of their events', async () => {
    const on = bench();
    on.routes.write(limited(1, 1, ['u']));
    await on.started();
    on.append('users', 0, event('u:1'));
    await quiet();
    on.routes.write(limited(2, 2, ['u', 'x']));
    await quiet();
    on.append('users', 0, event('x:1'));
    await quiet();
    expect(on.read('b', 0)).toEqual(['1@0', 'u:1', '2@0', 'x:1']);
  });

  it('is enough of a route for the table to be consumed', async () => {
    const on = bench();
    on.routes.write(route(1, {}, { deleted: false, limited: { b: { since: 1, services: ['orders'] } } }));
    const { dispatcher } = await on.started();
    on.append('users', 0, event('u:1'));
    await quiet();
    expect([on.read('b', 0), dispatcher.health().tables]).toEqual([['1@0', 'u:1'], ['users']]);
  });

  it('holds its table while it is missing, as any other', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }, { limited: { gone: { since: 1 } } }));
    const { dispatcher } = await on.started();
    expect(dispatcher.health().heldTables).toEqual({ users: expect.stringContaining('gone') as unknown });
  });
});
