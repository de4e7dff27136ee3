import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeElection, FakeRouteHistory, FakeRouteLog, FakeTopicAdmin } from '@tidemark/control/testing';
import { eventually } from '@tidemark/runtime/testing';

import { resolveAdminOptions } from './admin-options.js';
import { startAdmin } from './start-admin.js';
import { AdminBench, at, create, topicA } from './testing/admin-bench.js';

const stamp = { changedAt: 0, changedBy: 'other' };
const route = { table: 'users', version: 1, writerEpoch: 1, topics: { [topicA]: 1 }, deleted: false, ...stamp };
const benches: AdminBench[] = [];
function bench(): AdminBench {
  const made = new AdminBench();
  benches.push(made);
  return made;
}
afterEach(async () => {
  for (const each of benches.splice(0)) await each.close();
});

describe('where it listens', () => {
  const parts = { log: new FakeRouteLog(), topics: new FakeTopicAdmin() };

  it.each(['0.0.0.0', '::', '10.0.0.1', 'admin.example.com', '127.0.0.1.example.com'])(
    'refuses %s without a token',
    async (host) => {
      await expect(startAdmin({ ...parts, host })).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
        context: { field: 'host' },
      });
    },
  );

  it('takes any host with a token', () => {
    expect(resolveAdminOptions({ ...parts, host: '0.0.0.0', token: 'x'.repeat(16) }).host).toBe('0.0.0.0');
  });

  it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('takes %s without one', (host) => {
    expect(resolveAdminOptions({ ...parts, host }).host).toBe(host);
  });

  it.each(['', 'short', 'a token with spaces', 'ein-längeres-token'])('refuses the token %j', (token) => {
    expect(() => resolveAdminOptions({ ...parts, token })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });

  it('takes a free port by default and says which', async () => {
    const [first, second] = [await bench().open(), await bench().open()];
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(first.url).not.toBe(second.url);
  });

  it('fails when the port is taken, and lets go of everything', async () => {
    const { url } = await bench().open();
    const log = new FakeRouteLog();
    await expect(startAdmin({ log, topics: parts.topics, port: Number(new URL(url).port) })).rejects.toThrow(
      'EADDRINUSE',
    );
    await log.open({ onRoute: () => undefined, onUnreadable: () => undefined });
  });

  it('fails when the log cannot be opened', async () => {
    const log = new FakeRouteLog();
    log.open = () => Promise.reject(new Error('no broker'));
    await expect(startAdmin({ log, topics: parts.topics })).rejects.toThrow('no broker');
  });
});

describe('health', () => {
  it('is live and ready once the table is read', async () => {
    const on = await bench().open();
    expect((await on.api.get('/health/live')).body).toEqual({ live: true });
    const ready = await on.api.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([200, { ready: true, detail: { state: 'writer', routes: 0 } }]);
  });

  it('is live, not ready, and answers 503 while the table is being read', async () => {
    const on = bench();
    const read: { done: () => void } = { done: () => undefined };
    const open = on.log.open.bind(on.log);
    on.log.open = async (handler) => {
      await new Promise<void>((resolve) => (read.done = resolve));
      await open(handler);
    };
    const opened = on.open();
    const listening = () => on.logger.lines.find(({ message }) => message === 'admin: listening');
    await eventually('it listens', () => listening() !== undefined);
    const url = String(listening()?.fields['url']);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const ready = await fetch(`${url}/health/ready`);
    const detail = { state: 'closed', routes: 0, reason: 'the routing table is being read' };
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, detail }]);
    on.log.problem = 'connect ECONNREFUSED 127.0.0.1:9092';
    const down = (await (await fetch(`${url}/health/ready`)).json()) as { readonly detail: unknown };
    expect(down.detail).toMatchObject({ reason: 'the routing topic: connect ECONNREFUSED 127.0.0.1:9092' });
    on.log.problem = undefined;
    const list = await fetch(`${url}/api/v1/routes`);
    expect([list.status, await list.json()]).toEqual([503, expect.objectContaining({ code: 'CLOSED' })]);
    read.done();
    await opened;
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  });

  it('is not ready while the log holds records of a newer major version', async () => {
    const on = bench();
    on.topic.writeRaw('users', '{"v":"2.0"}');
    await on.open();
    const ready = await on.api.get('/health/ready');
    const reason = expect.stringContaining('2.0') as unknown;
    const detail = { state: 'unsupported', routes: 0, reason };
    expect([ready.status, ready.body]).toEqual([503, { ready: false, detail }]);
    expect((await on.put('users', [topicA], create)).body).toMatchObject({ code: 'UNSUPPORTED_VERSION', status: 503 });
  });

  it('is not ready while Kafka does not answer, says why, and is ready again afterwards', async () => {
    const on = await bench().open();
    on.log.problem = 'the brokers do not answer';
    const down = await on.api.get('/health/ready');
    const detail = { state: 'writer', routes: 0, reason: 'the routing topic: the brokers do not answer' };
    expect([down.status, down.body]).toEqual([503, { ready: false, detail }]);
    expect((await on.api.get('/health/live')).status).toBe(200);
    on.log.problem = undefined;
    expect((await on.api.get('/health/ready')).status).toBe(200);
  });

  it('fails readiness as soon as the process is told to stop, and goes on serving', async () => {
    const stopping = new AbortController();
    const on = await bench().open({ stopping: stopping.signal });
    stopping.abort();
    const ready = await on.api.get('/health/ready');
    const detail = { state: 'stopping', routes: 0, reason: 'the process stops' };
    expect([ready.status, ready.body]).toEqual([503, { ready: false, detail }]);
    expect((await on.api.get('/api/v1/routes')).status).toBe(200);
  });
});

describe('with an election', () => {
  it('is ready once it is decided, also where another one takes changes, which it names', async () => {
    const on = bench();
    const election = new FakeElection();
    election.problem = 'no broker';
    on.topic.write(route);
    await on.open({ election });
    const early = await on.api.get('/health/ready');
    const reason = 'which process takes changes is being decided: no broker';
    expect([early.status, early.body]).toEqual([
      503,
      { ready: false, detail: { state: 'standby', routes: 1, reason } },
    ]);
    election.decide(false, 'admin-2');
    const detail = { state: 'standby', routes: 1, leader: 'admin-2' };
    const ready = await on.api.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([200, { ready: true, detail }]);
    const leader = await on.api.get('/health/leader');
    expect([leader.status, leader.body]).toEqual([503, { ready: true, detail }]);
  });

  it('is ready once it takes changes, where it is the one that is elected', async () => {
    const on = bench();
    const election = new FakeElection();
    const read: { done: () => void } = { done: () => undefined };
    await on.open({ election });
    on.log.barrier = () => new Promise((resolve) => (read.done = resolve));
    election.decide(true);
    const early = await on.api.get('/health/ready');
    const detail = { state: 'standby', routes: 0, reason: 'this process is about to take changes' };
    expect([early.status, early.body]).toEqual([503, { ready: false, detail }]);
    on.log.barrier = async () => undefined;
    read.done();
    await eventually('it is ready', async () => (await on.api.get('/health/ready')).status === 200);
    expect((await on.put('users', [topicA], create)).status).toBe(201);
  });

  it('refuses changes with who takes them, and serves reads', async () => {
    const on = bench();
    const election = new FakeElection();
    on.topic.write(route);
    await on.open({ election });
    election.decide(false, 'admin-2');
    const refused = await on.put('users', [topicA], at(1));
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(refused.body).toMatchObject({ code: 'NOT_WRITER', leader: 'admin-2' });
    expect((await on.api.post('/api/v1/routes/users/pause').set(at(1))).body).toMatchObject({ code: 'NOT_WRITER' });
    expect((await on.api.get('/api/v1/routes/users')).status).toBe(200);
    expect((await on.api.get('/api/v1/routing-table')).status).toBe(200);
    expect(on.topic.records).toHaveLength(1);
    expect(on.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is not ready once a newer release has written, and leaves the election to that', async () => {
    const on = bench();
    const election = new FakeElection();
    await on.open({ election });
    election.decide(true);
    on.topic.writeRaw('users', '{"v":"2.0"}');
    election.decide(false, 'admin-2');
    const ready = await on.api.get('/health/ready');
    expect([ready.status, ready.body]).toMatchObject([503, { ready: false, detail: { state: 'unsupported' } }]);
    expect(election.closed).toBe(true);
  });

  it('leads while it is elected', async () => {
    const on = bench();
    const election = new FakeElection();
    await on.open({ election });
    election.decide(true);
    await eventually('it leads', async () => (await on.api.get('/health/leader')).status === 200);
    expect((await on.put('users', [topicA], create)).status).toBe(201);
    election.decide(false);
    expect((await on.api.get('/health/leader')).status).toBe(503);
    expect((await on.api.get('/metrics')).text).toContain('tidemark_routing_writer 0');
    await on.close();
    expect(election.closed).toBe(true);
  });
});

describe('with a history', () => {
  it('tells who did what, also to an admin that began later, and after it has forgotten', async () => {
    const history = new FakeRouteHistory();
    const on = await bench().open({ history });
    await on.put('users', [topicA], create).set('X-Tidemark-Actor', 'jane');
    await on.api.post('/api/v1/routes/users/pause').set(at(1)).set('X-Tidemark-Actor', 'joe');
    on.topic.compact();
    const later = bench();
    await later.open({ log: new FakeRouteLog(on.topic), history });
    const { body } = (await later.api.get('/api/v1/routes/users/history')) as { readonly body: unknown };
    const changes = [
      { version: 2, operation: 'pause', changedBy: 'joe', paused: true, before: { version: 1, paused: false } },
      { version: 1, operation: 'put', changedBy: 'jane', before: null },
    ];
    expect(body).toMatchObject({ table: 'users', complete: true, changes });
  });

  it('changes routes though nothing can be kept of it, counts it, and tells what it has seen itself', async () => {
    const history = new FakeRouteHistory();
    history.failure = new Error('no broker');
    const on = await bench().open({ history });
    expect((await on.put('users', [topicA], create)).status).toBe(201);
    expect((await on.api.get('/metrics')).text).toContain('tidemark_routing_history_failures_total 1');
    const { body } = (await on.api.get('/api/v1/routes/users/history')) as { readonly body: unknown };
    expect(body).toMatchObject({ complete: false, changes: [{ version: 1, operation: null }] });
    const unknown = await on.api.get('/api/v1/routes/orders/history');
    expect([unknown.status, unknown.body]).toMatchObject([503, { code: 'FEED_UNAVAILABLE' }]);
    await on.close();
    expect(history.closed).toBe(true);
  });
});

it('serves its metrics', async () => {
  const on = await bench().open();
  await on.put('users', [topicA], create);
  const response = await on.api.get('/metrics');
  expect(response.headers['content-type']).toMatch(/^text\/plain; version=/);
  expect(response.text).toContain('tidemark_routing_routes 1');
  expect(response.text).toContain('tidemark_routing_changes_total{operation="put"} 1');
});

describe('close', () => {
  it('lets a change in hand end', async () => {
    const on = await bench().open();
    const append: { go: () => void; begun: boolean } = { go: () => undefined, begun: false };
    on.log.beforeAppend = () => {
      append.begun = true;
      return new Promise<void>((resolve) => (append.go = resolve));
    };
    const put = on.put('users', [topicA], create).then(({ status }) => status);
    await eventually('the change is being written', () => append.begun);
    const closed = on.close();
    append.go();
    expect(await put).toBe(201);
    await closed;
    await expect(fetch(`${on.url}/health/live`)).rejects.toThrow();
  });

  it('cuts off what does not end in time, and may be called twice', async () => {
    const on = await bench().open({ drainTimeoutMs: 50 });
    const { hostname, port } = new URL(on.url);
    const socket = connect(Number(port), hostname);
    const cut = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.write(
      'PUT /api/v1/routes/users HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\nExpect: 100-continue\r\n',
    );
    socket.write('Content-Type: application/json\r\nContent-Length: 100\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    await Promise.all([on.close(), on.close()]);
    await cut;
  });
});
