import { expect, it } from '@jest/globals';
import { MetricRegistry } from '@tidemark/runtime';

import { DispatchMetrics } from './dispatch-metrics.js';
import { DispatchBench, names, quiet } from './testing/dispatch-bench.js';

function samples(metrics: MetricRegistry, name: string): readonly string[] {
  const family = metrics.collect().find((each) => each.name === `tidemark_dispatcher_${name}`);
  const series = [...(family?.series.values() ?? [])];
  return series
    .map((each) => [...Object.values(each.labels), 'value' in each ? each.value : each.count].join(' '))
    .sort();
}

function waiting(metrics: MetricRegistry): readonly string[] {
  return samples(metrics, 'topic_waiting');
}

it('says of a topic that waits that it does, and later that it does no more', () => {
  const registry = new MetricRegistry();
  const metrics = new DispatchMetrics(registry);
  expect(waiting(registry)).toEqual([]);
  metrics.waiting(['a', 'b']);
  metrics.waiting(['b']);
  expect(waiting(registry)).toEqual(['a 0', 'b 1']);
});

it('counts neither the lag nor the watermark of a table that is paused as late', async () => {
  const bench = new DispatchBench();
  bench.table('users', 1);
  bench.table('orders', 1);
  const { dispatcher, metrics } = await bench.started();
  bench.routes.write({ ...route, paused: true });
  await quiet();
  await bench.clock.advance(60_000);
  expect(waiting(metrics)).toEqual([`${names.cdc('orders')} 1`, `${names.cdc('users')} 1`]);
  expect(samples(metrics, 'watermark_age_seconds')).toEqual(['0']);
  bench.routes.write({ ...route, version: 2 });
  await quiet();
  await bench.clock.advance(10_000);
  expect(waiting(metrics)).toEqual([`${names.cdc('orders')} 1`, `${names.cdc('users')} 0`]);
  await dispatcher.stop();
});

const route = {
  ...{ table: 'users', version: 1, writerEpoch: 1, topics: { 'tidemark.cache.users': 1 }, deleted: false },
  ...{ changedAt: 0, changedBy: 'test' },
} as const;
