import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Response } from 'supertest';

import { AdminBench, at, create, topicA, topicB } from './testing/admin-bench.js';

let bench: AdminBench;
beforeEach(async () => {
  bench = new AdminBench();
  await bench.open({ clock: bench.clock });
  await bench.put('users', [topicA], create);
});
afterEach(() => bench.close());

const url = (what: string): string => `/api/v1/routes/users/${what}`;
const move = (to: unknown, version: number): Promise<Response> =>
  Promise.resolve(bench.api.put(url('move')).set(at(version)).send({ to }));
const rollBack = (version: number): Promise<Response> =>
  Promise.resolve(bench.api.delete(url('move')).set(at(version)));
const post = (what: 'pause' | 'resume', version: number): Promise<Response> =>
  Promise.resolve(bench.api.post(url(what)).set(at(version)));
const route = async (): Promise<unknown> => (await bench.api.get('/api/v1/routes/users')).body;

describe('PUT /routes/:table/move', () => {
  it('goes by way of both topics, and says from where and until when', async () => {
    const response = await move(topicB, 1);
    expect([response.status, response.headers['etag']]).toEqual([200, '"2"']);
    expect(response.body).toMatchObject({
      topics: [topicA, topicB],
      since: { [topicA]: 1, [topicB]: 2 },
      followed: topicB,
      move: { to: topicB, from: [topicA], until: expect.stringMatching(/Z$/) as unknown },
      diff: { added: [topicB], kept: [topicA], removed: [] },
      written: true,
    });
    expect(bench.topics.topics.get(topicB)).toBe(4);
  });

  it('is only worked out by a dry run', async () => {
    const response = await bench.api
      .put(`${url('move')}?dryRun=true`)
      .set(at(1))
      .send({ to: topicB });
    expect([response.status, response.body]).toMatchObject([200, { dryRun: true, written: false }]);
    expect(await route()).toMatchObject({ version: 1, move: null });
  });

  it.each<[unknown, number, object]>([
    [topicB, 9, { status: 412, currentVersion: 1 }],
    ['elsewhere', 1, { status: 422, field: 'to', rule: 'topic-prefix' }],
    [7, 1, { status: 400, field: 'to' }],
    [undefined, 1, { status: 400 }],
  ])('to %p at version %p is refused', async (to, version, problem) => {
    expect((await move(to, version)).body).toMatchObject(problem);
    expect(await route()).toMatchObject({ version: 1 });
  });

  it('needs a version', async () => {
    expect((await bench.api.put(url('move')).send({ to: topicB })).status).toBe(428);
    expect((await bench.api.delete(url('move'))).status).toBe(428);
    expect((await bench.api.post(url('pause'))).status).toBe(428);
  });

  it('is rolled back to where it began', async () => {
    await move(topicB, 1);
    const response = await rollBack(2);
    expect(response.body).toMatchObject({
      version: 3,
      since: { [topicA]: 1 },
      move: null,
      diff: { removed: [topicB] },
    });
    expect((await rollBack(3)).body).toMatchObject({ status: 422, rule: 'move-none' });
  });

  it('ends by itself once pods have followed', async () => {
    await move(topicB, 1);
    bench.pods = [{ pod: 'p', service: 's', tables: { users: { topics: [topicB], progress: [0] } }, leaving: false }];
    await bench.clock.advance(2_000);
    expect(await route()).toMatchObject({ version: 3, since: { [topicB]: 2 }, move: null, changedBy: 'move' });
  });

  it('ends by itself after 60 s, and goes on in an admin that comes after its writer', async () => {
    await move(topicB, 1);
    await bench.close();
    await bench.reopen();
    await bench.clock.advance(59_000);
    expect(await route()).toMatchObject({ version: 2 });
    await bench.clock.advance(3_000);
    expect(await route()).toMatchObject({ version: 3, topics: [topicB], move: null });
  });
});

describe('POST /routes/:table/pause and resume', () => {
  it('pauses, and goes on with the since of before', async () => {
    const paused = await post('pause', 1);
    expect([paused.status, paused.headers['etag'], paused.body]).toMatchObject([
      200,
      '"2"',
      { paused: true, since: { [topicA]: 1 }, written: true },
    ]);
    expect((await post('pause', 2)).body).toMatchObject({ version: 2, written: false });
    expect((await post('resume', 2)).body).toMatchObject({ version: 3, paused: false, since: { [topicA]: 1 } });
  });

  it('answers 412 to who has seen another version, and 404 for a table without a route', async () => {
    expect((await post('pause', 7)).status).toBe(412);
    expect((await bench.api.post('/api/v1/routes/nobody/pause').set(at(1))).status).toBe(404);
    expect((await bench.api.get(url('pause'))).status).toBe(405);
  });
});

describe('POST /routes/:table/rewind', () => {
  const rewind = (body: unknown, version: number, query = ''): Promise<Response> =>
    Promise.resolve(
      bench.api
        .post(url('rewind') + query)
        .set(at(version))
        .send(body as object),
    );
  const past = (): string => new Date(bench.clock.now() - 60_000).toISOString();

  it('says what is sent again, and leaves the rest of the route as it is', async () => {
    const to = past();
    const response = await rewind({ to }, 1);
    expect([response.status, response.headers['etag'], response.body]).toMatchObject([
      200,
      '"2"',
      { rewind: { to, keys: null }, since: { [topicA]: 1 }, diff: { kept: [topicA] }, written: true },
    ]);
    const keys = { from: 'users:a', to: 'users:é' };
    const replay = await rewind({ to, keys }, 2);
    expect(replay.body).toMatchObject({ version: 3, rewind: { to, keys } });
    const [first, second] = [response, replay].map(({ body }) => (body as { rewind: { id: number } }).rewind.id);
    expect(second).toBeGreaterThan(first ?? Infinity);
  });

  it('reads times of other zones, and is only worked out by a dry run', async () => {
    const response = await rewind({ to: '1970-01-01T01:00:00.000+01:00' }, 1, '?dryRun=true');
    expect(response.body).toMatchObject({ rewind: { to: '1970-01-01T00:00:00.000Z' }, written: false });
    expect(await route()).toMatchObject({ version: 1, rewind: null });
  });

  it.each<[string, () => unknown, number, object]>([
    ['another version', () => ({ to: past() }), 9, { status: 412 }],
    [
      'the future',
      () => ({ to: new Date(bench.clock.now() + 1_000).toISOString() }),
      1,
      { status: 422, field: 'to', rule: 'rewind-to' },
    ],
    [
      'before there was time',
      () => ({ to: '1969-12-31T23:59:59Z' }),
      1,
      { status: 422, field: 'to', rule: 'rewind-to' },
    ],
    [
      'keys the wrong way round',
      () => ({ to: past(), keys: { from: 'b', to: 'a' } }),
      1,
      { status: 422, field: 'keys', rule: 'rewind-keys' },
    ],
    ['half a range', () => ({ to: past(), keys: { from: 'b' } }), 1, { status: 400, field: 'keys.to' }],
    ['a time that is none', () => ({ to: 'yesterday' }), 1, { status: 400, field: 'to' }],
    ['milliseconds', () => ({ to: 5 }), 1, { status: 400, field: 'to' }],
    ['a field that is none', () => ({ to: past(), key: 'a' }), 1, { status: 400 }],
  ])('refuses %s', async (_what, body, version, problem) => {
    expect((await rewind(body(), version)).body).toMatchObject(problem);
    expect(await route()).toMatchObject({ version: 1 });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded'])('refuses a body of type %s', async (type) => {
    const response = await bench.api.post(url('rewind')).set(at(1)).set('Content-Type', type).send('to=5');
    expect(response.body).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', field: 'Content-Type' });
  });

  it('needs a version, and a route', async () => {
    expect((await bench.api.post(url('rewind')).send({ to: past() })).status).toBe(428);
    expect((await bench.api.post('/api/v1/routes/nobody/rewind').set(at(1)).send({ to: past() })).status).toBe(404);
  });
});

describe('PUT /routes/:table with limits', () => {
  const put = (body: object, version: number): Promise<Response> =>
    Promise.resolve(bench.api.put('/api/v1/routes/users').set(at(version)).send(body));

  it('shows what each topic is limited to, and since when', async () => {
    const limited = { [topicB]: { services: ['orders'], buckets: ['users', 'roles'] } };
    expect((await put({ topics: [topicA], limited }, 1)).body).toMatchObject({
      topics: [topicA],
      limited: { [topicB]: { since: 2, services: ['orders'], buckets: ['roles', 'users'] } },
      followed: topicA,
    });
    expect((await put({ topics: [topicA] }, 2)).body).toMatchObject({ version: 3, limited: {} });
  });

  it.each<[object, object]>([
    [{ topics: [topicA], limited: { [topicA]: { services: ['s'] } } }, { rule: 'topic-duplicate' }],
    [
      { topics: [topicA], limited: { [topicB]: {} } },
      { field: `limited.${topicB}`, rule: 'limit' },
    ],
    [{ topics: [topicA], limited: { [topicB]: { services: [] } } }, { rule: 'limit' }],
    [{ topics: [topicA], limited: { [topicB]: { buckets: ['A B'] } } }, { rule: 'limit' }],
    [{ topics: [topicA], limited: { elsewhere: { services: ['s'] } } }, { rule: 'topic-prefix' }],
    [{ topics: [topicA], limited: { [topicB]: { since: 1 } } }, { status: 400 }],
    [{ topics: [], limited: {} }, { rule: 'topics-min' }],
  ])('refuses %j', async (body, problem) => {
    expect((await put(body, 1)).body).toMatchObject(problem);
  });
});
