import { STATUS_CODES } from 'node:http';
import { type ErrorCode, isTidemarkError, messageOf, type TidemarkError } from '@tidemark/runtime';

/** What is wrong with a request as such, before any route is involved. */
export type RequestProblemCode =
  | 'BAD_REQUEST'
  | 'FORBIDDEN_HOST'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'PAYLOAD_TOO_LARGE'
  | 'PRECONDITION_REQUIRED'
  | 'UNAUTHENTICATED'
  | 'UNSUPPORTED_MEDIA_TYPE';

/** A problem document, RFC 9457. */
export interface Problem {
  /** `urn:tidemark:problem:<code>`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: RequestProblemCode | ErrorCode | 'INTERNAL';
  /** What the problem is in: `topics[1]`, `If-Match`. */
  readonly field?: string;
  /** The rule that it breaks. */
  readonly rule?: string;
  /** The version that stands, after a conflict. */
  readonly currentVersion?: number;
  /** Who writes the routing table instead. */
  readonly leader?: string;
}

export const problemMediaType = 'application/problem+json';

const statusOfRequest: Readonly<Record<RequestProblemCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN_HOST: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  PRECONDITION_REQUIRED: 428,
};

/** A request that cannot be served as it is; thrown wherever that is found out. */
export class RequestProblem extends Error {
  override readonly name = 'RequestProblem';
  readonly code: RequestProblemCode;
  readonly field: string | undefined;
  readonly rule: string | undefined;

  constructor(
    code: RequestProblemCode,
    detail: string,
    about: { readonly field?: string; readonly rule?: string } = {},
  ) {
    super(detail);
    this.code = code;
    this.field = about.field;
    this.rule = about.rule;
  }
}

/** The problem document of anything that was thrown. What is not known to be harmless is told to the log alone. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestProblem) return requestProblem(error);
  if (isTidemarkError(error)) return routeProblem(error);
  if (error instanceof URIError)
    return requestProblem(unreadable('path', 'an address in percent-encoded UTF-8', error));
  const status = statusOfParser(error);
  if (status !== undefined) return parserProblem(status, error);
  return problem(500, 'INTERNAL', 'The request failed; the log says why.');
}

function requestProblem({ code, message, field, rule }: RequestProblem): Problem {
  return { ...problem(statusOfRequest[code], code, message), ...present({ field, rule }) };
}

function routeProblem(error: TidemarkError): Problem {
  const { field, rule, reason, currentVersion, leader } = error.context;
  const status = statusOf(error.code, reason);
  if (status === 500) return problem(500, 'INTERNAL', 'The request failed; the log says why.');
  return {
    ...problem(status, error.code, error.message),
    ...present({ field: textOf(field), rule: textOf(rule ?? (error.code === 'ROUTE_CONFLICT' ? reason : undefined)) }),
    ...(typeof currentVersion === 'number' ? { currentVersion } : {}),
    ...(typeof leader === 'string' ? { leader } : {}),
  };
}

/** Of those that may be told; every other is a fault of this program. */
const statusOfError: Readonly<Partial<Record<ErrorCode, number>>> = {
  ROUTE_INVALID: 422,
  ROUTE_NOT_FOUND: 404,
  ROUTE_CONFLICT: 409,
  ACCESS_DENIED: 502,
  ABORTED: 503,
  CLOSED: 503,
  FEED_UNAVAILABLE: 503,
  NOT_WRITER: 503,
  PUBLISH_FAILED: 503,
  QUEUE_FULL: 503,
  TIMEOUT: 503,
  TOPIC_MISSING: 503,
  UNSUPPORTED_VERSION: 503,
};

/** A version that is not the one named is a failed precondition, of HTTP's own kind. */
function statusOf(code: ErrorCode, reason: unknown): number {
  return code === 'ROUTE_CONFLICT' && reason === 'version' ? 412 : (statusOfError[code] ?? 500);
}

/** What Express and its body parser throw bears a status; 4xx is the client's. */
function statusOfParser(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const status = 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function parserProblem(status: number, error: unknown): Problem {
  switch (status) {
    case 404:
      return requestProblem(new RequestProblem('NOT_FOUND', 'There is nothing at this address.'));
    case 413:
      return requestProblem(new RequestProblem('PAYLOAD_TOO_LARGE', 'The body is too large.', { field: 'body' }));
    case 415:
      return requestProblem(
        new RequestProblem('UNSUPPORTED_MEDIA_TYPE', 'Expected plain JSON in UTF-8, not compressed.', {
          field: 'body',
        }),
      );
    default:
      return requestProblem(unreadable('body', 'an object in JSON', error));
  }
}

/** Of what the parser says only where it stopped: the rest may quote what was sent. */
function unreadable(field: 'path' | 'body', expected: string, error: unknown): RequestProblem {
  const place = /at position \d+/.exec(messageOf(error))?.[0];
  const got = `got something else${place === undefined ? '' : `, ${place}`}`;
  return new RequestProblem('BAD_REQUEST', `${field}: expected ${expected}, ${got}.`, { field, rule: 'syntax' });
}

function problem(status: number, code: Problem['code'], detail: string): Problem {
  return { type: `urn:tidemark:problem:${code}`, title: STATUS_CODES[status] ?? 'Problem', status, detail, code };
}

function present(fields: { readonly field?: string | undefined; readonly rule?: string | undefined }): {
  readonly field?: string;
  readonly rule?: string;
} {
  const { field, rule } = fields;
  return { ...(field === undefined ? {} : { field }), ...(rule === undefined ? {} : { rule }) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
