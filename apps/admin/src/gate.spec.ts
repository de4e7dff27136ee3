import { afterEach, describe, expect, it } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';

import { AdminBench, create, topicA } from './testing/admin-bench.js';

const token = 'a-token-of-some-length';
const bearer = { Authorization: `Bearer ${token}` };

let bench: AdminBench | undefined;
async function open(...args: Parameters<AdminBench['open']>): Promise<AdminBench> {
  bench = await new AdminBench().open(...args);
  return bench;
}
afterEach(() => bench?.close());

/** Every operation that the server has, as its own description lists them. */
async function operations(on: AdminBench): Promise<[string, string][]> {
  const response = await on.api.get('/api/v1/openapi.json').set(bearer);
  return Object.entries((response.body as OpenAPIObject).paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => [method.toUpperCase(), path.replace('{table}', 'users')] as [string, string]),
  );
}

async function status(on: AdminBench, method: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${on.url}${path}`, { method, headers });
  await response.arrayBuffer();
  return response.status;
}

const open200 = ['/health/live', '/health/ready', '/health/leader', '/metrics'];

describe('with a token', () => {
  it('refuses every operation without it, but for health and metrics', async () => {
    const on = await open({ token });
    const all = await operations(on);
    expect(all.map(([method, path]) => `${method} ${path}`).sort()).toEqual([
      'DELETE /api/v1/routes/users',
      'DELETE /api/v1/routes/users/move',
      'GET /api/v1/openapi.json',
      'GET /api/v1/routes',
      'GET /api/v1/routes/users',
      'GET /api/v1/routes/users/history',
      'GET /api/v1/routing-table',
      'GET /health/leader',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
      'POST /api/v1/routes/users/pause',
      'POST /api/v1/routes/users/resume',
      'POST /api/v1/routes/users/rewind',
      'PUT /api/v1/routes/users',
      'PUT /api/v1/routes/users/move',
      'PUT /api/v1/routing-table',
    ]);
    for (const [method, path] of all) {
      const expected = open200.includes(path) ? 200 : 401;
      expect([method, path, await status(on, method, path)]).toEqual([method, path, expected]);
    }
    expect(bench?.topic.records).toEqual([]);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api'],
    ['GET', '/api/v1/nothing'],
    ['GET', '/API/v1/routes'],
    ['GET', '//api/v1/routes'],
    ['GET', '/api//v1/routes'],
    ['GET', '/api/v1/routes/'],
    ['GET', '/health/live/'],
    ['GET', '/health/../api/v1/routes'],
    ['GET', '/HEALTH/LIVE'],
    ['GET', '/metrics/x'],
    ['GET', '/%61pi/v1/routes'],
    ['OPTIONS', '/api/v1/routes'],
    ['HEAD', '/api/v1/routes'],
    ['POST', '/api/v1/routes'],
    ['PATCH', '/api/v1/routes/users'],
  ])('refuses %s %s without it', async (method, path) => {
    expect(await status(await open({ token }), method, path)).toBe(401);
  });

  it.each([
    ['', 401],
    ['Bearer', 401],
    ['Bearer ', 401],
    [`Bearer ${token}x`, 401],
    [`Bearer ${token.slice(1)}`, 401],
    [`Bearer ${token} ${token}`, 401],
    [`Basic ${token}`, 401],
    [token, 401],
    [`Bearer ${token}`, 200],
    [`bearer ${token}`, 200],
  ])('answers Authorization %j with %d', async (authorization, expected) => {
    const on = await open({ token });
    const response = await on.api.get('/api/v1/routes').set('Authorization', authorization);
    expect(response.status).toBe(expected);
    if (expected === 200) return;
    expect(response.body).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(response.headers['www-authenticate']).toBe('Bearer realm="tidemark"');
    expect(response.text).not.toContain(token);
  });

  it('serves whom it knows', async () => {
    const on = await open({ token });
    expect((await on.put('users', [topicA], { ...create, ...bearer })).status).toBe(201);
    const names = await on.api.get('/api/v1/routes').set({ ...bearer, Host: 'admin.example.com' });
    expect(names.status).toBe(200);
  });
});

describe('without a token', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:8083', 200],
    ['127.0.0.1:1', 200],
    ['127.1.2.3', 200],
    ['[::1]:8083', 200],
    ['attacker.example', 403],
    ['127.0.0.1.attacker.example', 403],
    ['localhost.attacker.example:8083', 403],
    ['10.0.0.1', 403],
  ])('answers a request to host %s with %d: names can be made to point here', async (host, expected) => {
    const response = await (await open()).api.get('/api/v1/routes').set('Host', host);
    expect(response.status).toBe(expected);
    if (expected === 403) expect(response.body).toMatchObject({ code: 'FORBIDDEN_HOST', field: 'Host' });
  });

  it('answers health under any name', async () => {
    expect((await (await open()).api.get('/health/live').set('Host', '10.0.0.1')).status).toBe(200);
  });
});

describe('addresses and methods', () => {
  it.each([
    ['/', 404],
    ['/api/v1', 404],
    ['/api/v1/routes/', 404],
    ['/api/v1/routes/users/', 404],
    ['/api/v1/routes/users/history/x', 404],
    ['/api/v1/ROUTES', 404],
    ['/api/v2/routes', 404],
    ['/health', 404],
  ])('GET %s → %d', async (path, expected) => {
    const response = await (await open()).api.get(path);
    expect([response.status, response.body]).toEqual([expected, expect.objectContaining({ code: 'NOT_FOUND' })]);
    expect(response.headers['content-type']).toBe('application/problem+json');
  });

  it.each([
    ['POST', '/api/v1/routes', 'GET, HEAD'],
    ['DELETE', '/api/v1/routes', 'GET, HEAD'],
    ['OPTIONS', '/api/v1/routes', 'GET, HEAD'],
    ['PATCH', '/api/v1/routes/users', 'GET, PUT, DELETE, HEAD'],
    ['POST', '/api/v1/routes/users', 'GET, PUT, DELETE, HEAD'],
    ['PUT', '/api/v1/routes/users/history', 'GET, HEAD'],
    ['PUT', '/health/live', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
  ])('%s %s → 405 with what is allowed', async (method, path, allow) => {
    const on = await open();
    const response = await fetch(`${on.url}${path}`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    expect(await response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED', status: 405 });
  });
});
