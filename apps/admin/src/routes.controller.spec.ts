import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { type Response } from 'supertest';

import { AdminBench, at, create, topicA, topicB } from './testing/admin-bench.js';

let bench: AdminBench;
beforeEach(async () => {
  bench = await new AdminBench().open();
});
afterEach(() => bench.close());

function expectProblem(response: Response, status: number, fields: object): void {
  expect([response.status, response.body]).toEqual([status, expect.objectContaining({ status, ...fields })]);
  expect(response.headers['content-type']).toBe('application/problem+json');
  const body = response.body as { type: string; title: string; detail: string; code: string };
  expect(body.type).toBe(`urn:tidemark:problem:${body.code}`);
  expect([typeof body.title, typeof body.detail]).toEqual(['string', 'string']);
}

describe('GET /routes', () => {
  it('lists live routes, sorted', async () => {
    expect((await bench.api.get('/api/v1/routes')).body).toEqual({ routes: [] });
    await bench.put('users', [topicA], create);
    await bench.put('orders', [topicA], create);
    const response = await bench.api.get('/api/v1/routes');
    const { routes } = response.body as { routes: { table: string }[] };
    expect([response.status, routes.map(({ table }) => table)]).toEqual([200, ['orders', 'users']]);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(response.headers).not.toHaveProperty('x-powered-by');
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('GET /routes/:table', () => {
  it('answers the route with its version as the ETag', async () => {
    await bench.put('users', [topicB, topicA], create);
    const response = await bench.api.get('/api/v1/routes/users');
    expect(response.status).toBe(200);
    expect(response.headers['etag']).toBe('"1"');
    expect(response.body).toEqual({
      table: 'users',
      version: 1,
      topics: [topicA, topicB],
      since: { [topicA]: 1, [topicB]: 1 },
      limited: {},
      paused: false,
      rewind: null,
      move: null,
      followed: topicA,
      deleted: false,
      changedAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      changedBy: 'admin-api',
    });
  });

  it('answers 304 to who has that version already', async () => {
    await bench.put('users', [topicA], create);
    const same = await bench.api.get('/api/v1/routes/users').set('If-None-Match', '"1"');
    expect([same.status, same.text]).toEqual([304, '']);
    expect((await bench.api.get('/api/v1/routes/users').set('If-None-Match', '"2"')).status).toBe(200);
  });

  it('answers HEAD alike, without a body', async () => {
    await bench.put('users', [topicA], create);
    const response = await bench.api.head('/api/v1/routes/users');
    expect([response.status, response.headers['etag'], response.text]).toEqual([200, '"1"', undefined]);
  });

  it.each(['users', '%00', '..%2F..', '__proto__', '%F0%9F%92%A9', 'x'.repeat(2_000)])(
    'answers 404 for %s, which has no route',
    async (table) => {
      expectProblem(await bench.api.get(`/api/v1/routes/${table}`), 404, { code: 'ROUTE_NOT_FOUND' });
    },
  );

  it('answers 400 to an address that cannot be decoded', async () => {
    expectProblem(await bench.api.get('/api/v1/routes/%zz'), 400, { code: 'BAD_REQUEST' });
  });

  it('shows a date that no calendar has as the last one there is', async () => {
    bench.write({ changedAt: Number.MAX_SAFE_INTEGER });
    const response = await bench.api.get('/api/v1/routes/users');
    expect(response.body).toMatchObject({ changedAt: '+275760-09-13T00:00:00.000Z' });
  });
});

describe('PUT /routes/:table', () => {
  it('creates with If-None-Match: *', async () => {
    const response = await bench.put('users', [topicA], create);
    expect(response.status).toBe(201);
    expect(response.headers).toMatchObject({ etag: '"1"', location: '/api/v1/routes/users' });
    expect(response.body).toMatchObject({
      table: 'users',
      version: 1,
      topics: [topicA],
      diff: { added: [topicA], kept: [], removed: [] },
      dryRun: false,
      written: true,
    });
    expect(bench.topic.routes).toHaveLength(1);
    expect(Object.fromEntries(bench.topics.topics)).toEqual({ 'tidemark.cdc.users': 4, [topicA]: 4 });
  });

  it('changes with If-Match: "<version>"; what stays keeps its since', async () => {
    await bench.put('users', [topicA], create);
    const response = await bench.put('users', [topicA, topicB], at(1));
    expect([response.status, response.headers['etag']]).toEqual([200, '"2"']);
    expect(response.body).toMatchObject({ version: 2, since: { [topicA]: 1, [topicB]: 2 }, followed: topicB });
  });

  it('takes the version without quotes, too', async () => {
    await bench.put('users', [topicA], create);
    expect((await bench.put('users', [topicB], { 'If-Match': '1' })).status).toBe(200);
  });

  it('writes nothing when the route is so already', async () => {
    await bench.put('users', [topicA], create);
    const response = await bench.put('users', [topicA], at(1));
    expect([response.status, response.headers['etag']]).toEqual([200, '"1"']);
    expect(response.body).toMatchObject({ version: 1, written: false });
  });

  it('notes who asked', async () => {
    const response = await bench.put('users', [topicA], { ...create, 'X-Tidemark-Actor': 'jane@example.com' });
    expect(response.body).toMatchObject({ changedBy: 'jane@example.com' });
    const refused = await bench.put('orders', [topicA], { ...create, 'X-Tidemark-Actor': 'x'.repeat(65) });
    expectProblem(refused, 422, { code: 'ROUTE_INVALID', field: 'actor', rule: 'actor' });
  });

  it('works the change out under dryRun, and makes none', async () => {
    const created = await bench.put('users?dryRun=true', [topicA], create);
    expect(created.status).toBe(200);
    expect(created.headers).not.toHaveProperty('location');
    expect(created.body).toMatchObject({ version: 1, diff: { added: [topicA] }, dryRun: true, written: false });
    expect([bench.topic.records, bench.topics.topics.size]).toEqual([[], 0]);
    await bench.put('users?dryRun=false', [topicA], create);
    const changed = await bench.put('users?dryRun=true', [topicB], at(1));
    expect(changed.body).toMatchObject({ version: 2, diff: { added: [topicB], kept: [], removed: [topicA] } });
    expect((await bench.api.get('/api/v1/routes/users')).body).toMatchObject({ version: 1 });
  });

  it('answers 412 with the version that stands', async () => {
    await bench.put('users', [topicA], create);
    const stale = await bench.put('users', [topicB], at(7));
    expectProblem(stale, 412, { code: 'ROUTE_CONFLICT', rule: 'version', currentVersion: 1 });
    expect(stale.headers['etag']).toBe('"1"');
    expectProblem(await bench.put('users', [topicB], create), 412, { code: 'ROUTE_CONFLICT', currentVersion: 1 });
  });

  it('answers 404 to a change of what is not there', async () => {
    expectProblem(await bench.put('users', [topicA], at(1)), 404, { code: 'ROUTE_NOT_FOUND' });
  });

  it('answers 428 without a precondition', async () => {
    expectProblem(await bench.put('users', [topicA], {}), 428, { code: 'PRECONDITION_REQUIRED', field: 'If-Match' });
  });

  it.each<[string, Record<string, string>, string]>([
    ['any version', { 'If-Match': '*' }, 'If-Match'],
    ['a weak tag', { 'If-Match': 'W/"1"' }, 'If-Match'],
    ['several tags', { 'If-Match': '"1", "2"' }, 'If-Match'],
    ['no number', { 'If-Match': '"one"' }, 'If-Match'],
    ['a number beyond all versions', { 'If-Match': `"${'9'.repeat(30)}"` }, 'If-Match'],
    ['If-None-Match with a tag', { 'If-None-Match': '"1"' }, 'If-None-Match'],
    ['both', { 'If-Match': '"1"', 'If-None-Match': '*' }, 'If-Match'],
  ])('answers 400 to a precondition of %s', async (_, headers, field) => {
    expectProblem(await bench.put('users', [topicA], headers), 400, { code: 'BAD_REQUEST', field });
  });

  it.each<[string, unknown, string]>([
    ['an array', [topicA], 'body'],
    ['no topics', {}, 'topics'],
    ['topics of another type', { topics: 'a' }, 'topics'],
    ['a topic of another type', { topics: [topicA, 7] }, 'topics[1]'],
    ['an unknown field', { topics: [topicA], since: {} }, 'body'],
    ['far too many topics', { topics: Array.from({ length: 1_001 }, () => 'a') }, 'topics'],
  ])('answers 400 to a body with %s', async (_, body, field) => {
    const response = await bench.api
      .put('/api/v1/routes/users')
      .set({ ...create, 'Content-Type': 'application/json' })
      .send(JSON.stringify(body));
    expectProblem(response, 400, { code: 'BAD_REQUEST', field });
  });

  it.each(['', 'null', '{', '{"topics":["a"]} x', '"topics"', 'nul'])(
    'answers 400 to %j, which is no JSON object',
    async (body) => {
      const response = await bench.api
        .put('/api/v1/routes/users')
        .set({ ...create, 'Content-Type': 'application/json' })
        .send(body);
      expectProblem(response, 400, { code: 'BAD_REQUEST' });
    },
  );

  it('takes no prototype from a body', async () => {
    const response = await bench.api
      .put('/api/v1/routes/users')
      .set({ ...create, 'Content-Type': 'application/json' })
      .send(`{"__proto__":{"topics":["${topicA}"]}}`);
    expectProblem(response, 400, { code: 'BAD_REQUEST' });
    expect(Object.prototype).not.toHaveProperty('topics');
  });

  it.each(['?dryRun=yes', '?dryRun=', '?dryRun=true&dryRun=true', '?dryrun=true', '?dryRun[a]=true'])(
    'answers 400 to %s, lest something be changed by mistake',
    async (query) => {
      expectProblem(await bench.put(`users${query}`, [topicA], create), 400, { code: 'BAD_REQUEST' });
      expect(bench.topic.records).toEqual([]);
    },
  );

  it.each<[string, string, readonly string[], string, string]>([
    ['a table name that DynamoDB would refuse', 'ab', [topicA], 'table', 'table-name'],
    ['no topics', 'users', [], 'topics', 'topics-min'],
    ['eleven topics', 'users', Array.from({ length: 11 }, (_, i) => `${topicA}${i}`), 'topics', 'topics-max'],
    ['a topic twice', 'users', [topicA, topicA], 'topics[1]', 'topic-duplicate'],
    ["another service's topic", 'users', ['payments'], 'topics[0]', 'topic-prefix'],
    ['a table topic', 'users', ['tidemark.cdc.users'], 'topics[0]', 'topic-reserved'],
    ['the routing topic', 'users', ['tidemark.routes'], 'topics[0]', 'topic-reserved'],
    ['a topic that Kafka would refuse', 'users', ['tidemark.cache.ü'], 'topics[0]', 'topic-name'],
  ])('answers 422 to %s', async (_, table, topics, field, rule) => {
    const response = await bench.put(table, topics, create);
    expectProblem(response, 422, { code: 'ROUTE_INVALID', field, rule });
    expect(bench.topic.records).toEqual([]);
  });

  it('answers 422 to a topic with another partition count', async () => {
    bench.topics.topics.set('tidemark.cdc.users', 4).set(topicA, 8);
    expectProblem(await bench.put('users', [topicA], create), 422, { field: 'topics[0]', rule: 'partition-count' });
  });

  it.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'multipart/form-data',
  ])('answers 415 to Content-Type %s', async (type) => {
    const test = bench.api.put('/api/v1/routes/users').set(create);
    if (type !== undefined) test.set('Content-Type', type);
    expectProblem(await test.send(Buffer.from('{"topics":["a"]}')), 415, { code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  it('answers 415 to a compressed body', async () => {
    const response = await bench.api
      .put('/api/v1/routes/users')
      .set({ ...create, 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      .send('{}');
    expectProblem(response, 415, { code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  it('answers 413 to a body over 64 KiB, announced or not, and takes one of 64 KiB', async () => {
    const body = (bytes: number): string => `{"topics":["${'x'.repeat(bytes - 15)}"]}`;
    const send = (text: string) => bench.api.put('/api/v1/routes/users').set(create).type('json').send(text);
    expect(body(65_536)).toHaveLength(65_536);
    expectProblem(await send(body(65_536)), 422, { rule: 'topic-name' });
    expectProblem(await send(body(65_537)), 413, { code: 'PAYLOAD_TOO_LARGE' });
    const chunked = await fetch(`${bench.url}/api/v1/routes/users`, {
      method: 'PUT',
      headers: { ...create, 'content-type': 'application/json' },
      body: new Blob([body(65_537)]).stream(),
      duplex: 'half',
    });
    expect([chunked.status, await chunked.json()]).toEqual([
      413,
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    ]);
  });

  it('lets one of many concurrent changes of one version through', async () => {
    await bench.put('users', [topicA], create);
    const topics = Array.from({ length: 8 }, (_, i) => `${topicB}${i}`);
    const responses = await Promise.all(topics.map((topic) => bench.put('users', [topic], at(1))));
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412, 412, 412]);
    expect(bench.topic.routes).toHaveLength(2);
  });
});

describe('DELETE /routes/:table', () => {
  it('deletes the version that If-Match names', async () => {
    await bench.put('users', [topicA], create);
    const response = await bench.api.delete('/api/v1/routes/users').set(at(1));
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ version: 2, deleted: true, topics: [], diff: { removed: [topicA] } });
    expectProblem(await bench.api.get('/api/v1/routes/users'), 404, { code: 'ROUTE_NOT_FOUND' });
    const back = await bench.put('users', [topicA], create);
    expect([back.status, back.body]).toEqual([201, expect.objectContaining({ version: 3, since: { [topicA]: 3 } })]);
  });

  it('deletes nothing under dryRun', async () => {
    await bench.put('users', [topicA], create);
    const response = await bench.api.delete('/api/v1/routes/users?dryRun=true').set(at(1));
    expect(response.body).toMatchObject({ version: 2, deleted: true, dryRun: true, written: false });
    expect((await bench.api.get('/api/v1/routes/users')).status).toBe(200);
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['without a precondition', {}, 428, 'PRECONDITION_REQUIRED'],
    ['with If-None-Match', create, 428, 'PRECONDITION_REQUIRED'],
    ['with another version', at(2), 412, 'ROUTE_CONFLICT'],
    ['with a tag that is none', { 'If-Match': 'x' }, 400, 'BAD_REQUEST'],
  ])('refuses %s', async (_, headers, status, code) => {
    await bench.put('users', [topicA], create);
    expectProblem(await bench.api.delete('/api/v1/routes/users').set(headers), status, { code });
  });

  it('answers 404 for what is not there', async () => {
    expectProblem(await bench.api.delete('/api/v1/routes/users').set(at(1)), 404, { code: 'ROUTE_NOT_FOUND' });
  });
});

describe('GET /routes/:table/history', () => {
  it('lists changes, newest first, deletions included', async () => {
    await bench.put('users', [topicA], create);
    await bench.put('users', [topicB], at(1));
    await bench.api.delete('/api/v1/routes/users').set(at(2));
    const response = await bench.api.get('/api/v1/routes/users/history');
    const { table, changes } = response.body as { table: string; changes: { version: number; deleted: boolean }[] };
    expect([response.status, table]).toEqual([200, 'users']);
    expect(changes.map(({ version, deleted }) => [version, deleted])).toEqual([
      [3, true],
      [2, false],
      [1, false],
    ]);
  });

  it('answers 404 for a table that never had a route', async () => {
    expectProblem(await bench.api.get('/api/v1/routes/users/history'), 404, { code: 'ROUTE_NOT_FOUND' });
  });
});

describe('when Kafka fails', () => {
  it('answers 503 with the reason, and when to come back', async () => {
    bench.topics.failure = new TidemarkError('FEED_UNAVAILABLE', 'kafka: no broker answers', { retriable: true });
    const response = await bench.put('users', [topicA], create);
    expectProblem(response, 503, { code: 'FEED_UNAVAILABLE', detail: 'kafka: no broker answers' });
    expect(response.headers['retry-after']).toBe('1');
  });

  it('answers 503 when the record was not acknowledged', async () => {
    bench.log.failNextAppend(false);
    expectProblem(await bench.put('users', [topicA], create), 503, { code: 'PUBLISH_FAILED' });
  });

  it('answers 502 when the brokers refuse it', async () => {
    bench.topics.failure = new TidemarkError('ACCESS_DENIED', 'kafka: not allowed', { retriable: false });
    expectProblem(await bench.put('users', [topicA], create), 502, { code: 'ACCESS_DENIED' });
  });

  it('answers 500 to what nobody expected, and tells the log alone', async () => {
    bench.topics.failure = new Error('secret');
    const response = await bench.put('users', [topicA], create);
    expectProblem(response, 500, { code: 'INTERNAL' });
    expect(response.text).not.toContain('secret');
    expect(bench.logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { error: bench.topics.failure } },
    ]);
  });
});

it('answers 409 once to a change after another writer, and takes over for the next', async () => {
  await bench.put('users', [topicA], create);
  bench.write({ table: 'orders', writerEpoch: 9 });
  expectProblem(await bench.put('users', [topicB], at(1)), 409, { code: 'ROUTE_CONFLICT', rule: 'superseded' });
  expect((await bench.put('users', [topicB], at(1))).status).toBe(200);
  expect(bench.topic.routes.at(-1)).toMatchObject({ writerEpoch: 10 });
});
