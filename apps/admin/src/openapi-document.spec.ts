import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';

import { AdminBench, at, create, topicA } from './testing/admin-bench.js';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

const bench = new AdminBench();
let document: OpenAPIObject;
beforeAll(async () => {
  await bench.open();
  const response = await bench.api.get('/api/v1/openapi.json');
  expect([response.status, response.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
  document = response.body as OpenAPIObject;
});
afterAll(() => bench.close());

function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) => {
      return [`${method.toUpperCase()} ${path}`, operation] as [string, Operation];
    }),
  );
}

describe('the description', () => {
  it('names and explains every operation once, and each of its answers', () => {
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, { summary, responses }] of operations()) {
      expect([name, summary]).toEqual([name, expect.stringMatching(/./)]);
      for (const [status, { description }] of Object.entries(responses)) {
        expect([name, status, description]).toEqual([name, status, expect.stringMatching(/./)]);
      }
    }
  });

  it('has every schema that it refers to', () => {
    const text = JSON.stringify(document);
    const schemas = document.components?.schemas ?? {};
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(schemas).toHaveProperty(name ?? '');
    expect(Object.keys(schemas).sort()).toEqual([
      'KeyRangeModel',
      'MoveRouteModel',
      'ProblemModel',
      'PutRouteModel',
      'RewindRouteModel',
      'RouteChangeModel',
      'RouteDiffModel',
      'RouteDumpModel',
      'RouteHistoryModel',
      'RouteImportModel',
      'RouteListModel',
      'RouteModel',
      'RouteMoveModel',
      'RoutePastChangeModel',
      'RouteRewindModel',
      'TopicFilterModel',
      'TopicLimitModel',
    ]);
  });

  it('asks for a token under /api alone', () => {
    for (const [name, { security }] of operations()) {
      expect([name, security]).toEqual([name, name.includes(' /api/') ? [{ bearer: [] }] : undefined]);
    }
  });

  it('gives an example of every problem with the status that it stands under', () => {
    for (const [, { responses }] of operations()) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const problem = (content as Record<string, { example?: { status: number } }>)['application/problem+json'];
        if (problem !== undefined) expect(problem.example?.status).toBe(Number(status));
      }
    }
  });

  it('describes the fields of real answers, no more and no fewer', async () => {
    await bench.put('users', [topicA], create);
    const answers = {
      RouteChangeModel: (await bench.put('users', [topicA], at(1))).body as object,
      RouteModel: (await bench.api.get('/api/v1/routes/users')).body as object,
      RouteListModel: (await bench.api.get('/api/v1/routes')).body as object,
      RouteDumpModel: (await bench.api.get('/api/v1/routing-table')).body as object,
      RouteHistoryModel: (await bench.api.get('/api/v1/routes/users/history')).body as object,
    };
    for (const [name, answer] of Object.entries(answers)) {
      const schema = document.components?.schemas?.[name] as { properties: object; required: string[] };
      expect([name, Object.keys(answer).sort()]).toEqual([name, Object.keys(schema.properties).sort()]);
      expect([name, [...schema.required].sort()]).toEqual([name, Object.keys(answer).sort()]);
    }
  });
});
