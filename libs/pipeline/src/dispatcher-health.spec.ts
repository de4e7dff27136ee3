import { describe, expect, it } from '@jest/globals';

import { DispatchBench, quiet, route, watermark } from './testing/dispatch-bench.js';

function bench(): DispatchBench {
  const made = new DispatchBench();
  made.table('users');
  for (const topic of ['a', 'b']) made.sink.createTopic(topic, 2);
  return made;
}

describe('health of a dispatcher', () => {
  it('is not ready while every target refuses what it sends, and says why', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    const { dispatcher } = await on.started();
    on.sink.failNext('a');
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({ ready: true, failingTopics: { a: expect.any(String) as unknown } });
    on.sink.failNext('a');
    on.sink.failNext('b');
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({
      ready: false,
      failingTopics: { a: expect.any(String) as unknown, b: expect.any(String) as unknown },
    });
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({ ready: true, failingTopics: {} });
  });

  it('is not ready once its targets have not answered for three seconds, though no send has failed, and says so', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1, b: 1 }));
    const { dispatcher } = await on.started();
    const release = [on.sink.stall('a'), on.sink.stall('b')];
    await on.clock.advance(3_500);
    expect(dispatcher.health()).toMatchObject({ ready: true, reason: undefined });
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/^no cache topic takes anything: a: no answer for \d+ ms$/) as unknown,
    });
    release[0]?.();
    await quiet();
    expect(dispatcher.health()).toMatchObject({ ready: true, failingTopics: { b: expect.any(String) as unknown } });
    release[1]?.();
    await quiet();
    expect(dispatcher.health()).toMatchObject({ ready: true, failingTopics: {} });
  });

  it('is ready again once watermarks of sync reach its targets, which are told nothing else then', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher } = await on.started();
    on.sink.failNext('a');
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({ ready: false, reason: expect.stringMatching(/^no cache topic/) });
    const pass = async (...partitions: readonly number[]): Promise<void> => {
      for (const partition of partitions) on.append('users', partition, watermark(on.clock.now()));
      await quiet();
    };
    await pass(0);
    on.sink.failNext('a');
    await on.clock.advance(1_000);
    expect(dispatcher.health()).toMatchObject({ ready: false });
    for (let second = 0; second < 2; second += 1) {
      await pass(0, 1);
      await on.clock.advance(1_000);
    }
    expect(dispatcher.health()).toMatchObject({ ready: true, reason: undefined, failingTopics: {} });
  });

  it('is not ready while its group or the routing topic has a problem, and says which', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { dispatcher, source, store } = await on.started();
    source.problem = 'the brokers have not answered for 4100 ms';
    expect(dispatcher.health()).toMatchObject({ ready: false, reason: `the table topics: ${source.problem}` });
    store.problem = 'connect ECONNREFUSED';
    expect(dispatcher.health()).toMatchObject({ ready: false, reason: 'the routing topic: connect ECONNREFUSED' });
    [source.problem, store.problem] = [undefined, undefined];
    expect(dispatcher.health()).toMatchObject({ ready: true, reason: undefined });
  });

  it('says what it waits for while it starts, and that it stops', async () => {
    const on = bench();
    const { dispatcher, store } = on.member();
    expect(dispatcher.health()).toMatchObject({ ready: false, reason: 'not started' });
    store.problem = 'connect ECONNREFUSED';
    store.failNextBarrier();
    const started = dispatcher.start();
    await quiet();
    expect(dispatcher.health()).toMatchObject({ state: 'starting', reason: 'the routing topic: connect ECONNREFUSED' });
    await dispatcher.stop();
    await started;
    expect(dispatcher.health()).toMatchObject({ ready: false, reason: 'stopped' });
  });

  it('repeats a warning at most once in 30 s, with how often it came', async () => {
    const on = bench();
    on.routes.write(route(1, { a: 1 }));
    const { logger } = await on.started();
    for (let second = 0; second < 65; second += 1) {
      on.sink.failNext('a');
      await on.clock.advance(1_000);
    }
    const warnings = logger.lines.filter(({ message }) => message === 'dispatcher: could not send watermarks');
    expect(warnings.map(({ fields }) => fields['repeated'])).toEqual([undefined, 29, 29]);
  });
});
