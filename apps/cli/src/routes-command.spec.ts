import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type AdminService, startAdmin } from '@tidemark/admin';
import {
  FakeElection,
  FakeRouteHistory,
  FakeRouteLog,
  FakeRoutingTopic,
  FakeTopicAdmin,
} from '@tidemark/control/testing';
import { createServer } from 'node:http';
import { routesCommand, type RoutesEnd } from './routes-command.js';

jest.setTimeout(60_000);

const a = 'tidemark.cache.a';
const b = 'tidemark.cache.b';
const token = 'a-token-of-some-length';

let admin: AdminService;
let topic: FakeRoutingTopic;
let election: FakeElection;
/** What `import` reads. */
let file = '';

beforeEach(async () => {
  topic = new FakeRoutingTopic();
  election = new FakeElection();
  const ports = { log: new FakeRouteLog(topic), topics: new FakeTopicAdmin(), history: new FakeRouteHistory() };
  admin = await startAdmin({ ...ports, election, token });
  election.decide(true);
});
afterEach(() => admin.close());

/** The command as somebody types it; `{}` in place of the environment that has address, token and name. */
async function routes(line: string, environment?: Record<string, string>): Promise<RoutesEnd> {
  const usual = { TIDEMARK_ADMIN_URL: `${admin.url}/`, TIDEMARK_ADMIN_TOKEN: token, USER: 'jane' };
  return routesCommand(line.split(' '), environment ?? usual, { read: async () => file, patienceMs: 3_000 });
}

async function json(line: string): Promise<unknown> {
  const { exitCode, text } = await routes(`${line} --json`);
  expect({ exitCode, text }).toMatchObject({ exitCode: 0 });
  return JSON.parse(text);
}

describe('tidemark routes', () => {
  it('puts, shows and deletes a route, each on what stands', async () => {
    expect(await routes('list')).toEqual({ exitCode: 0, text: 'no routes\n' });
    const put = await routes(`put users ${b} ${a}`);
    expect(put).toEqual({ exitCode: 0, text: `users is now at version 1: live +${a} +${b}\n` });
    expect(await routes(`put users ${a}`)).toMatchObject({
      exitCode: 0,
      text: `users is now at version 2: live -${b}\n`,
    });
    expect(await routes(`put users ${a}`)).toMatchObject({ text: 'users was already at version 2: live\n' });
    expect((await routes('list')).text).toBe(
      ['TABLE  VERSION  STATE  TOPICS', `users  2        live   ${a}`, ''].join('\n'),
    );
    const { text } = await routes('get users');
    expect(text).toMatch(
      /^table +users\nversion +2\nstate +live\nchanged +\d{4}-.* by jane\ntopic +tidemark\.cache\.a \(since 1\)\n$/,
    );
    expect(await routes('delete users --dry-run')).toMatchObject({
      text: `users would be at version 3: deleted -${a}\n`,
    });
    expect(await routes('delete users')).toMatchObject({ exitCode: 0 });
    expect(topic.routes.at(-1)).toMatchObject({ version: 3, deleted: true, changedBy: 'jane' });
  });

  it('moves, rolls back, pauses, resumes and rewinds', async () => {
    await routes(`put users ${a}`);
    expect((await routes(`move users ${b}`)).text).toBe(`users is now at version 2: moving to ${b} +${b}\n`);
    expect((await routes('roll-back users')).text).toBe(`users is now at version 3: live -${b}\n`);
    expect((await routes('pause users')).text).toBe('users is now at version 4: paused\n');
    expect((await routes('resume users')).text).toBe('users is now at version 5: live\n');
    const before = new Date(Date.now() - 60_000).toISOString();
    expect(await json(`rewind users ${before} --from k1 --to k2`)).toMatchObject({ version: 6, written: true });
    expect(topic.routes.at(-1)).toMatchObject({ rewind: { to: Date.parse(before), keys: { from: 'k1', to: 'k2' } } });
    expect(await json('history users')).toMatchObject({ complete: true, changes: { length: 6 } });
    const [head, newest] = (await routes('history users')).text.split('\n');
    expect(head).toMatch(/^VERSION +WHEN +WHO +WHAT +STATE +TOPICS$/);
    expect(newest).toMatch(/^6 +\d{4}-\S+ +jane +rewind +live +tidemark\.cache\.a$/);
  });

  it('changes only the version that the caller has seen, where he says so', async () => {
    await routes(`put users ${a}`);
    await routes('pause users');
    const stale = await routes('resume users --if-match 1');
    expect(stale).toEqual({
      exitCode: 1,
      text: 'tidemark routes: ROUTE_CONFLICT: users is at version 2, not 1; version 2 stands\n',
    });
    expect(await routes('resume users --if-match 2')).toMatchObject({ exitCode: 0 });
    expect(await routes(`put users ${b} --if-match none`)).toMatchObject({ exitCode: 1 });
  });

  it('leaves no limited topic out unasked', async () => {
    await routes(`put users ${a} --limited {"${b}":{"services":["orders"]}}`);
    expect((await routes('get users')).text).toContain(`${b} (since 1, services orders)`);
    expect(await routes(`put users ${a}`)).toMatchObject({ exitCode: 2, text: expect.stringContaining('--limited') });
    expect((await routes(`put users ${a} --limited {}`)).text).toBe(`users is now at version 2: live -${b}\n`);
  });

  it('exports, and imports what is missing, in pieces that the API takes', async () => {
    for (let i = 0; i < 5; i += 1) await routes(`put table${i} ${a}`);
    const exported = await routes('export');
    expect(exported.exitCode).toBe(0);
    const dump = JSON.parse(exported.text) as { routes: Record<string, unknown>[] };
    const wide = dump.routes.flatMap((route) =>
      Array.from({ length: 100 }, (_, i) => ({ ...route, table: `${String(route['table'])}-${i}` })),
    );
    file = JSON.stringify({ ...dump, routes: [...dump.routes, ...wide] });
    expect(Buffer.byteLength(file)).toBeGreaterThan(65_536);
    expect(await json('import -')).toMatchObject({ restored: { length: 500 }, kept: { length: 5 } });
    expect((await routes('import -')).text).toMatch(/^restored: none\nkept: table0 /);
    file = '[]';
    expect(await routes('import -')).toMatchObject({
      exitCode: 2,
      text: expect.stringContaining('FILE: expected a JSON object'),
    });
  });

  it('imports few routes with each request: every one of them takes its time', async () => {
    const counts: number[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (text: Buffer) => (body += text.toString()));
      request.on('end', () => {
        counts.push((JSON.parse(body) as { routes: unknown[] }).routes.length);
        response.end('{"restored":[],"kept":[]}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    file = JSON.stringify({ writerEpoch: 1, routes: Array.from({ length: 120 }, (_, i) => ({ table: `t${i}` })) });
    expect(await routes(`import - --admin http://127.0.0.1:${port}`)).toMatchObject({ exitCode: 0 });
    expect(counts).toEqual([50, 50, 20]);
    await new Promise((resolve) => server.close(resolve));
  });

  it('waits for the admin that takes changes, and says who that is where it waits in vain', async () => {
    election.decide(false, 'admin-2');
    const soon = setTimeout(() => election.decide(true), 500);
    expect(await routes(`put users ${a}`)).toMatchObject({ exitCode: 0 });
    clearTimeout(soon);
    election.decide(false, 'admin-2');
    const refused = await routes('pause users');
    expect(refused).toMatchObject({ exitCode: 3, text: expect.stringMatching(/NOT_WRITER: admin-2 writes/) });
    expect(await routes('get users')).toMatchObject({ exitCode: 0 });
  });
});

describe('what goes wrong', () => {
  it.each([
    ['list --token not-the-right-token', 1, 'UNAUTHENTICATED: Expected the bearer token.'],
    ['get users', 1, 'ROUTE_NOT_FOUND: users has no route'],
    ['put users elsewhere', 1, 'ROUTE_INVALID: topics[0]: '],
    ['list --admin http://127.0.0.1:9', 3, 'UNREACHABLE: http://127.0.0.1:9: '],
    ['list --admin ftp://here', 2, '--admin: expected http'],
    ['lst', 2, 'unknown "lst"; did you mean list?'],
    ['get', 2, 'get: expected TABLE'],
    ['get users more', 2, 'get: expected TABLE'],
    ['list more', 2, 'list: expected no operands'],
    ['put users', 2, 'put: expected TABLE TOPIC...'],
    ['list --jsn', 2, '--jsn'],
    ['pause users --if-match x', 2, '--if-match: expected a version'],
    ['rewind users yesterday --if-match 1', 2, 'rewind: expected a time'],
    ['rewind users 5 --admin http://127.0.0.1:81', 2, 'rewind: expected a time with its zone'],
    ['put users a --limited [] --admin http://127.0.0.1:81', 2, '--limited: expected a JSON object'],
    ['rewind users 5 --if-match 1', 2, 'rewind: expected a time with its zone'],
    ['rewind users 2026-01-31T12:00:00 --if-match 1', 2, 'rewind: expected a time with its zone'],
    ['rewind users 2026-13-31T12:00:00Z --if-match 1', 2, 'rewind: expected a time with its zone'],
    ['import - --dry-run', 2, 'import: takes no --dry-run'],
    ['pause users --if-match 3 --if-match 4', 2, '--if-match: expected once'],
    ['list --if-match 3', 2, 'list: takes no --if-match'],
    ['pause users --from a --to b', 2, 'pause: takes no --from'],
    ['move users b --limited {}', 2, 'move: takes no --limited'],
    ['list --admin http://me:secret@127.0.0.1:1', 2, '--admin: expected http://… or https://… without a user name'],
    ['list --admin http://127.0.0.1:1/?a=b', 2, '--admin: expected http'],
    ['list --token geheim-aber-nicht-ascii-ü', 2, '--token: expected up to 512 printable ASCII characters'],
    ['list --actor Łukasz', 2, '--actor: expected 1 to 64 printable ASCII characters, got "Łukasz"'],
    ['rewind users 2026-01-31T12:00:00Z --from a --if-match 1', 2, 'rewind: expected --from and --to'],
  ])('%s ends with %i', async (line, exitCode, text) => {
    expect(await routes(line)).toEqual({ exitCode, text: expect.stringContaining(text) });
  });

  it('shows neither a password nor a token', async () => {
    for (const line of ['list --admin http://me:secret-one@here:1', 'list --token secret-two-ü'])
      expect((await routes(line)).text).not.toContain('secret');
  });

  it('leaves out an empty variable, and a user name that cannot stand in the history', async () => {
    const environment = { TIDEMARK_ADMIN_URL: admin.url, TIDEMARK_ADMIN_TOKEN: token, TIDEMARK_ACTOR: '' };
    expect(await routes(`put users ${a}`, { ...environment, USER: 'Łukasz' })).toMatchObject({ exitCode: 0 });
    expect(topic.routes.at(-1)).toMatchObject({ changedBy: 'admin-api' });
    expect(await routes('list', { ...environment, TIDEMARK_ADMIN_TOKEN: '' })).toMatchObject({ exitCode: 1 });
  });

  it('ends with 2 where the file of an import cannot be read', async () => {
    const read = async (): Promise<string> => Promise.reject(new Error('ENOENT: no such file'));
    expect(await routesCommand(['import', 'gone.json'], {}, { read })).toEqual({
      exitCode: 2,
      text: expect.stringContaining('import: expected a file that can be read: ENOENT: no such file'),
    });
  });

  it('takes nothing for an answer that is none of an admin', async () => {
    const server = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const end = await routes(`list --admin http://127.0.0.1:${port}`);
    expect(end).toMatchObject({ exitCode: 1, text: expect.stringContaining('answered 200, not as an admin API does') });
    await new Promise((resolve) => server.close(resolve));
  });

  it('has a help that names every verb and flag', async () => {
    const { exitCode, text } = await routes('--help', {});
    expect(exitCode).toBe(0);
    const words = [
      'list',
      'get TABLE',
      'put TABLE',
      'move',
      'roll-back',
      'pause',
      'resume',
      'rewind',
      'history',
      'export',
      'import',
    ];
    for (const word of [...words, '--admin', '--token', '--actor', '--if-match', '--dry-run', '--limited', '--json'])
      expect(text).toContain(word);
  });
});
