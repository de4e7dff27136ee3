import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type AdminService, startAdmin } from '@tidemark/admin';
import { FakeRouteLog, FakeRoutingTopic, FakeTopicAdmin } from '@tidemark/control/testing';
import { encodeRoute } from '@tidemark/protocol';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { ask, expectNothingTold, misses, type Sent, secretTopic, token } from './admin-door.js';
import { fuzzAsync } from './fuzz.js';
import { goldenBytes } from './golden.js';

const json = { 'content-type': 'application/json', 'x-tidemark-actor': 'jane' };
const put = { ...json, 'if-none-match': '*' };
const change = { ...json, 'if-match': '"1"' };
const requests: readonly Sent[] = [
  { method: 'GET', path: '/api/v1/routes', headers: {}, body: null },
  { method: 'GET', path: '/api/v1/routes/users/history', headers: {}, body: null },
  { method: 'GET', path: '/api/v1/openapi.json', headers: {}, body: null },
  { method: 'GET', path: '/metrics', headers: {}, body: null },
  { method: 'GET', path: '/api/v1/routing-table', headers: {}, body: null },
  { method: 'PUT', path: '/api/v1/routes/users', headers: put, body: { topics: ['tidemark.cache.a'] } },
  { method: 'PUT', path: '/api/v1/routes/users?dryRun=true', headers: put, body: { topics: ['tidemark.cache.a'] } },
  {
    ...{ method: 'PUT', path: '/api/v1/routes/users', headers: put },
    body: { topics: ['tidemark.cache.a'], limited: { 'tidemark.cache.b': { services: ['s'], buckets: ['users'] } } },
  },
  { method: 'DELETE', path: '/api/v1/routes/users', headers: change, body: null },
  { method: 'PUT', path: '/api/v1/routes/users/move', headers: change, body: { to: 'tidemark.cache.b' } },
  { method: 'DELETE', path: '/api/v1/routes/users/move', headers: change, body: null },
  ...['pause', 'resume'].map((verb) => {
    return { method: 'POST', path: `/api/v1/routes/users/${verb}`, headers: change, body: null };
  }),
  {
    ...{ method: 'POST', path: '/api/v1/routes/users/rewind', headers: change },
    body: { to: '2023-11-14T22:13:20Z', keys: { from: 'users:a', to: 'users:b' } },
  },
  ...goldenDumps().map((routes) => {
    const body = { writerEpoch: 3, exportedAt: '2023-11-14T22:13:20Z', routes };
    return { method: 'PUT', path: '/api/v1/routing-table', headers: json, body };
  }),
];
const corpus = requests.map((sent) => Buffer.from(JSON.stringify(sent)));
const rawCorpus = requests.map(({ method, path, headers, body }) => {
  const text = body === null ? '' : JSON.stringify(body);
  const lines = Object.entries({
    host: 'admin',
    ...headers,
    'content-length': String(text.length),
    connection: 'close',
  });
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${lines.map((line) => line.join(': ')).join('\r\n')}\r\n\r\n${text}`,
  );
});

/** One that has a token, and one on the loopback address that has none. */
const topics = { closed: new FakeRoutingTopic(), open: new FakeRoutingTopic() };
const services: Partial<Record<'closed' | 'open', AdminService>> = {};
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

beforeAll(async () => {
  const route = { table: 'secrets', version: 1, writerEpoch: 1, topics: { [secretTopic]: 1 }, deleted: false };
  for (const name of ['closed', 'open'] as const) {
    const topic = topics[name];
    topic.write({ ...route, changedAt: 0, changedBy: 'fuzz' });
    services[name] = await startAdmin({
      ...{ log: new FakeRouteLog(topic), topics: new FakeTopicAdmin({ 'tidemark.cache.a': 4, 'tidemark.cache.b': 4 }) },
      ...(name === 'closed' ? { token } : {}),
    });
  }
});
afterAll(async () => {
  agent.destroy();
  await Promise.all(Object.values(services).map((service) => service.close()));
});

const urlOf = (name: 'closed' | 'open'): URL => new URL(services[name]?.url ?? '');

it('answers whatever comes with a status that is no 5xx', async () => {
  const statuses = new Set<number>();
  await fuzzAsync({ corpus, runs: 8_000, atOnce: 16 }, async (input) => {
    const answer = await ask(urlOf('open'), sentOf(input), undefined, agent);
    if (answer === undefined) return;
    statuses.add(answer.status);
    if (answer.status >= 500) throw new Error(`${answer.status}: ${answer.text}`);
  });
  expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 404, 412]));
  expect(
    (await ask(urlOf('open'), { method: 'GET', path: '/health/ready', headers: {}, body: null }, undefined, agent))
      ?.status,
  ).toBe(200);
}, 600_000);

it('tells nothing, and changes nothing, without the token', async () => {
  const before = topics.closed.records.length;
  const statuses = new Set<number>();
  let n = 0;
  await fuzzAsync({ corpus, runs: 8_000, atOnce: 16 }, async (input) => {
    const sent = sentOf(input);
    const answer = await ask(urlOf('closed'), sent, misses[(n += 1) % misses.length], agent);
    if (answer === undefined) return;
    statuses.add(answer.status);
    expectNothingTold(answer, sent.path);
  });
  expect(statuses.has(401)).toBe(true);
  expect(topics.closed.records).toHaveLength(before);
}, 600_000);

it('the same for bytes that are hardly HTTP', async () => {
  const before = topics.closed.records.length;
  await fuzzAsync({ corpus: rawCorpus, runs: 4_000, atOnce: 16 }, async (input) => {
    const text = await exchange(Number(urlOf('closed').port), input);
    for (const [, status = ''] of text.matchAll(/^HTTP\/1\.1 (\d{3})/gm))
      if (Number(status) >= 500 && Number(status) !== 501) throw new Error(text.slice(0, 500));
    if (text.includes(secretTopic)) throw new Error('it tells the routes');
  });
  expect(topics.closed.records).toHaveLength(before);
}, 600_000);

it('serves both the same way to those who may', async () => {
  const list: Sent = { method: 'GET', path: '/api/v1/routes', headers: {}, body: null };
  const allowed = await ask(urlOf('closed'), list, `Bearer ${token}`, agent);
  expect(allowed).toMatchObject({ status: 200 });
  expect(allowed?.text).toContain(secretTopic);
  expect(topics.closed.records.map(({ bytes }) => bytes)).toEqual([
    encodeRoute({
      ...{ table: 'secrets', version: 1, writerEpoch: 1, topics: { [secretTopic]: 1 }, deleted: false },
      ...{ changedAt: 0, changedBy: 'fuzz' },
    }),
  ]);
});

/** Exports, of one route of a golden file each. */
function goldenDumps(): readonly (readonly unknown[])[] {
  return goldenBytes('routes.json').map((bytes) => [JSON.parse(bytes.toString('utf8')) as unknown]);
}

const base: Sent = { method: 'PUT', path: '/api/v1/routes/users', headers: put, body: null };

/** Whatever is left of a request; what is none becomes a body. */
function sentOf(input: Uint8Array): Sent {
  const text = Buffer.from(input).toString('latin1');
  try {
    const sent = JSON.parse(text) as Partial<Sent> | null;
    if (typeof sent !== 'object' || sent === null) return { ...base, body: sent };
    const { method = 'PUT', path = base.path, headers = {}, body = null } = sent;
    return { method: String(method), path: String(path), headers: headersOf(headers), body };
  } catch {
    return { ...base, body: text };
  }
}

function headersOf(headers: unknown): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null) return {};
  const mayBreakFrames = ['content-length', 'transfer-encoding', 'expect', 'upgrade', 'connection', 'host'];
  const entries = Object.entries(headers).filter(([name]) => !mayBreakFrames.includes(name.toLowerCase()));
  return Object.fromEntries(entries.map(([name, value]) => [name, JSON.stringify(value).replaceAll(/^"|"$/g, '')]));
}

/** Sends the bytes; resolves to whatever comes until the end, or half a second of silence. */
function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(bytes));
    socket.setTimeout(500, () => socket.destroy());
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(text));
  });
}
