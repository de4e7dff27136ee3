import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { type Logger, messageOf, TidemarkError } from '@tidemark/runtime';
import { type MetricsText } from './prometheus-text.js';

/** Whether work can be taken, and why not; `detail` must be JSON. */
export interface Readiness {
  readonly ready: boolean;
  readonly detail: unknown;
}

export interface HttpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** `false` asks for a restart of the process. */
  readonly live: () => boolean;
  readonly ready: () => Readiness;
  readonly metrics: MetricsText;
  readonly logger: Logger;
}

export interface HttpServer {
  readonly url: string;
  /** Takes no more requests, gives those in hand a second, then cuts every connection. */
  close(): Promise<void>;
}

const headerBytesMax = 8_192;
const requestTimeoutMs = 5_000;
const connectionsMax = 200;
const closeGraceMs = 1_000;

/** Serves `/health/live`, `/health/ready` and `/metrics`; rejects with `INVALID_CONFIGURATION` when it cannot listen. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, logger } = options;
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = connectionsMax;
  server.maxRequestsPerSocket = 1_000;
  await listening(server, host, port);
  server.on('error', (error) => logger.error({ error }, 'the health server failed'));
  const address = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${address.port}`,
    close: () => closed(server),
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(notListening(host, port, error)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/** Why nobody can reach a process at its own address, by the variables that say which it is. */
export function notListening(host: string, port: number, cause: unknown): TidemarkError {
  const field = 'TIDEMARK_HTTP_HOST, TIDEMARK_HTTP_PORT';
  const message = `${field}: expected an address that is free, got ${host}:${port}: ${messageOf(cause)}`;
  return new TidemarkError('INVALID_CONFIGURATION', message, {
    retriable: false,
    cause,
    context: { field, host, port },
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  const { status, contentType, body } = await answerOf(request, options).catch((error: unknown) => {
    options.logger.error({ error, path: pathOf(request) }, 'a health or metrics request failed');
    return json(500, { error: 'failed, see the log' });
  });
  response.on('error', () => undefined);
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(hasBody ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerOf(request: IncomingMessage, options: HttpOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'expected GET or HEAD' });
  switch (pathOf(request)) {
    case '/health/live': {
      const live = options.live();
      return json(live ? 200 : 503, { live });
    }
    case '/health/ready': {
      const { ready, detail } = options.ready();
      return json(ready ? 200 : 503, { ready, detail });
    }
    case '/metrics':
      return { status: 200, contentType: options.metrics.contentType, body: await options.metrics.text() };
    default:
      return json(404, { error: 'expected /health/live, /health/ready or /metrics' });
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function json(status: number, body: unknown): Answer {
  const text = JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return { status, contentType: 'application/json; charset=utf-8', body: text };
}
