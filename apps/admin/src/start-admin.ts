import 'reflect-metadata';
import { type Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { MoveController, RouteHistory, RoutingTable } from '@tidemark/control';
import { notListening, prometheusText } from '@tidemark/process';
import { stopWithin } from '@tidemark/runtime';

import { AdminModule } from './admin.module.js';
import { type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './admin-options.js';
import { gate } from './gate.js';
import { OpenApiDocument } from './openapi-document.js';
import { ProblemFilter } from './problem.filter.js';
import { ReadinessSource } from './readiness.js';

export interface AdminService {
  /** `http://127.0.0.1:8083`, without a slash at its end. */
  readonly url: string;
  /** Fails readiness, lets requests end, leaves the election, and lets go of Kafka; takes 7.5 s at most. */
  close(): Promise<void>;
}

/** Version of the API, not of the program. */
const apiVersion = '1.0';

/**
 * Serves the routing table over HTTP. Health answers as soon as the port is open; resolves once the table is read. Fails with `INVALID_OPTIONS`,
 * `INVALID_CONFIGURATION` where it cannot listen, or as the ports do, and leaves nothing behind.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminService> {
  const resolved = resolveAdminOptions(options);
  const { log, topics, pods, election, names, clock, logger, metrics, stopping } = resolved;
  const { history: kept } = resolved;
  const history = kept === undefined ? undefined : new RouteHistory({ log: kept, clock, logger, metrics });
  const ports = { log, topics, election, onChanged: history?.note.bind(history) };
  const table = new RoutingTable({ ...resolved.table, ...ports, names, clock, logger, metrics });
  const moves = new MoveController({ table, pods, clock, logger });
  const readiness = new ReadinessSource(table, election);
  const app = await makeApp(resolved, { table, readiness, history });
  stopping?.addEventListener('abort', () => readiness.stop(), { once: true });
  const close = closeOnce({ app, table, moves, readiness, history }, resolved);
  try {
    await app.listen(resolved.port, resolved.host).catch((error: unknown) => {
      throw notListening(resolved.host, resolved.port, error);
    });
    const url = urlOf(app, resolved.host);
    logger.info({ url, authenticated: resolved.token !== undefined }, 'admin: listening');
    await table.open();
    moves.start();
    logger.info({ routes: table.list().length }, 'admin: ready');
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeApp(
  { token, bodyBytesMax, logger, metrics }: ResolvedAdminOptions,
  served: Pick<RunningParts, 'table' | 'readiness' | 'history'>,
): Promise<NestExpressApplication> {
  const document = new OpenApiDocument();
  const parts = { ...served, document, metrics: prometheusText(metrics) };
  const app = await NestFactory.create<NestExpressApplication>(AdminModule.of(parts), {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  document.make(app, apiVersion);
  app.disable('x-powered-by');
  app.useGlobalFilters(new ProblemFilter(logger));
  app.use(gate({ token, bodyBytesMax, operations: operationsOf(document) }));
  app.useBodyParser('json', { limit: bodyBytesMax, inflate: false });
  limit(serverOf(app));
  return app;
}

/** Bounds on what one connection, or many, may take. */
function limit(server: Server): void {
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = 200;
  server.maxRequestsPerSocket = 1_000;
}

const methods = ['get', 'put', 'post', 'delete', 'patch'] as const;

function operationsOf({ value }: OpenApiDocument): ReadonlyMap<string, readonly string[]> {
  const operations = Object.entries(value.paths).map(([path, item]) => {
    const offered = methods.filter((method) => item[method] !== undefined).map((method) => method.toUpperCase());
    return [path, offered.includes('GET') ? [...offered, 'HEAD'] : offered] as const;
  });
  return new Map(operations);
}

function serverOf(app: NestExpressApplication): Server {
  return app.getHttpServer();
}

function urlOf(app: NestExpressApplication, host: string): string {
  const address = serverOf(app).address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

interface RunningParts {
  readonly app: NestExpressApplication;
  readonly table: RoutingTable;
  readonly moves: MoveController;
  readonly readiness: ReadinessSource;
  readonly history: RouteHistory | undefined;
}

function closeOnce(
  { app, table, moves, readiness, history }: RunningParts,
  { clock, logger, drainTimeoutMs }: ResolvedAdminOptions,
): () => Promise<void> {
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    readiness.stop();
    const server = serverOf(app);
    const cancel = clock.setTimer(() => server.closeAllConnections(), drainTimeoutMs);
    const ended = app.close();
    server.closeIdleConnections();
    await Promise.all([ended, moves.close()]);
    cancel();
    await table.close();
    await history?.close();
  };
  return () => (closed ??= stopWithin(close(), { clock, logger }));
}
