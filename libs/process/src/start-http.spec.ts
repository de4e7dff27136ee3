import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, recordingLogger } from '@tidemark/runtime/testing';
import { type HttpOptions, type HttpServer, startHttp } from './start-http.js';

const servers: HttpServer[] = [];
const logger = recordingLogger();

async function start(change: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    live: () => true,
    ready: () => ({ ready: true, detail: { shards: 2, offset: 7n } }),
    metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'a 1\n' },
    logger,
    ...change,
  });
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  logger.lines.length = 0;
});

const get = async (url: string, init?: RequestInit): Promise<[number, string]> => {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
};

describe('startHttp', () => {
  it('answers whether it lives, whether it is ready and why, and its metrics', async () => {
    const { url } = await start();
    expect(await get(`${url}/health/live`)).toEqual([200, '{"live":true}']);
    expect(await get(`${url}/health/ready?verbose`)).toEqual([
      200,
      '{"ready":true,"detail":{"shards":2,"offset":"7"}}',
    ]);
    expect(await get(`${url}/metrics`)).toEqual([200, 'a 1\n']);
    expect((await fetch(`${url}/metrics`)).headers.get('content-type')).toBe('text/plain; version=0.0.4');
  });

  it('answers 503 with the detail when it is not ready, or not alive', async () => {
    const { url } = await start({ live: () => false, ready: () => ({ ready: false, detail: 'no leases' }) });
    expect(await get(`${url}/health/ready`)).toEqual([503, '{"ready":false,"detail":"no leases"}']);
    expect(await get(`${url}/health/live`)).toEqual([503, '{"live":false}']);
  });

  it.each([
    ['GET', '/', 404],
    ['GET', '/health', 404],
    ['GET', '/health/ready/', 404],
    ['GET', '//health/ready', 404],
    ['GET', '/%2e%2e/etc/passwd', 404],
    ['POST', '/metrics', 405],
    ['DELETE', '/health/live', 405],
    ['OPTIONS', '/health/live', 405],
  ])('%s %s: %i', async (method, path, status) => {
    const { url } = await start();
    expect((await get(url + path, { method }))[0]).toBe(status);
  });

  it('answers HEAD without a body', async () => {
    const { url } = await start();
    expect(await get(`${url}/health/ready`, { method: 'HEAD' })).toEqual([200, '']);
  });

  it.each<[string, Partial<HttpOptions>, string]>([
    ['ready', { ready: () => fail() }, '/health/ready'],
    ['metrics', { metrics: { contentType: 'text/plain', text: async () => fail() } }, '/metrics'],
  ])('answers 500 and logs when %s fails, and goes on', async (_, change, path) => {
    const { url } = await start(change);
    expect((await get(url + path))[0]).toBe(500);
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { path, error: { message: 'secret inside' } } }]);
    expect((await get(`${url}/health/live`))[0]).toBe(200);
  });

  it('rejects when the port is taken, and says which variable says so', async () => {
    const { url } = await start();
    const { host, port } = new URL(url);
    const second = start({ port: Number(port) });
    await expect(second).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    await expect(second).rejects.toThrow(
      `TIDEMARK_HTTP_HOST, TIDEMARK_HTTP_PORT: expected an address that is free, got ${host}: `,
    );
  });

  it('answers one who sends a body and closes the connection instead of reading on', async () => {
    const { url } = await start();
    const sent = request(`${url}/metrics`, { method: 'POST', headers: { 'content-length': 10_000_000 } });
    sent.on('error', () => undefined);
    sent.write('x');
    const [response] = (await once(sent, 'response')) as [{ statusCode: number; headers: Record<string, string> }];
    expect(response.statusCode).toBe(405);
    expect(response.headers['connection']).toBe('close');
    sent.destroy();
  });

  it.each([
    ['rubbish', Buffer.from([0, 255, 1, 2, 13, 10, 13, 10]), /^HTTP\/1\.1 400 Bad Request\r\n/],
    ['a request without a host', 'GET /metrics HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['headers without end', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', /^HTTP\/1\.1 400 /],
    [
      'a body in two lengths',
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
  ])('refuses %s and goes on', async (_, bytes, answer) => {
    const { url } = await start();
    expect(await exchange(url, bytes)).toMatch(answer);
    expect((await get(`${url}/health/live`))[0]).toBe(200);
  });

  it('bears clients that hang up at any point', async () => {
    const { url } = await start({ metrics: { contentType: 'text/plain', text: async () => 'x'.repeat(5_000_000) } });
    for (const bytes of [
      '',
      'GET',
      'GET /metrics HTTP/1.1\r\nHost: a\r\n',
      'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n',
    ]) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.write(bytes, resolve));
      socket.resetAndDestroy();
    }
    expect((await get(`${url}/health/live`))[0]).toBe(200);
  });

  it('closes though a client holds its connection open', async () => {
    const server = await start();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let isClosed = false;
    socket.on('close', () => (isClosed = true)).on('error', () => undefined);
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n');
    await once(socket, 'connect');
    await server.close();
    await eventually('the connection is cut', () => isClosed);
    await expect(fetch(`${server.url}/health/live`)).rejects.toThrow();
  });

  it('names an IPv6 address as URLs do', async () => {
    const server = await start({ host: '::1' }).catch((error: Error) => error);
    if (server instanceof Error) expect(server.message).toMatch(/EADDRNOTAVAIL|EAFNOSUPPORT/);
    else expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  });
});

function fail(): never {
  throw new Error('secret inside');
}

/** Everything that the server says to `bytes` before it closes. */
function exchange(url: string, bytes: Uint8Array | string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.once('error', reject).once('close', () => resolve(answer));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}
