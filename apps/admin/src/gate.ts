import { createHash, timingSafeEqual } from 'node:crypto';
import { type IncomingMessage, type ServerResponse } from 'node:http';

import { problemOf, RequestProblem } from './problem.js';
import { sendProblem } from './send-problem.js';

export interface GateOptions {
  /** Without one, only requests to a loopback name are let through. */
  readonly token: string | undefined;
  /** Path templates of the API, `/api/v1/routes/{table}` → its methods in capitals. */
  readonly operations: ReadonlyMap<string, readonly string[]>;
  /** Largest body, bytes. */
  readonly bodyBytesMax: number;
}

/** What anybody may ask; everything else needs the token. */
const publicPaths: readonly string[] = ['/health/live', '/health/ready', '/health/leader', '/metrics'];

type Next = () => void;

/**
 * Stands before every route and lets through only what one of them can serve: the caller may ask, the address and the method exist, the body
 * is JSON and not too large.
 */
export function gate(options: GateOptions): (request: IncomingMessage, response: ServerResponse, next: Next) => void {
  const paths = [...options.operations].map(([template, methods]) => ({ pattern: patternOf(template), methods }));
  return (request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    try {
      const path = pathOf(request);
      if (!publicPaths.includes(path)) mayAsk(request, options.token);
      const methods = paths.find(({ pattern }) => pattern.test(path))?.methods;
      if (methods === undefined) throw new RequestProblem('NOT_FOUND', 'There is nothing at this address.');
      if (!methods.includes(request.method ?? '')) {
        response.setHeader('Allow', methods.join(', '));
        throw new RequestProblem('METHOD_NOT_ALLOWED', `Expected ${methods.join(', ')}.`);
      }
      if (request.method === 'PUT' || (request.method === 'POST' && hasBody(request)))
        bodyIsAcceptable(request, options.bodyBytesMax);
    } catch (error) {
      if (hasBody(request)) response.setHeader('Connection', 'close');
      return sendProblem(response, problemOf(error));
    }
    next();
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

function patternOf(template: string): RegExp {
  const literal = template.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

function mayAsk(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) {
    if (isLoopbackName(request.headers.host)) return;
    throw new RequestProblem('FORBIDDEN_HOST', 'Expected a loopback host name, since no token is configured.', {
      field: 'Host',
    });
  }
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given !== undefined && isSame(given, token)) return;
  throw new RequestProblem('UNAUTHENTICATED', 'Expected the bearer token.', { field: 'Authorization' });
}

/** In a time that depends on neither. */
function isSame(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A page of another site can have its own name resolve to this address; its requests say that name. */
function isLoopbackName(host: string | undefined): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host ?? '');
}

function bodyIsAcceptable(request: IncomingMessage, bytesMax: number): void {
  const type = request.headers['content-type'];
  if (!/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type ?? '')) {
    throw new RequestProblem('UNSUPPORTED_MEDIA_TYPE', 'Expected Content-Type: application/json in UTF-8.', {
      field: 'Content-Type',
    });
  }
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
    throw new RequestProblem('PAYLOAD_TOO_LARGE', `Expected at most ${bytesMax} bytes.`, { field: 'body' });
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
