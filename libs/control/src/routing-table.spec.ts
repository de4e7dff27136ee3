import { describe, expect, it } from '@jest/globals';
import { type Metric, MetricRegistry } from '@tidemark/runtime';
import { settle } from '@tidemark/runtime/testing';

import { RoutingTable } from './routing-table.js';
import { FakeRouteLog, FakeRoutingTopic } from './testing/fake-route-log.js';
import { FakeTopicAdmin } from './testing/fake-topic-admin.js';
import { foreignRoute, openRoutingTable } from './testing/routing-bench.js';

const a = 'tidemark.cache.a';
const b = 'tidemark.cache.b';
const create = { ifMatch: 'none', actor: 'ops' } as const;

describe('reading', () => {
  it('knows every route that was there when it opened', async () => {
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({ table: 'users', version: 7, writerEpoch: 4, topics: { [a]: 3 } }));
    topic.write(foreignRoute({ table: 'gone', version: 2, writerEpoch: 4, topics: {}, deleted: true }));
    const { table } = await openRoutingTable(topic);
    expect(table.list().map((route) => route.table)).toEqual(['users']);
    expect(table.get('users')).toMatchObject({ version: 7, topics: { [a]: 3 } });
    expect(() => table.get('gone')).toThrow('gone has no route');
    expect(table.history('gone')).toHaveLength(1);
    expect(table.state).toEqual({ type: 'writer', epoch: 5 });
  });

  it('keeps the changes of a table, newest first', async () => {
    const { table } = await openRoutingTable();
    await table.put('users', [a], create);
    await table.put('users', [a, b], { ifMatch: 1, actor: 'jane' });
    await table.delete('users', { ifMatch: 2, actor: 'joe' });
    expect(table.history('users').map(({ version, changedBy }) => [version, changedBy])).toEqual([
      [3, 'joe'],
      [2, 'jane'],
      [1, 'ops'],
    ]);
    expect(() => table.history('orders')).toThrow(expect.objectContaining({ code: 'ROUTE_NOT_FOUND' }));
  });

  it('refuses changes at once while it is being opened', async () => {
    const log = new FakeRouteLog();
    log.open = () => new Promise(() => undefined);
    log.barrier = () => new Promise(() => undefined);
    const table = new RoutingTable({ log, topics: new FakeTopicAdmin() });
    void table.open();
    await expect(table.put('users', [a], create)).rejects.toMatchObject({ code: 'CLOSED', retriable: true });
    await expect(table.delete('users', { ifMatch: 1, actor: 'ops' })).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('says that it is not open before and after', async () => {
    const table = new RoutingTable({ log: new FakeRouteLog(), topics: new FakeTopicAdmin() });
    expect(() => table.list()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await table.open();
    expect(table.list()).toEqual([]);
    await table.close();
    expect(() => table.get('users')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});

describe('put', () => {
  it('writes version 1 under its own epoch and answers once it has seen it', async () => {
    const { table, topic, clock } = await openRoutingTable();
    const change = await table.put('users', [a], create);
    const route = {
      table: 'users',
      version: 1,
      writerEpoch: 1,
      topics: { [a]: 1 },
      deleted: false,
      changedAt: clock.now(),
      changedBy: 'ops',
    };
    expect(change).toEqual({ previous: null, route, diff: { added: [a], kept: [], removed: [] }, written: true });
    expect(topic.routes).toEqual([route]);
    expect(table.get('users')).toEqual(route);
  });

  it('lets one of two concurrent changes of one version through', async () => {
    const { table, topic } = await openRoutingTable();
    await table.put('users', [a], create);
    const results = await Promise.allSettled([
      table.put('users', [a, b], { ifMatch: 1, actor: 'first' }),
      table.put('users', [b], { ifMatch: 1, actor: 'second' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'ROUTE_CONFLICT', context: { currentVersion: 2 } } });
    expect(topic.routes).toHaveLength(2);
  });

  it('decides on what the log says at that moment', async () => {
    const { table, topic, log } = await openRoutingTable();
    log.pause();
    topic.write(foreignRoute({ table: 'users', version: 1, writerEpoch: 0, topics: { [a]: 1 } }));
    await expect(table.put('users', [b], create)).rejects.toMatchObject({
      code: 'ROUTE_CONFLICT',
      context: { reason: 'version', currentVersion: 1 },
    });
  });

  it('writes nothing when the route is as asked for already', async () => {
    const { table, topic } = await openRoutingTable();
    await table.put('users', [a, b], create);
    const change = await table.put('users', [b, a], { ifMatch: 1, actor: 'ops' });
    expect(change).toMatchObject({ written: false, route: { version: 1 }, diff: { added: [], removed: [] } });
    expect(topic.routes).toHaveLength(1);
  });

  it.each([
    ['an invalid table', '??', [a], create, 'ROUTE_INVALID', { field: 'table', rule: 'table-name' }],
    ['an invalid topic', 'users', ['other'], create, 'ROUTE_INVALID', { field: 'topics[0]', rule: 'topic-prefix' }],
    ['an invalid actor', 'users', [a], { ...create, actor: '' }, 'ROUTE_INVALID', { field: 'actor', rule: 'actor' }],
    ['a version of no route', 'users', [a], { ifMatch: 3, actor: 'ops' }, 'ROUTE_NOT_FOUND', { table: 'users' }],
  ] as const)('refuses %s', async (_, name, topics, options, code, context) => {
    const { table, topic } = await openRoutingTable();
    await expect(table.put(name, topics, options)).rejects.toMatchObject({ code, context });
    expect(topic.records).toEqual([]);
  });

  it('refuses more routes than its limit, and still changes those it has', async () => {
    const { table } = await openRoutingTable(undefined, { tablesMax: 1 });
    await table.put('users', [a], create);
    await expect(table.put('orders', [a], create)).rejects.toMatchObject({ context: { rule: 'tables-max' } });
    await expect(table.put('users', [b], { ifMatch: 1, actor: 'ops' })).resolves.toMatchObject({ written: true });
  });

  it('refuses more waiting changes than its limit', async () => {
    const { table } = await openRoutingTable(undefined, { pendingMax: 1 });
    const first = table.put('users', [a], create);
    await expect(table.put('orders', [a], create)).rejects.toMatchObject({ code: 'QUEUE_FULL', retriable: true });
    await first;
    await expect(table.put('orders', [a], create)).resolves.toMatchObject({ written: true });
  });
});

describe('topics', () => {
  it('creates what is missing with the partition count of the table topic', async () => {
    const { table, admin } = await openRoutingTable(undefined, {}, { 'tidemark.cdc.users': 8, [a]: 8 });
    await table.put('users', [a, b], create);
    expect(admin.topics.get(b)).toBe(8);
  });

  it('creates the table topic, too', async () => {
    const { table, admin } = await openRoutingTable();
    await table.put('users', [a], create);
    expect(Object.fromEntries(admin.topics)).toEqual({ 'tidemark.cdc.users': 4, [a]: 4 });
  });

  it('refuses a target with another partition count before it creates anything', async () => {
    const { table, admin, topic } = await openRoutingTable(undefined, {}, { 'tidemark.cdc.users': 8, [b]: 4 });
    await expect(table.put('users', [a, b], create)).rejects.toMatchObject({
      code: 'ROUTE_INVALID',
      context: { field: 'topics[1]', rule: 'partition-count' },
    });
    expect(admin.topics.has(a)).toBe(false);
    expect(topic.records).toEqual([]);
  });

  it('refuses missing topics where it may not create them', async () => {
    const { table } = await openRoutingTable(undefined, { createTopics: false }, { 'tidemark.cdc.users': 4 });
    await expect(table.put('users', [a], create)).rejects.toMatchObject({
      context: { field: 'topics[0]', rule: 'topic-missing' },
    });
    await expect(table.put('orders', [a], create)).rejects.toMatchObject({ context: { field: 'table' } });
  });

  it('refuses a topic that appears with another count while it is created', async () => {
    const { table, admin } = await openRoutingTable();
    const partitionsOf = admin.partitionsOf.bind(admin);
    admin.partitionsOf = async (topic: string) => {
      const count = await partitionsOf(topic);
      if (topic === a) admin.topics.set(a, 2);
      return count;
    };
    await expect(table.put('users', [a], create)).rejects.toMatchObject({ context: { rule: 'partition-count' } });
  });

  it('hands on what the brokers say', async () => {
    const { table, admin, topic } = await openRoutingTable();
    admin.failure = new Error('no broker');
    await expect(table.put('users', [a], create)).rejects.toThrow('no broker');
    expect(topic.records).toEqual([]);
  });
});

describe('dry run', () => {
  it('works the change out and changes nothing', async () => {
    const { table, admin, topic } = await openRoutingTable();
    const change = await table.put('users', [a], { ...create, dryRun: true });
    expect(change).toMatchObject({ written: false, route: { version: 1 }, diff: { added: [a] } });
    expect([topic.records, admin.topics.size]).toEqual([[], 0]);
  });

  it('refuses what the change itself would', async () => {
    const { table } = await openRoutingTable();
    await expect(table.put('users', [a], { ifMatch: 1, actor: 'ops', dryRun: true })).rejects.toMatchObject({
      code: 'ROUTE_NOT_FOUND',
    });
  });
});

describe('delete', () => {
  it('leaves a record that says so', async () => {
    const { table, topic } = await openRoutingTable();
    await table.put('users', [a], create);
    const change = await table.delete('users', { ifMatch: 1, actor: 'ops' });
    expect(change).toMatchObject({ written: true, route: { version: 2, deleted: true }, diff: { removed: [a] } });
    expect(topic.routes.at(-1)).toMatchObject({ version: 2, topics: {}, deleted: true });
    await expect(table.delete('users', { ifMatch: 2, actor: 'ops' })).rejects.toMatchObject({
      code: 'ROUTE_NOT_FOUND',
    });
  });

  it('needs no topics', async () => {
    const { table, admin } = await openRoutingTable();
    await table.put('users', [a], create);
    admin.failure = new Error('no broker');
    await expect(table.delete('users', { ifMatch: 1, actor: 'ops' })).resolves.toMatchObject({ written: true });
  });
});

describe('records it cannot read', () => {
  it('reports them and goes on', async () => {
    const { table, topic, logger } = await openRoutingTable();
    topic.writeRaw('users', 'not json');
    await expect(table.put('users', [a], create)).resolves.toMatchObject({ written: true });
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('refuses changes while the log holds a newer major version', async () => {
    const topic = new FakeRoutingTopic();
    topic.writeRaw('users', '{"v":"2.0"}');
    const { table } = await openRoutingTable(topic);
    expect(table.state).toMatchObject({ type: 'unsupported' });
    await expect(table.put('users', [a], create)).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' });
    expect(table.list()).toEqual([]);
  });
});

it('counts what it does', async () => {
  const metrics = new MetricRegistry();
  const { table, topic } = await openRoutingTable(undefined, { metrics });
  await table.put('users', [a], create);
  await table.delete('users', { ifMatch: 1, actor: 'ops' });
  await table.put('orders', [a], create);
  await expect(table.put('orders', [a], create)).rejects.toThrow('already');
  topic.writeRaw('users', null);
  topic.write(foreignRoute({ table: 'users', version: 9, writerEpoch: 0 }));
  await settle();
  expect(values(metrics)).toEqual({
    tidemark_routing_routes: 1,
    tidemark_routing_resets_total: 0,
    tidemark_routing_writer: 1,
    'tidemark_routing_changes_total{"operation":"put"}': 2,
    'tidemark_routing_changes_total{"operation":"delete"}': 1,
    'tidemark_routing_changes_total{"operation":"repair"}': 1,
    'tidemark_routing_refusals_total{"code":"ROUTE_CONFLICT"}': 1,
    tidemark_routing_stale_records_total: 1,
    tidemark_routing_unreadable_records_total: 1,
  });
});

it.each(['topicsMax', 'historyMax', 'timeoutMs'] as const)('refuses a senseless %s', (field) => {
  expect(() => new RoutingTable({ log: new FakeRouteLog(), topics: new FakeTopicAdmin(), [field]: 0 })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTIONS', context: expect.objectContaining({ field }) as unknown }),
  );
});

function values(metrics: MetricRegistry): Record<string, number> {
  const entries = metrics.collect().flatMap(({ name, series }) =>
    [...series.values()].map((metric) => {
      const labels = Object.keys(metric.labels).length === 0 ? '' : JSON.stringify(metric.labels);
      return [`${name}${labels}`, (metric as Metric).value] as const;
    }),
  );
  return Object.fromEntries(entries);
}
