import { describe, expect, it } from '@jest/globals';

import { DispatchBench, event, quiet, route } from './testing/dispatch-bench.js';

function bench(): DispatchBench {
  const made = new DispatchBench();
  made.table('users');
  made.sink.createTopic('a', 2);
  return made;
}

/** What the brokers answer once `answer` is called. */
function lateAnswer() {
  let answer: (confirmed: boolean) => void = () => undefined;
  const answered = new Promise<boolean>((resolve) => (answer = resolve));
  return { ask: () => answered, answer };
}

/** Two members, the first of which has everything. */
async function pair(on: DispatchBench) {
  const [first, second] = [on.member(), on.member()];
  second.source.share = () => false;
  await first.dispatcher.start();
  await second.dispatcher.start();
  return [first, second] as const;
}

describe('an assignment', () => {
  it('that is superseded while the routes are read and confirmed is not owned in the place of the newer one', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, source, store } = await on.started();
    const late = lateAnswer();
    store.pause();
    on.routes.write(route(2, { a: 2 }));
    [source.confirms, source.share] = [late.ask, ({ partition }) => partition === 0];
    const earlier = source.rebalance();
    await quiet();
    [source.confirms, source.share] = [() => true, () => true];
    await source.rebalance();
    late.answer(true);
    await earlier;
    expect(dispatcher.health().assignedPartitions).toBe(2);
    on.append('users', 0, event('u:1'));
    on.append('users', 1, event('u:2'));
    await quiet();
    expect([on.committed('users', 0), on.committed('users', 1), source.held]).toEqual([1, 1, []]);
  });

  it('that comes too late, when the dispatcher has stopped, is not owned', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, source, store } = await on.started();
    const late = lateAnswer();
    store.pause();
    on.routes.write(route(2, { a: 2 }));
    source.confirms = late.ask;
    const rebalanced = source.rebalance();
    await quiet();
    await dispatcher.kill();
    late.answer(false);
    await rebalanced;
    expect(dispatcher.health()).toMatchObject({ state: 'stopped', assignedPartitions: 0 });
  });

  it('that cannot be confirmed dispatches nothing under an older route than its predecessor, and goes on once it is', async () => {
    const on = bench();
    on.sink.createTopic('b', 2);
    on.routes.write(route(1, { a: 1 }));
    const [first, second] = await pair(on);
    second.store.pause();
    on.routes.write(route(2, { a: 1, b: 2 }));
    await quiet();
    on.append('users', 0, event('u:1'));
    await quiet();
    // The partition moves, and right behind that somebody else joins.
    [first.source.share, second.source.share] = [() => false, () => true];
    second.source.confirms = () => false;
    await first.source.rebalance();
    on.append('users', 0, event('u:2'));
    await second.source.rebalance();
    await quiet();
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1']);
    expect(second.source.held).toHaveLength(1);
    second.source.confirms = () => true;
    await on.clock.advance(200);
    expect(on.read('a', 0)).toEqual(['1@0', 'u:1', '1@0', 'u:2']);
    expect(on.read('b', 0)).toEqual(['2@0', 'u:1', '2@0', 'u:2']);
  });

  it('is dispatched under the routes of a routing topic that has begun anew, where it is read to its end before the dispatcher has taken them', async () => {
    const on = bench();
    on.sink.createTopic('b', 2);
    on.routes.write(route(1, { a: 1 }));
    const [first, second] = await pair(on);
    await quiet();
    const late = lateAnswer();
    const barrier = second.store.barrier.bind(second.store);
    let barriers = 0;
    second.store.barrier = async (signal) => {
      barriers += 1;
      if (barriers === 1) await late.ask();
      return barrier(signal);
    };
    on.routes.reset();
    on.routes.write(route(1, { a: 1 }, { writerEpoch: 2 }));
    on.routes.write(route(2, { a: 1, b: 2 }, { writerEpoch: 2 }));
    await quiet();
    on.append('users', 0, event('u:1'));
    await quiet();
    [first.source.share, second.source.share] = [() => false, () => true];
    await first.source.rebalance();
    on.append('users', 0, event('u:2'));
    await second.source.rebalance();
    await quiet();
    for (const topic of ['a', 'b']) expect(on.read(topic, 0)).toContain('u:2');
    late.answer(true);
    await quiet();
  });
});
