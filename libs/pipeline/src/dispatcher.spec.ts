import { describe, expect, it } from '@jest/globals';

import { Dispatcher } from './dispatcher.js';
import { control, DispatchBench, event, metric, quiet, route, watermark } from './testing/dispatch-bench.js';
import { FakeEventSource } from './testing/fake-event-source.js';
import { FakeRouteStore } from './testing/fake-route-store.js';

function bench(): DispatchBench {
  const made = new DispatchBench();
  made.table('users');
  for (const topic of ['a', 'b']) made.sink.createTopic(topic, 2);
  return made;
}

describe('dispatching', () => {
  it('carries every byte into the same partition of the target, in order', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const sent = ['u:1', 'u:2', 'u:3', 'u:4', 'u:5'].map((key) => event(key));
    on.append('users', 0, ...sent);
    on.append('users', 1, event('u:9'));
    const { source } = await on.started();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', 'u:2', 'u:3', 'u:4', 'u:5']);
    expect(on.read('a', 1)).toEqual(['1@0', 'u:9']);
    expect(on.sink.log('a', 0).slice(1)).toEqual(sent.map((record, src) => ({ ...record, src })));
    expect([on.committed('users', 0), on.committed('users', 1)]).toEqual([5, 1]);
    expect(source.errors).toEqual([]);
    expect(on.sink.inFlightMax).toBe(1);
  });

  it('carries a table to all of its topics, and several tables into one', async () => {
    const on = bench();
    on.table('orders');
    on.routes.write(route(1, { a: 1, b: 1 }));
    on.routes.write(route(4, { b: 4 }, { table: 'orders' }));
    on.append('users', 0, event('u:1'));
    on.append('orders', 0, event('o:1', { table: 'orders' }));
    await on.started();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1']);
    expect([...on.read('b', 0)].sort()).toEqual(['1@0', '4@0', 'o:1', 'u:1']);
  });

  it('commits only once every target has acknowledged', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    const { source } = await on.started();
    const release = on.sink.stall('b');
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(on.read('a', 0)).toContain('u:1');
    expect([on.committed('users', 0), source.drained]).toEqual([0, false]);
    release();
    await quiet();
    expect(on.committed('users', 0)).toBe(1);
  });

  it('passes control records on where they stand, watermarks with the since of each target', async () => {
    const on = bench();
    on.routes.write(route(2, { a: 1, b: 2 }));
    const invalidate = control({ control: 'invalidate', table: 'users', key: 'u:7' });
    on.append('users', 0, event('u:1'), watermark(50), invalidate, event('u:2'));
    await on.started();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '1@50', 'invalidate', 'u:2']);
    expect(on.read('b', 0)).toEqual(['2@0', 'u:1', '2@50', 'invalidate', 'u:2']);
    expect(on.sink.log('a', 0)[3]).toEqual({ ...invalidate, src: 2 });
    for (const topic of ['a', 'b'])
      expect(on.sink.log(topic, 0).map(({ src }) => src)).toEqual([undefined, 0, 1, 2, 3]);
  });

  it('sends a failed chunk again, to the target that failed alone', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    const { metrics } = await on.started();
    on.sink.failNext('b');
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(on.committed('users', 0)).toBe(0);
    await on.clock.advance(100);
    await quiet();
    expect(on.committed('users', 0)).toBe(1);
    expect(on.read('a', 0).filter((each) => each === 'u:1')).toHaveLength(1);
    expect(on.read('b', 0)).toContain('u:1');
    expect(metric(metrics, 'tidemark_dispatcher_publish_failures_total')).toBe(1);
    expect(metric(metrics, 'tidemark_dispatcher_records_total')).toBe(1);
  });

  it('hazard 52: flushes a partition that the group has no offset of, once, and takes that for no loss', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { metrics, source, logger } = on.member();
    source.tellsUncharted = true;
    const { dispatcher } = on.member({ source, logger, metrics });
    await dispatcher.start();
    on.append('users', 0, event('u:1'));
    await quiet();
    on.append('users', 0, event('u:2'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'flush-table', 'u:1', 'u:2']);
    expect(on.sink.log('a', 0).map(({ src }) => src)).toEqual([undefined, undefined, 0, 1]);
    expect(metric(metrics, 'tidemark_dispatcher_gaps_total')).toBe(0);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('flushes a partition in front of a batch before which records were lost', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { metrics, source } = await on.started();
    on.append('users', 0, event('u:1'));
    await quiet();
    source.losesCommits = true;
    on.append('users', 0, event('u:2'), event('u:3'));
    await quiet();
    on.topics.trim('tidemark.cdc.users', 0, 2);
    source.losesCommits = false;
    await source.rebalance();
    await quiet();
    expect(on.read('a', 0).slice(-3)).toEqual(['1@0', 'flush-table', 'u:3']);
    expect(metric(metrics, 'tidemark_dispatcher_gaps_total')).toBe(1);
  });
});

describe('announcements', () => {
  it('go to every target of every owned partition each second, with the highest watermark passed', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { metrics } = await on.started();
    on.append('users', 0, watermark(70), watermark(60));
    await quiet();
    const before = on.read('a', 0).length;
    await on.clock.advance(2_000);
    expect(on.read('a', 0).slice(before)).toEqual(['1@70']);
    expect(on.read('a', 1)).toEqual(['1@0', '1@0', '1@0']);
    expect(metric(metrics, 'tidemark_dispatcher_announcements_total')).toBe(5);
  });

  it('are left out while watermarks of sync say the same, and come when those stay away', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    for (let at = 1; at <= 5; at += 1) {
      on.append('users', 0, watermark(at));
      await on.clock.advance(1_000);
    }
    expect(on.read('a', 0)).toEqual(['1@0', '1@1', '1@2', '1@3', '1@4', '1@5']);
    await on.clock.advance(3_000);
    expect(on.read('a', 0).slice(6)).toEqual(['1@5', '1@5', '1@5']);
  });

  it('come at once when the route is another, however young the last watermark is', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    on.append('users', 0, watermark(70));
    await quiet();
    on.routes.write(route(2, { a: 2 }));
    await quiet();
    await on.clock.advance(1_000);
    expect(on.read('a', 0)).toContain('2@70');
  });

  it('do not claim a watermark before every target has it', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    await on.started();
    const release = on.sink.stall('b');
    on.append('users', 0, event('u:1'), watermark(70));
    await quiet();
    await on.clock.advance(2_000);
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '1@70', '1@0']);
    release();
    await quiet();
    expect(on.read('b', 0)).toEqual(['1@0', 'u:1', '1@70']);
  });

  it('wait for a send under way, and then travel with the next one', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    await on.started();
    const release = on.sink.stall('a');
    on.append('users', 0, event('u:1'), event('u:2'), event('u:3'), event('u:4'));
    await quiet();
    await on.clock.advance(3_000);
    release();
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', 'u:2', 'u:3', '1@0', 'u:4']);
    expect(on.sink.inFlightMax).toBe(1);
  });

  it('of other topics go on while one stalls', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    await on.started();
    on.sink.stall('a');
    await on.clock.advance(3_000);
    expect(on.read('b', 0)).toHaveLength(4);
  });

  it('that fail are tried again with the next tick, and before the next event', async () => {
    const on = bench();
    on.sink.failNext('a');
    on.routes.write(route(1, { a: 1 }));
    const { logger } = await on.started();
    expect(on.read('a', 0)).toEqual([]);
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1']);
    await on.clock.advance(1_000);
    expect(on.read('a', 1)).toEqual(['1@0']);
    expect(logger.lines.map(({ message }) => message)).toContain('dispatcher: could not send watermarks');
  });
});

describe('lifecycle', () => {
  it('is ready once the routes are read and the group is joined', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, metrics } = on.member();
    expect(dispatcher.health()).toMatchObject({ state: 'new', ready: false });
    await dispatcher.start();
    expect(dispatcher.health()).toEqual({
      state: 'running',
      ready: true,
      assignedPartitions: 2,
      tables: ['users'],
      unroutedTables: [],
      pausedTables: [],
      heldTables: {},
      failingTopics: {},
    });
    expect(metric(metrics, 'tidemark_dispatcher_assigned_partitions')).toBe(2);
    expect(metric(metrics, 'tidemark_dispatcher_routed_tables')).toBe(1);
    await expect(dispatcher.start()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('stops after the batches in hand, committed', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started();
    const release = on.sink.stall('a');
    on.append('users', 0, event('u:1'));
    await quiet();
    const stopped = dispatcher.stop();
    await quiet();
    expect(dispatcher.health().state).toBe('stopping');
    release();
    await stopped;
    expect(on.committed('users', 0)).toBe(1);
    expect(dispatcher.health()).toMatchObject({ state: 'stopped', ready: false, assignedPartitions: 0 });
    expect(on.clock.pending).toBe(0);
  });

  it('gives back, uncommitted, what does not end in time', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started({ drainTimeoutMs: 300 });
    on.sink.stall('a');
    on.append('users', 0, event('u:1'));
    await quiet();
    const stopped = dispatcher.stop();
    await on.clock.advance(300);
    await stopped;
    expect(on.committed('users', 0)).toBe(0);
  });

  it('gives everything back at once when it is killed', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started();
    on.sink.stall('a');
    on.append('users', 0, event('u:1'));
    await quiet();
    await dispatcher.kill();
    expect(on.committed('users', 0)).toBe(0);
    expect(on.clock.pending).toBe(0);
  });

  it('can be stopped before it has started, and stopped twice', async () => {
    const { dispatcher } = bench().member();
    await Promise.all([dispatcher.stop(), dispatcher.stop(), dispatcher.kill()]);
    expect(dispatcher.health().state).toBe('stopped');
  });

  it('dispatches nothing before the routes are read to their end, however often that fails', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { source, store, logger } = await on.started({ announceIntervalMs: 10 });
    on.append('users', 0, event('u:1'));
    await quiet();
    store.failNextBarrier();
    store.failNextBarrier();
    const rebalanced = source.rebalance();
    on.append('users', 0, event('u:2'));
    await quiet();
    const before = on.read('a', 0);
    await on.clock.advance(100);
    expect([on.committed('users', 0), on.read('a', 0)]).toEqual([1, before]);
    await on.clock.advance(1_000);
    await rebalanced;
    await quiet();
    expect(on.committed('users', 0)).toBe(2);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('reads the routes to their end before it joins the group', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, store, source } = on.member();
    store.failNextBarrier();
    const started = dispatcher.start();
    await quiet();
    expect([dispatcher.health().state, source.subscriptions]).toEqual(['starting', []]);
    await on.clock.advance(100);
    await started;
    expect(source.subscriptions).toEqual([['tidemark.cdc.users']]);
  });

  it('joins nothing when it is stopped while it starts', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, store, source } = on.member();
    store.failNextBarrier();
    const started = dispatcher.start();
    await quiet();
    await dispatcher.stop();
    await started;
    expect([dispatcher.health().state, source.subscriptions, on.clock.pending]).toEqual(['stopped', [], 0]);
  });
});

it('ignores a route of a lower writer epoch, and counts it', async () => {
  const on = bench();
  on.routes.write(route(3, { a: 3 }, { writerEpoch: 2 }));
  const { metrics } = await on.started();
  on.routes.write(route(4, { b: 4 }, { writerEpoch: 1 }));
  on.append('users', 0, event('u:1'));
  await quiet();
  expect(on.read('a', 0)).toContain('u:1');
  expect(on.read('b', 0)).toEqual([]);
  expect(metric(metrics, 'tidemark_dispatcher_stale_routes_total')).toBe(1);
});

it('reports the age of the oldest watermark it has passed on', async () => {
  const on = bench();
  on.routes.write(route(1, { a: 1 }));
  const { metrics } = await on.started();
  expect(metric(metrics, 'tidemark_dispatcher_watermark_age_seconds')).toBe(0);
  on.append('users', 0, watermark(on.clock.now() - 2_000));
  on.append('users', 1, watermark(on.clock.now() - 5_000));
  await quiet();
  expect(metric(metrics, 'tidemark_dispatcher_watermark_age_seconds')).toBe(5);
  on.routes.write(route(2, {}));
  await quiet();
  expect(metric(metrics, 'tidemark_dispatcher_watermark_age_seconds')).toBe(0);
});

it.each([
  ['chunkRecordsMax', 1_001],
  ['announceIntervalMs', 0],
  ['drainTimeoutMs', 0.5],
])('refuses %s %d', (field, value) => {
  const { topics, sink, routes } = bench();
  const options = { source: new FakeEventSource(topics), sink, routes: new FakeRouteStore(routes) };
  expect(() => new Dispatcher({ ...options, [field]: value })).toThrow(`${field}: expected a whole number`);
});
