import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { AdminBench, create, topicA } from './testing/admin-bench.js';

const bench = new AdminBench();
beforeAll(() => bench.open());
afterAll(() => bench.close());

const words = ['users', 'routes', 'history', '..', '%00', '%2e', '__proto__', 'constructor', '{table}', topicA, '*'];
const path = fc.oneof(
  fc.constantFrom(
    '/api/v1/routes',
    '/api/v1/routing-table',
    '/api/v1/routes/users',
    '/api/v1/routes/users/history',
    '/metrics',
  ),
  fc.constantFrom('move', 'pause', 'resume', 'rewind').map((operation) => `/api/v1/routes/users/${operation}`),
  fc
    .array(fc.oneof(fc.constantFrom(...words), fc.webSegment()), { maxLength: 4 })
    .map((all) => `/api/v1/${all.join('/')}`),
);
const query = fc.oneof(
  fc.constant(''),
  fc.webQueryParameters().map((text) => `?${text}`),
  fc.constant('?dryRun=true'),
);
const tag = fc.oneof(
  fc.nat().map((n) => `"${n}"`),
  fc.constantFrom('*', 'W/"1"', '"1", "2"', '""', 'x'.repeat(5_000)),
);
const headers = fc.record(
  {
    'if-match': tag,
    'if-none-match': tag,
    'content-type': fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', ';'),
    'x-tidemark-actor': fc.constantFrom('jane', ' ', 'x'.repeat(100)),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string(), fc.constant(null)))
    .map((topics) => JSON.stringify({ topics })),
  fc
    .record({ to: fc.oneof(fc.constantFrom(...words), fc.jsonValue({ maxDepth: 1 })) })
    .map((move) => JSON.stringify(move)),
  fc
    .record({
      to: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      keys: fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.record({ from: fc.string(), to: fc.string() })),
    })
    .map((rewind) => JSON.stringify(rewind)),
  fc
    .record({
      writerEpoch: fc.oneof(fc.nat(), fc.maxSafeNat(), fc.jsonValue()),
      routes: fc.array(
        fc.record({
          ...{ v: fc.constantFrom('1.0', '1.2', '2.0'), table: fc.constantFrom(...words), version: fc.maxSafeNat() },
          ...{
            writerEpoch: fc.nat(),
            topics: fc.dictionary(fc.constantFrom(...words), fc.nat()),
            deleted: fc.boolean(),
          },
          ...{ changedAt: fc.nat(), changedBy: fc.string(), limited: fc.jsonValue({ maxDepth: 2 }) },
          ...{ rewind: fc.oneof(fc.constant(undefined), fc.record({ id: fc.nat(), to: fc.maxSafeNat() })) },
        }),
        { maxLength: 3 },
      ),
    })
    .map((dump) => JSON.stringify(dump)),
  fc
    .dictionary(fc.oneof(fc.constantFrom(...words), fc.string()), fc.jsonValue({ maxDepth: 2 }))
    .map((limited) => JSON.stringify({ topics: [topicA], limited })),
);
const method = fc.constantFrom('GET', 'PUT', 'PUT', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS', 'HEAD');

it('answers whatever comes with a status of its own, a problem document where it refuses, and never with a 5xx', async () => {
  await bench.put('users', [topicA], create);
  await fc.assert(
    fc.asyncProperty(method, path, query, headers, body, async (verb, where, what, head, sent) => {
      const bodiless = verb === 'GET' || verb === 'HEAD';
      const response = await fetch(`${bench.url}${where}${what}`, {
        method: verb,
        headers: head,
        ...(bodiless ? {} : { body: sent }),
      });
      const text = await response.text();
      expect(response.status).toBeLessThan(500);
      if (response.status < 400 || verb === 'HEAD') return;
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(JSON.parse(text)).toMatchObject({ status: response.status, code: expect.any(String) as unknown });
    }),
    { numRuns: 400 },
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect((await bench.api.get('/health/ready')).status).toBe(200);
}, 60_000);
