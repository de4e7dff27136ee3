import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PodClient } from './pod-client.js';

describe('a client of a pod', () => {
  let server: Server;
  let client: PodClient;
  let asked: string[];
  let answer: { readonly status: number; readonly body: string };

  beforeEach(async () => {
    asked = [];
    answer = { status: 200, body: '' };
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(answer.status);
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new PodClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('keeps keys whole, whatever is in them', async () => {
    await client.get('a/b?c');
    await client.held(['a&b', 'c#d']);
    expect(asked).toEqual(['GET /permissions/a%2Fb%3Fc', 'GET /l1/permissions?ids=a%26b%2Cc%23d']);
  });

  it('knows what is not there from what failed', async () => {
    answer = { status: 404, body: '{}' };
    expect(await client.get('a')).toBeUndefined();
    await expect(client.put('a', ['admin'])).rejects.toThrow('PUT /permissions/a answered 404: {}');
  });

  it('says what was asked and what was answered when a call fails', async () => {
    answer = { status: 503, body: 'x'.repeat(1_000) };
    await expect(client.getMany(['a'])).rejects.toThrow(`GET /permissions?ids=a answered 503: ${'x'.repeat(300)}`);
  });

  it('takes a pod that is not ready for one that says so', async () => {
    answer = { status: 503, body: '{}' };
    expect(await client.followed()).toBeUndefined();
    answer = {
      status: 200,
      body: '{"details":{"tidemark":{"tables":{"permissions":{"topic":"t.cache.permissions","live":true}}}}}',
    };
    expect(await client.followed()).toEqual({ topic: 't.cache.permissions', live: true });
  });
});
