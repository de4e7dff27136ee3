import { describe, expect, it } from '@jest/globals';

import { importRoutes, restoredRoute, type RouteDump } from './route-dump.js';
import { FakeRoutingTopic } from './testing/fake-route-log.js';
import { foreignRoute, openRoutingTable, type RoutingBench } from './testing/routing-bench.js';

const [a, b] = ['tidemark.cache.a', 'tidemark.cache.b'] as const;
const actor = 'ops';

async function written(): Promise<RoutingBench> {
  const bench = await openRoutingTable();
  await bench.table.put('users', [a], { ifMatch: 'none', actor });
  await bench.table.put('users', [a], { ifMatch: 1, actor, limited: { [b]: { services: ['orders'] } } });
  await bench.table.operate('users', { type: 'pause' }, { ifMatch: 2, actor });
  await bench.table.put('roles', [b], { ifMatch: 'none', actor });
  await bench.table.put('gone', [b], { ifMatch: 'none', actor });
  await bench.table.delete('gone', { ifMatch: 1, actor });
  return bench;
}

describe('an export', () => {
  it('restores a lost table from nothing, above every version and epoch, with a fresh since', async () => {
    const dump = (await written()).table.export();
    const fresh = await openRoutingTable();
    const done = await importRoutes(fresh.table, JSON.parse(JSON.stringify(dump)) as RouteDump, { actor });
    expect(done).toEqual({ restored: ['gone', 'roles', 'users'], kept: [] });
    expect(fresh.topic.routes).toMatchObject([
      { table: 'gone', version: 3, topics: {}, deleted: true },
      { table: 'roles', version: 2, topics: { [b]: 2 } },
      {
        table: 'users',
        version: 4,
        topics: { [a]: 4 },
        limited: { [b]: { since: 4, services: ['orders'] } },
        paused: true,
      },
    ]);
    expect(fresh.topic.routes.every(({ writerEpoch }) => writerEpoch === dump.writerEpoch + 1)).toBe(true);
  });

  it('written twice changes nothing the second time, and after a failure writes the rest', async () => {
    const dump = (await written()).table.export();
    const fresh = await openRoutingTable();
    fresh.log.failNextAppend(true);
    fresh.log.failNextAppend(false);
    await expect(importRoutes(fresh.table, dump, { actor })).rejects.toMatchObject({ code: 'PUBLISH_FAILED' });
    expect(await importRoutes(fresh.table, dump, { actor })).toEqual({ restored: ['roles', 'users'], kept: ['gone'] });
    expect(await importRoutes(fresh.table, dump, { actor })).toEqual({
      restored: [],
      kept: ['gone', 'roles', 'users'],
    });
  });

  it('leaves alone what has gone on since', async () => {
    const bench = await written();
    const dump = bench.table.export();
    await bench.table.put('roles', [a], { ifMatch: 1, actor });
    const before = bench.topic.records.length;
    expect(await importRoutes(bench.table, dump, { actor })).toEqual({
      restored: [],
      kept: ['gone', 'roles', 'users'],
    });
    expect(bench.topic.records).toHaveLength(before);
  });

  it('keeps the last rewind of both, also of a route that is deleted', () => {
    const stamp = { writerEpoch: 3, changedAt: 0, changedBy: actor };
    const [older, newer] = [4, 9].map((id) => foreignRoute({ deleted: true, topics: {}, rewind: { id, to: 1 } }));
    for (const [dumped, current] of [
      [newer, undefined],
      [newer, older],
      [older, newer],
    ] as const)
      expect(dumped && restoredRoute(dumped, current, stamp).rewind).toEqual({ id: 9, to: 1 });
  });

  it('of a process that outlived the topic restores it from memory', async () => {
    const { table, topic, logger } = await written();
    topic.reset();
    expect(table.list().map(({ table: name }) => name)).toEqual(['roles', 'users']);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error' });
    expect((await importRoutes(table, table.export(), { actor })).restored).toEqual(['gone', 'roles', 'users']);
    expect(topic.routes.map(({ table: name, version }) => [name, version])).toEqual([
      ['gone', 3],
      ['roles', 2],
      ['users', 4],
    ]);
    expect((await importRoutes(table, table.export(), { actor })).restored).toEqual([]);
  });

  it.each<[string, Partial<RouteDump['routes'][number]>, string]>([
    ['a table that has no such name', { table: '.' }, 'table-name'],
    ['a topic that is none of ours', { topics: { elsewhere: 1 } }, 'topic-prefix'],
    [
      'more topics than a table may have',
      { topics: Object.fromEntries([...'0123456789x'].map((n) => [a + n, 1])) },
      'topics-max',
    ],
  ])('with %s is refused', async (_what, fields, rule) => {
    const { writerEpoch, routes } = (await written()).table.export();
    const [first] = routes;
    if (first === undefined) throw new Error('no route');
    const { table } = await openRoutingTable();
    const dump = { writerEpoch, routes: [{ ...first, ...fields }] };
    await expect(importRoutes(table, dump, { actor })).rejects.toMatchObject({
      code: 'ROUTE_INVALID',
      context: { rule },
    });
  });

  it('is not written by who is no writer', async () => {
    const bench = await written();
    await openRoutingTable(bench.topic).then(({ table }) => table.put('xyz', [a], { ifMatch: 'none', actor }));
    const dump = { writerEpoch: 99, routes: bench.table.export().routes };
    await expect(importRoutes(bench.table, dump, { actor })).rejects.toMatchObject({ code: 'ROUTE_CONFLICT' });
  });
});

describe('a log that has lost its end', () => {
  it('says again what it still holds, and nothing of it counts for news', async () => {
    const { table, topic, log } = await written();
    const kept = topic.routes.slice(0, 2);
    topic.reset();
    for (const route of kept) topic.write(route);
    await log.barrier(new AbortController().signal);
    expect([table.state.type, table.get('users').version, topic.routes]).toEqual(['writer', 3, kept]);
  });

  it.each([
    ['only an older route of the table is left', false],
    ['an older route of the table stands behind it', true],
  ])('is given what it has lost by an import, where %s', async (_, isThereBefore) => {
    const { table, topic, log } = await written();
    const dump = table.export();
    const older = topic.routes.filter(({ table: name, version }) => name !== 'users' || version < 3);
    expect(older.some(({ table: name }) => name === 'users')).toBe(true);
    const kept = isThereBefore ? [...topic.routes, ...older.filter(({ table: name }) => name === 'users')] : older;
    topic.reset();
    for (const route of kept) topic.write(route);
    await log.barrier(new AbortController().signal);
    const { restored } = await importRoutes(table, dump, { actor });
    expect(restored).toEqual(['users']);
    expect(topic.routes.at(-1)).toMatchObject({ table: 'users', version: 4 });
  });

  it('and that a process writes which knows nothing, is written anew by the one that does', async () => {
    const { table, topic } = await written();
    topic.reset();
    const ignorant = await openRoutingTable(new FakeRoutingTopic());
    await ignorant.table.put('users', [b], { ifMatch: 'none', actor });
    for (const route of ignorant.topic.routes) topic.write({ ...route, writerEpoch: 0 });
    await table.put('roles', [a], { ifMatch: 1, actor });
    expect(topic.routes.findLast(({ table: name }) => name === 'users')).toMatchObject({
      topics: { [a]: 4 },
      version: 4,
    });
  });
});
