import { describe, expect, it } from '@jest/globals';

import { DispatchBench, event, metric, names, quiet, route, watermark } from './testing/dispatch-bench.js';

const topic = names.cdc('users');

/** Three events, a second apart; `at` is when the first one came. */
async function began(): Promise<{ readonly on: DispatchBench; readonly at: number }> {
  const on = new DispatchBench();
  on.table('users');
  for (const name of ['a', 'b']) on.sink.createTopic(name, 2);
  on.routes.write(route(1, { a: 1 }));
  const at = on.clock.now();
  for (const key of ['u:1', 'u:2', 'u:3']) {
    on.append('users', 0, event(key));
    await on.clock.advance(1_000);
  }
  return { on, at };
}

/** Events of a topic, in order. */
function keys(on: DispatchBench, of = 'a', partition = 0): readonly string[] {
  return on.read(of, partition).filter((each) => !each.includes('@'));
}

describe('a route that is rewound', () => {
  it('sends again what came since then, and goes on with what came meanwhile', async () => {
    const { on, at } = await began();
    const { metrics, source } = await on.started();
    expect(keys(on)).toEqual(['u:1', 'u:2', 'u:3']);
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at + 1_000 } }));
    await quiet();
    on.append('users', 0, event('u:4'));
    await quiet();
    expect(keys(on)).toEqual(['u:1', 'u:2', 'u:3', 'u:2', 'u:3', 'u:4']);
    expect([on.committed('users', 0), source.errors]).toEqual([4, []]);
    expect(metric(metrics, 'tidemark_dispatcher_rewinds_total')).toBe(2);
    expect(metric(metrics, 'tidemark_dispatcher_gaps_total')).toBe(0);
  });

  it('is so once, whoever owns the partition afterwards', async () => {
    const { on, at } = await began();
    const first = await on.started();
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at } }));
    await quiet();
    await first.source.rebalance();
    await first.dispatcher.stop();
    await on.started();
    await on.clock.advance(30_000);
    on.routes.write(route(3, { a: 1, b: 3 }, { rewind: { id: 5, to: at } }));
    await quiet();
    expect(keys(on)).toEqual(['u:1', 'u:2', 'u:3', 'u:1', 'u:2', 'u:3']);
    expect(keys(on, 'b')).toEqual([]);
  });

  it('is so for a dispatcher that starts after the demand', async () => {
    const { on, at } = await began();
    await (await on.started()).dispatcher.stop();
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at + 2_000 } }));
    await on.started();
    expect(keys(on)).toEqual(['u:1', 'u:2', 'u:3', 'u:3']);
  });

  it('leaves out the fast lane of what it sends again, and no watermark lowers what was said', async () => {
    const { on, at } = await began();
    on.append('users', 0, event('u:4', { lane: 'fast', stampUs: null }), watermark(70));
    await on.started();
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at + 1_000 } }));
    await quiet();
    on.append('users', 0, event('u:5', { lane: 'fast', stampUs: null }));
    await on.clock.advance(3_000);
    expect(keys(on)).toEqual(['u:1', 'u:2', 'u:3', 'u:4', 'u:2', 'u:3', 'u:5']);
    const marks = on.read('a', 0).filter((each) => each.includes('@'));
    expect([marks[0], new Set(marks.slice(1))]).toEqual(['1@0', new Set(['1@70'])]);
  });

  it('for some keys sends those alone again, in the order of their bytes', async () => {
    const { on, at } = await began();
    on.append('users', 0, event('u:é'), event('u:z'), event('nobody'));
    await on.started();
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at, keys: { from: 'u:2', to: 'u:é' } } }));
    await quiet();
    on.append('users', 0, event('u:1'));
    await quiet();
    expect(keys(on).slice(6)).toEqual(['u:2', 'u:3', 'u:z', 'u:1']);
  });

  it('goes no further than where it stood, and no further back than there are records, which it says', async () => {
    const { on, at } = await began();
    const { metrics } = await on.started();
    on.topics.trim(topic, 0, 1);
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at - 60_000 } }));
    await quiet();
    expect(keys(on).slice(3)).toEqual(['flush-table', 'u:2', 'u:3']);
    expect(metric(metrics, 'tidemark_dispatcher_gaps_total')).toBe(1);
    on.routes.write(route(3, { a: 1 }, { rewind: { id: 6, to: at + 60_000 } }));
    await quiet();
    expect([keys(on).length, on.committed('users', 0)]).toEqual([6, 3]);
  });

  it('in the middle of another one does what is wanted last, and ends where the first one began', async () => {
    const { on, at } = await began();
    const { metrics } = await on.started();
    const resume = on.sink.stall('a');
    on.append('users', 0, event('u:4'));
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at } }));
    await quiet();
    on.routes.write(route(3, { a: 1 }, { rewind: { id: 6, to: at + 2_000 } }));
    await quiet();
    resume();
    await quiet();
    on.append('users', 0, event('u:5'));
    await quiet();
    expect(keys(on).slice(4)).toEqual(['u:1', 'u:2', 'u:3', 'u:3', 'u:4', 'u:5']);
    expect(on.committed('users', 0)).toBe(5);
    expect(metric(metrics, 'tidemark_dispatcher_replaying_partitions')).toBe(0);
  });

  it('while it is paused goes back once it is resumed', async () => {
    const { on, at } = await began();
    await on.started();
    const rewind = { id: 5, to: at + 1_000 };
    on.routes.write(route(2, { a: 1 }, { paused: true, rewind }));
    await on.clock.advance(30_000);
    expect(keys(on)).toHaveLength(3);
    on.routes.write(route(3, { a: 1 }, { rewind }));
    await quiet();
    expect(keys(on).slice(3)).toEqual(['u:2', 'u:3']);
  });

  it('keeps its new events waiting behind what it sends again', async () => {
    const { on, at } = await began();
    for (let n = 4; n < 20; n += 1) on.append('users', 0, event(`u:${n}`));
    const { metrics } = await on.started();
    const resume = on.sink.stall('a');
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at } }));
    await quiet();
    on.append('users', 0, event('u:new'));
    await quiet();
    expect(metric(metrics, 'tidemark_dispatcher_replaying_partitions')).toBe(1);
    resume();
    await quiet();
    expect([keys(on).at(-1), keys(on)]).toMatchObject(['u:new', { length: 39 }]);
    expect(metric(metrics, 'tidemark_dispatcher_replaying_partitions')).toBe(0);
  });

  it('keeps no other table waiting for a topic that takes nothing', async () => {
    const { on, at } = await began();
    on.table('orders');
    on.routes.write(route(1, { b: 1 }, { table: 'orders' }));
    on.append('orders', 0, event('o:1', { table: 'orders' }));
    await on.started();
    on.sink.stall('a');
    on.append('users', 0, event('u:4'));
    await quiet();
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at } }));
    on.routes.write(route(2, { b: 1 }, { table: 'orders', rewind: { id: 5, to: at } }));
    await quiet();
    expect(keys(on, 'b')).toEqual(['o:1', 'o:1']);
  });

  it('tries again what the brokers did not answer', async () => {
    const { on, at } = await began();
    const { source, logger } = await on.started();
    const rewind = source.rewind.bind(source);
    let failures = 2;
    source.rewind = async (...args) => {
      failures -= 1;
      if (failures >= 0) throw new Error('no broker answers');
      return rewind(...args);
    };
    on.routes.write(route(2, { a: 1 }, { rewind: { id: 5, to: at + 2_000 } }));
    await quiet();
    expect(keys(on)).toHaveLength(3);
    await on.clock.advance(10_000);
    expect(keys(on).slice(3)).toEqual(['u:3']);
    expect(logger.lines.filter(({ message }) => message.includes('could not rewind'))).toHaveLength(2);
  });
});
