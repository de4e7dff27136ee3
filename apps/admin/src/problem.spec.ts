import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type ErrorCode, errorCodes, TidemarkError } from '@tidemark/runtime';

import { problemOf, RequestProblem } from './problem.js';

describe('problemOf', () => {
  it.each<[ErrorCode, Record<string, unknown>, number]>([
    ['ROUTE_INVALID', {}, 422],
    ['ROUTE_NOT_FOUND', {}, 404],
    ['ROUTE_CONFLICT', { reason: 'version' }, 412],
    ['ROUTE_CONFLICT', { reason: 'superseded' }, 409],
    ['ACCESS_DENIED', {}, 502],
    ['QUEUE_FULL', {}, 503],
    ['TIMEOUT', {}, 503],
    ['UNSUPPORTED_VERSION', {}, 503],
  ])('%s with %j → %d', (code, context, status) => {
    const error = new TidemarkError(code, 'what happened', { retriable: false, context });
    expect(problemOf(error)).toMatchObject({ status, code, detail: 'what happened' });
  });

  it('tells nothing of errors that are not about routes or Kafka', () => {
    const told = [
      'ROUTE_',
      'ABORTED',
      'ACCESS_',
      'CLOSED',
      'FEED_',
      'NOT_WRITER',
      'PUBLISH_',
      'QUEUE_',
      'TIMEOUT',
      'TOPIC_',
      'UNSUPPORTED_',
    ];
    for (const code of errorCodes.filter((each) => !told.some((prefix) => each.startsWith(prefix)))) {
      const problem = problemOf(new TidemarkError(code, 'secret', { retriable: false, context: { field: 'secret' } }));
      expect(problem).toMatchObject({ status: 500, code: 'INTERNAL' });
      expect(JSON.stringify(problem)).not.toContain('secret');
    }
  });

  it('hands on field, rule and version, and nothing else of the context', () => {
    const context = { field: 'topics', rule: 'topics-min', currentVersion: 4, brokers: ['b:9092'] };
    const problem = problemOf(new TidemarkError('ROUTE_INVALID', 'no', { retriable: false, context }));
    expect(problem).toEqual({
      type: 'urn:tidemark:problem:ROUTE_INVALID',
      title: 'Unprocessable Entity',
      status: 422,
      detail: 'no',
      code: 'ROUTE_INVALID',
      field: 'topics',
      rule: 'topics-min',
      currentVersion: 4,
    });
  });

  it.each([new Error('secret'), { status: 500 }, { status: 200 }, 'secret', null, undefined, { status: '404' }])(
    'takes %p for a fault of its own',
    (error) => {
      expect(problemOf(error)).toMatchObject({ status: 500, code: 'INTERNAL' });
    },
  );

  it.each([
    [{ status: 400 }, 400, 'BAD_REQUEST'],
    [{ status: 404 }, 404, 'NOT_FOUND'],
    [{ status: 413 }, 413, 'PAYLOAD_TOO_LARGE'],
    [{ status: 415 }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [{ status: 418 }, 400, 'BAD_REQUEST'],
    [new URIError('malformed'), 400, 'BAD_REQUEST'],
    [new RequestProblem('PRECONDITION_REQUIRED', 'say which'), 428, 'PRECONDITION_REQUIRED'],
  ])('takes %p for a fault of the request', (error, status, code) => {
    expect(problemOf(error)).toMatchObject({ status, code });
  });

  it.each([
    [
      new URIError('Failed to decode param'),
      'path',
      'path: expected an address in percent-encoded UTF-8, got something else.',
    ],
    [
      Object.assign(new SyntaxError(`Expected ',' in JSON at position 7 (line 1 column 8) of secret`), { status: 400 }),
      'body',
      'body: expected an object in JSON, got something else, at position 7.',
    ],
  ])('says of %p where it is, and quotes nothing', (error, field, detail) => {
    expect(problemOf(error)).toMatchObject({ code: 'BAD_REQUEST', field, rule: 'syntax', detail });
  });
});

describe('the README', () => {
  it('names every code that the API answers with, beside its status', () => {
    const page = readFileSync(path.resolve(import.meta.dirname, '../README.md'), 'utf8');
    const requests = ['BAD_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN_HOST', 'NOT_FOUND', 'METHOD_NOT_ALLOWED'] as const;
    const more = ['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'PRECONDITION_REQUIRED'] as const;
    const errors = [
      ...[...requests, ...more].map((code) => new RequestProblem(code, 'x')),
      ...errorCodes.map((code) => new TidemarkError(code, 'x', { retriable: false })),
      new TidemarkError('ROUTE_CONFLICT', 'x', { retriable: false, context: { reason: 'version' } }),
      new Error('x'),
    ];
    const missing = errors
      .map(problemOf)
      .filter(({ status, code }) => !new RegExp(`^\\| ${status} +\\|[^|]*\`${code}\``, 'm').test(page));
    expect(missing.map(({ status, code }) => `${status} ${code}`)).toEqual([]);
  });
});
