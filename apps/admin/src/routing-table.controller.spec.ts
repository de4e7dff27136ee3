import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { AdminBench, at, create, topicA, topicB } from './testing/admin-bench.js';

let bench: AdminBench;
beforeEach(async () => {
  bench = await new AdminBench().open();
  await bench.put('users', [topicA], create);
  await bench.put('users', [topicA, topicB], at(1));
});
afterEach(() => bench.close());

const url = '/api/v1/routing-table';

describe('/routing-table', () => {
  it('is written anew from what it answered, and the routes go on from there', async () => {
    const exported = await bench.api.get(url);
    const body = exported.body as object;
    expect([exported.status, body]).toMatchObject([
      200,
      { writerEpoch: 1, routes: [{ v: '1.0', table: 'users', version: 2 }] },
    ]);
    const fresh = await new AdminBench().open();
    try {
      const done = await fresh.api.put(url).set('X-Tidemark-Actor', 'jane').send(body);
      expect([done.status, done.body]).toEqual([200, { restored: ['users'], kept: [] }]);
      expect((await fresh.api.get('/api/v1/routes/users')).body).toMatchObject({
        ...{ version: 3, topics: [topicA, topicB], since: { [topicA]: 3, [topicB]: 3 }, changedBy: 'jane' },
      });
      expect((await fresh.put('users', [topicA], at(3))).status).toBe(200);
      expect((await fresh.api.put(url).send(body)).body).toEqual({ restored: [], kept: ['users'] });
    } finally {
      await fresh.close();
    }
  });

  it('refuses a parameter: there is no dry run of an import', async () => {
    const fresh = await new AdminBench().open();
    try {
      const body = (await bench.api.get(url)).body as object;
      const refused = await fresh.api.put(`${url}?dryRun=true`).send(body);
      expect(refused.body).toMatchObject({ status: 400, code: 'BAD_REQUEST', field: 'query' });
      expect(fresh.topic.records).toEqual([]);
    } finally {
      await fresh.close();
    }
  });

  const route = { v: '1.0', table: 'users', version: 9, writerEpoch: 1, topics: {}, deleted: true, changedAt: 0 };
  it.each<[unknown, object]>([
    [{}, { status: 400, field: 'writerEpoch' }],
    [
      { writerEpoch: -1, routes: [] },
      { status: 400, field: 'writerEpoch' },
    ],
    [
      { writerEpoch: 1_000_000_001, routes: [] },
      { status: 400, field: 'writerEpoch' },
    ],
    [
      { writerEpoch: 1, routes: [route] },
      { status: 400, field: 'routes[0]' },
    ],
    [
      { writerEpoch: 1, routes: [{ ...route, changedBy: 'x', v: '2.0' }] },
      { status: 400, field: 'routes[0]' },
    ],
    [{ writerEpoch: 1, routes: [], more: 1 }, { status: 400 }],
    [
      { writerEpoch: 1, routes: [{ ...route, changedBy: 'x', deleted: false, topics: { elsewhere: 1 } }] },
      { status: 422, rule: 'topic-prefix', field: 'routes.users.topics.elsewhere' },
    ],
  ])('refuses %j', async (body, problem) => {
    expect((await bench.api.put(url).send(body as object)).body).toMatchObject(problem);
    expect((await bench.api.get('/api/v1/routes/users')).body).toMatchObject({ version: 2 });
  });
});
