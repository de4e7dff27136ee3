import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type AdminService, startAdmin } from '@tidemark/admin';
import { FakeRouteLog, FakeRoutingTopic, FakeTopicAdmin } from '@tidemark/control/testing';
import { Agent } from 'node:http';
import { type Answer, ask, expectNothingTold, misses, openPaths, secretTopic, token } from './admin-door.js';
import { fuzzAsync } from './fuzz.js';

const topic = new FakeRoutingTopic();
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
let service: AdminService;

beforeAll(async () => {
  topic.write({
    ...{ table: 'users', version: 1, writerEpoch: 1, topics: { [secretTopic]: 1 }, deleted: false },
    ...{ changedAt: 0, changedBy: 'fuzz' },
  });
  const topics = new FakeTopicAdmin({ [secretTopic]: 4, 'tidemark.cache.a': 4 });
  service = await startAdmin({ log: new FakeRouteLog(topic), topics, token });
});
afterAll(async () => {
  agent.destroy();
  await service.close();
});

type Paths = Readonly<Record<string, Readonly<Record<string, { readonly security?: unknown }>>>>;

/** The bodies that the operations take, and one that none does. */
const bodies: readonly unknown[] = [
  { topics: ['tidemark.cache.a'] },
  { to: 'tidemark.cache.a' },
  { to: '2023-11-14T22:13:20Z' },
  { writerEpoch: 1, routes: [] },
  null,
];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
/** Other ways to write an address, by which a check of it and what is behind it may take it for two. */
const spellings: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `${path}/`,
  (path) => `/${path}`,
  (path) => path.toUpperCase(),
  (path) => `/health/live/..${path}`,
  (path) => `/health/live%2f..${path}`,
  (path) => `/metrics/../${path}`,
  (path) => `/health/live;${path}`,
  (path) => `${path}?path=/health/live`,
  (path) => `${path}#/metrics`,
  (path) => path.replace('/api', '/%61pi'),
  (path) => `http://admin/health/live${path}`,
];

async function knock(
  method: string,
  path: string,
  authorization: string | undefined,
  body: unknown = null,
): Promise<Answer | undefined> {
  const headers = { 'if-match': '"1"', 'content-type': 'application/json' };
  const hasNoBody = ['GET', 'HEAD', 'TRACE', 'OPTIONS'].includes(method);
  return ask(new URL(service.url), { method, path, headers, body: hasNoBody ? null : body }, authorization, agent);
}

async function pathsOf(): Promise<Paths> {
  const answer = await knock('GET', '/api/v1/openapi.json', `Bearer ${token}`);
  return (JSON.parse(answer?.text ?? '{}') as { readonly paths?: Paths }).paths ?? {};
}

it('lets nobody without the token do anything that its description names, by any method, however the address is written', async () => {
  const paths = Object.keys(await pathsOf());
  const before = topic.records.length;
  const refused = new Map<string, number>();
  let n = 0;
  for (const path of paths.map((template) => template.replaceAll(/\{\w+\}/g, 'users')))
    for (const method of methods)
      for (const spelt of spellings.map((spell) => spell(path))) {
        const authorization = [undefined, ...misses][(n += 1) % (misses.length + 1)];
        const answer = await knock(method, spelt, authorization, bodies[n % bodies.length]);
        if (answer === undefined) continue;
        expectNothingTold(answer, spelt);
        if (spelt === path && answer.status === 401) refused.set(path, (refused.get(path) ?? 0) + 1);
      }
  // Each is refused for want of the token, by every method, and not for anything else.
  expect(Object.fromEntries(refused)).toEqual(
    Object.fromEntries(
      paths
        .filter((path) => !openPaths.includes(path))
        .map((path) => [path.replaceAll(/\{\w+\}/g, 'users'), methods.length]),
    ),
  );
  expect(topic.records).toHaveLength(before);
}, 300_000);

it('says of all that is behind the token that it is, and of nothing else', async () => {
  const operations = Object.entries(await pathsOf()).flatMap(([path, item]) =>
    Object.values(item).map(({ security }) => ({ path, isClosed: security !== undefined })),
  );
  expect(operations.length).toBeGreaterThan(15);
  for (const { path, isClosed } of operations) expect([path, isClosed]).toEqual([path, !openPaths.includes(path)]);
});

it('takes nothing for the token that is not', async () => {
  const isIt = (text: string): boolean => /^\s*Bearer +(\S+)\s*$/i.exec(text)?.[1] === token;
  const statuses = new Map<number, number>();
  const right = [`Bearer ${token}`, `bearer  ${token} `].map((text) => Buffer.from(text));
  await fuzzAsync({ corpus: right, runs: 4_000, atOnce: 16 }, async (input) => {
    const text = Buffer.from(input).toString('latin1');
    const answer = await knock('GET', '/api/v1/routes', text);
    if (answer === undefined) return;
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (!isIt(text)) expectNothingTold(answer, '/api/v1/routes');
  });
  expect(statuses.get(401)).toBeGreaterThan(1_000);
}, 300_000);
