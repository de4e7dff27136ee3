import { applyDecorators } from '@nestjs/common';
import { ApiResponse, getSchemaPath } from '@nestjs/swagger';

import { type Problem, problemMediaType, problemOf, RequestProblem } from './problem.js';
import { ProblemModel } from './route-models.js';
import { conflictExample, invalidExample, notFoundExample, unavailableExample } from './problem-examples.js';

interface DescribedProblem {
  readonly description: string;
  readonly example: Error;
}

const described = {
  400: {
    description: 'The request cannot be read.',
    example: new RequestProblem('BAD_REQUEST', 'The body is not JSON.', { rule: 'syntax' }),
  },
  401: {
    description: 'The bearer token is missing or wrong.',
    example: new RequestProblem('UNAUTHENTICATED', 'Expected the bearer token.', { field: 'Authorization' }),
  },
  403: {
    description: 'Without a token, only requests to a loopback name are answered.',
    example: new RequestProblem('FORBIDDEN_HOST', 'Expected a loopback host name.', { field: 'Host' }),
  },
  404: { description: 'The table has no route.', example: notFoundExample },
  409: {
    description: 'Another process has taken the routing table over; this one takes it back, so try again.',
    example: conflictExample('superseded'),
  },
  412: {
    description: 'The route is not the one that the precondition names.',
    example: conflictExample('version'),
  },
  413: {
    description: 'The body is larger than 64 KiB.',
    example: new RequestProblem('PAYLOAD_TOO_LARGE', 'The body is too large.', { field: 'body' }),
  },
  415: {
    description: 'The body is not application/json.',
    example: new RequestProblem('UNSUPPORTED_MEDIA_TYPE', 'Expected application/json.', { field: 'Content-Type' }),
  },
  422: { description: 'The route breaks a rule.', example: invalidExample },
  428: {
    description: 'Neither If-Match nor If-None-Match.',
    example: new RequestProblem('PRECONDITION_REQUIRED', 'Say which version this replaces.', { field: 'If-Match' }),
  },
  503: {
    description:
      'Kafka does not answer, too many changes are waiting, or another process takes changes (NOT_WRITER; `leader` names it). After PUBLISH_FAILED and TIMEOUT the change may still take place.',
    example: unavailableExample,
  },
} satisfies Readonly<Record<number, DescribedProblem>>;

/** A status with which an operation may answer a problem. */
export type ProblemStatus = keyof typeof described;

/** Documents the problems that an operation may answer with; every operation may answer 401, 403 and 503. */
export function ApiProblems(...statuses: readonly ProblemStatus[]): MethodDecorator {
  const all = [...new Set([...statuses, 401, 403, 503] as const)].sort();
  return applyDecorators(...all.map((status) => apiProblem(status, described[status])));
}

function apiProblem(status: number, { description, example }: DescribedProblem): MethodDecorator {
  const document: Problem = problemOf(example);
  return ApiResponse({
    status,
    description,
    content: { [problemMediaType]: { schema: { $ref: getSchemaPath(ProblemModel) }, example: document } },
  });
}
