import { describe, expect, it } from '@jest/globals';

import { control, DispatchBench, event, metric, quiet, route, watermark } from './testing/dispatch-bench.js';

function bench(): DispatchBench {
  const made = new DispatchBench();
  made.table('users');
  for (const topic of ['a', 'b']) made.sink.createTopic(topic, 2);
  return made;
}

describe('a table without a route', () => {
  it('is not consumed: its events wait, and that is said', async () => {
    const on = bench();
    on.append('users', 0, event('u:1'));
    const { dispatcher, logger, metrics } = await on.started();
    await on.clock.advance(30_000);
    expect(on.committed('users', 0)).toBe(0);
    expect(dispatcher.health()).toMatchObject({ ready: true, tables: [], unroutedTables: ['users'] });
    expect(metric(metrics, 'tidemark_dispatcher_unrouted_tables')).toBe(1);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('is delivered from its backlog as soon as it has a route', async () => {
    const on = bench();
    on.append('users', 0, event('u:1'));
    const { dispatcher } = await on.started();
    on.routes.write(route(1, { a: 1 }));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1']);
    expect(dispatcher.health()).toMatchObject({ tables: ['users'], unroutedTables: [] });
  });

  it('gets one, loses it and gets it again without an assignment of anything', async () => {
    const on = bench();
    on.table('orders');
    on.routes.write(route(1, { b: 1 }, { table: 'orders' }));
    on.append('users', 0, event('u:1'));
    const { source, metrics } = await on.started();
    for (const version of [1, 2, 3, 4, 5]) {
      on.routes.write(route(version, version % 2 === 1 ? { a: version } : {}));
      await quiet();
      on.append('users', 0, event(`u:${version + 1}`));
      on.append('orders', 0, event(`o:${version}`, { table: 'orders' }));
      await on.clock.advance(10_000);
      expect(on.read('b', 0)).toContain(`o:${version}`);
    }
    expect(on.read('a', 0).filter((each) => each.startsWith('u'))).toEqual([1, 2, 3, 4, 5, 6].map((n) => `u:${n}`));
    expect([source.subscriptions.length, source.errors]).toEqual([1, []]);
    expect(metric(metrics, 'tidemark_dispatcher_assignments_total')).toBe(1);
  });

  it('is noticed when its table topic appears later', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started();
    on.table('orders');
    await on.clock.advance(10_000);
    expect(dispatcher.health().unroutedTables).toEqual(['orders']);
  });
});

describe('a route that changes', () => {
  it('takes effect with the next chunk: the new target first hears its since', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    on.append('users', 0, event('u:1'), watermark(50));
    await quiet();
    on.routes.write(route(2, { a: 1, b: 2 }));
    await quiet();
    on.append('users', 0, event('u:2'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '1@50', 'u:2']);
    expect(on.read('b', 0)).toEqual(['2@50', 'u:2']);
  });

  it('to other topics while a chunk is being sent again sends it there', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    on.sink.failNext('a');
    on.append('users', 0, event('u:1'));
    await quiet();
    on.routes.write(route(2, { b: 2 }));
    await on.clock.advance(200);
    await quiet();
    expect(on.read('b', 0)).toEqual(['2@0', 'u:1']);
    expect(on.read('a', 0)).toEqual(['1@0']);
    expect(on.committed('users', 0)).toBe(1);
  });

  it('that is deleted between two chunks leaves the batch uncommitted', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { source, metrics } = await on.started({ chunkRecordsMax: 1 });
    const release = on.sink.stall('a');
    on.append('users', 0, event('u:1'), event('u:2'));
    await quiet();
    on.routes.write(route(2, {}));
    release();
    await quiet();
    expect(on.committed('users', 0)).toBe(0);
    expect(on.read('a', 0)).not.toContain('u:2');
    expect(source.held).toHaveLength(1);
    expect(metric(metrics, 'tidemark_dispatcher_held_batches_total')).toBe(1);
    on.routes.write(route(3, { a: 3 }));
    await quiet();
    expect(on.read('a', 0).slice(-3)).toEqual(['3@0', 'u:1', 'u:2']);
  });

  it('that comes back before anybody has looked is not held for good', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { source, store } = await on.started();
    store.pause();
    on.routes.write(route(2, {}));
    store.resume();
    on.append('users', 0, event('u:1'));
    on.routes.write(route(3, { a: 3 }));
    await quiet();
    await on.clock.advance(10_000);
    await quiet();
    expect([on.committed('users', 0), source.held]).toEqual([1, []]);
    expect(on.read('a', 0)).toContain('u:1');
  });
});

describe('targets that do not fit', () => {
  it('hold their table alone, loudly and once, until they do', async () => {
    const on = bench();
    on.table('orders');
    on.sink.createTopic('wide', 3);
    on.routes.write(route(1, { a: 1, wide: 1 }));
    on.routes.write(route(1, { b: 1 }, { table: 'orders' }));
    on.append('users', 0, event('u:1'));
    on.append('orders', 0, event('o:1', { table: 'orders' }));
    const { dispatcher, logger, metrics } = await on.started();
    await on.clock.advance(30_000);
    expect(on.committed('users', 0)).toBe(0);
    expect(on.read('a', 0)).toEqual([]);
    expect(on.read('b', 0)).toContain('o:1');
    const reason = 'wide: 3 partitions, but tidemark.cdc.users has 2';
    expect(dispatcher.health()).toMatchObject({ tables: ['orders'], heldTables: { users: reason } });
    expect(metric(metrics, 'tidemark_dispatcher_held_tables')).toBe(1);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', fields: { table: 'users', reason }, message: 'dispatcher: a table is held' },
    ]);
    on.sink.createTopic('wide', 2);
    await on.clock.advance(10_000);
    await quiet();
    expect(on.read('wide', 0)).toContain('u:1');
    expect(dispatcher.health().heldTables).toEqual({});
    expect(metric(metrics, 'tidemark_dispatcher_held_tables')).toBe(0);
  });

  it('are waited for when they are missing', async () => {
    const on = bench();
    on.routes.write(route(1, { c: 1 }));
    on.append('users', 0, event('u:1'));
    const { dispatcher } = await on.started();
    expect(dispatcher.health().heldTables).toEqual({ users: 'c: there is no such topic' });
    on.sink.createTopic('c', 2);
    await on.clock.advance(10_000);
    await quiet();
    expect(on.read('c', 0).slice(0, 2)).toEqual(['1@0', 'u:1']);
  });

  it('that vanish hold their table without a rejoin, and without a storm of releases', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, source, metrics } = await on.started();
    on.sink.deleteTopic('a');
    on.append('users', 0, event('u:1'));
    await quiet();
    await on.clock.advance(9_000);
    expect(dispatcher.health().heldTables['users']).toMatch(/^a: /);
    expect([source.subscriptions, source.releases]).toEqual([[['tidemark.cdc.users']], []]);
    expect(metric(metrics, 'tidemark_dispatcher_held_batches_total')).toBe(1);
  });

  it('that take nothing hold their table until the next look, then are tried again', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, source } = await on.started({ publishAttemptsMax: 2 });
    for (let i = 0; i < 2; i += 1) on.sink.failNext('a');
    on.append('users', 0, event('u:1'));
    await on.clock.advance(100);
    await quiet();
    expect(source.held).toEqual([{ topic: 'tidemark.cdc.users', partition: 0 }].map(expect.objectContaining));
    expect(dispatcher.health().heldTables['users']).toMatch(/^a: send to a failed/);
    expect(source.subscriptions).toHaveLength(1);
    await on.clock.advance(20_000);
    await quiet();
    expect(on.committed('users', 0)).toBe(1);
    expect([source.subscriptions.length, source.releases.length]).toEqual([1, 1]);
    expect(dispatcher.health().heldTables).toEqual({});
  });

  it('do not stop a table because the brokers do not answer a question', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started();
    on.sink.partitionsOf = () => Promise.reject(new Error('no broker'));
    on.sink.listTopics = () => Promise.reject(new Error('no broker'));
    await on.clock.advance(20_000);
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(on.read('a', 0)).toContain('u:1');
    expect(dispatcher.health()).toMatchObject({ ready: true, heldTables: {} });
  });
});

describe('hazards', () => {
  it('hazard 30: a dispatcher that dies between producing and committing leaves a repetition, and nothing lost', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const first = await on.started();
    first.source.losesCommits = true;
    on.append('users', 0, event('u:1'), event('u:2'));
    await quiet();
    await first.dispatcher.kill();
    expect(on.committed('users', 0)).toBe(0);
    await on.started();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', 'u:2', '1@0', 'u:1', 'u:2']);
    expect(on.sink.log('a', 0).map(({ src }) => src)).toEqual([undefined, 0, 1, undefined, 0, 1]);
    expect(on.committed('users', 0)).toBe(2);
  });

  it('hazard 31: while a table moves, both topics carry every event, the new one behind its since', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    on.append('users', 0, event('u:1'));
    await quiet();
    on.routes.write(route(2, { a: 1, b: 2 }));
    await quiet();
    on.append('users', 0, event('u:2'));
    await quiet();
    on.routes.write(route(3, { b: 2 }));
    await quiet();
    on.append('users', 0, event('u:3'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', 'u:2']);
    expect(on.read('b', 0)).toEqual(['2@0', 'u:2', 'u:3']);
  });

  it('hazard 47: a member that lags behind the routes reads them to the end before its first dispatch', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const [first, second] = [on.member(), on.member()];
    second.source.share = () => false;
    await first.dispatcher.start();
    await second.dispatcher.start();
    second.store.pause();
    on.routes.write(route(2, { a: 1, b: 2 }));
    await quiet();
    on.append('users', 0, event('u:1'));
    await quiet();
    first.source.share = () => false;
    second.source.share = () => true;
    await first.source.rebalance();
    on.append('users', 0, event('u:2'));
    await second.source.rebalance();
    await quiet();
    expect(on.read('b', 0)).toEqual(['2@0', 'u:1', '2@0', 'u:2']);
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '1@0', 'u:2']);
  });

  it('hazard 47: a member that has lost its partition, and does not know, announces no route that the owner has not heard', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const [zombie, owner] = [on.member(), on.member()];
    await zombie.dispatcher.start();
    zombie.source.confirms = () => false;
    zombie.source.losesCommits = true;
    await owner.dispatcher.start();
    owner.store.pause();
    on.routes.write(route(2, { a: 1, b: 2 }));
    await on.clock.advance(1_000);
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(on.read('b', 0)).toEqual([]);
    owner.store.resume();
    await quiet();
    on.append('users', 0, event('u:2'));
    await quiet();
    expect(on.read('b', 0)).toEqual(['2@0', 'u:2']);
  });

  it('waits with a route that cannot be confirmed until the next assignment, and dispatches under the old one', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { source } = await on.started();
    source.confirms = () => false;
    on.routes.write(route(2, { a: 1, b: 2 }));
    await quiet();
    on.append('users', 0, event('u:1'));
    await quiet();
    expect([on.read('a', 0), on.read('b', 0)]).toEqual([['1@0', 'u:1'], []]);
    source.confirms = () => true;
    await source.rebalance();
    on.append('users', 0, event('u:2'));
    await quiet();
    expect(on.read('b', 0)).toEqual(['2@0', 'u:2']);
  });

  it('stays in the group while a first route cannot be confirmed: leaving it would keep every other member from confirming', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    on.append('users', 0, event('u:1'));
    const { dispatcher, source } = on.member();
    source.confirms = () => false;
    await dispatcher.start();
    await quiet();
    expect(source.held).toHaveLength(1);
    expect(source.subscriptions).toHaveLength(1);
    source.confirms = () => true;
    await source.rebalance();
    await quiet();
    expect(source.subscriptions).toHaveLength(1);
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1']);
  });

  it('has it assigned anew by itself where no assignment comes', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    on.append('users', 0, event('u:1'));
    const { dispatcher, source } = on.member();
    source.confirms = () => false;
    await dispatcher.start();
    await quiet();
    source.confirms = () => true;
    await on.clock.advance(60_000);
    expect(on.read('a', 0).slice(0, 2)).toEqual(['1@0', 'u:1']);
  });

  it('hazard 48: every partition of every target gets its own copy of a flush', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    const flush = control({ control: 'flush-table', table: 'users', reason: 'same id' });
    for (const partition of [0, 1]) on.append('users', partition, flush);
    await on.started();
    for (const [topic, partition] of [
      ['a', 0],
      ['a', 1],
      ['b', 0],
      ['b', 1],
    ] as const) {
      expect(on.read(topic, partition)).toContain('flush-table');
    }
  });

  it('hazard 54: the next owner announces the same since, never a higher one', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    on.routes.write(route(2, { a: 1, b: 2 }));
    const { source } = await on.started();
    for (let i = 0; i < 3; i += 1) await source.rebalance();
    await quiet();
    expect(new Set(on.read('a', 0))).toEqual(new Set(['1@0']));
    expect(new Set(on.read('b', 0))).toEqual(new Set(['2@0']));
  });

  it('hazard 66: a topic that comes back is announced with its fresh since before its next event', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    on.append('users', 0, event('u:1'));
    await quiet();
    on.routes.write(route(2, { b: 2 }));
    on.append('users', 0, event('u:2'));
    await quiet();
    on.routes.write(route(3, { a: 3 }));
    on.append('users', 0, event('u:3'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '3@0', 'u:3']);
  });

  it('hazard 66: also when its chunk had been sent, without an answer, before it left and came back', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    await on.started();
    on.sink.failNext('a', { written: true });
    on.append('users', 0, event('u:1'));
    await quiet();
    on.routes.write(route(2, { b: 1 }));
    on.routes.write(route(3, { a: 3, b: 1 }));
    await on.clock.advance(200);
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '3@0', 'u:1']);
  });
});
