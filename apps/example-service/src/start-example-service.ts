import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type Backend, type Logger } from '@tidemark/cache';
import { AppModule } from './app.module.js';
import { TidemarkErrorFilter } from './tidemark-error.filter.js';

export interface ExampleServiceOptions {
  readonly backend: Backend;
  /** Default `permissions-api`. */
  readonly service?: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 = any free port, the default. */
  readonly port?: number;
  /** Tidemark's lines; default Nest's logger. */
  readonly logger?: Logger;
  /** Nest's own lines about modules and routes; default off. */
  readonly nestLogs?: boolean;
}

export interface ExampleService {
  readonly url: string;
  /** Stops as SIGTERM would: readiness fails, calls end, the feed is let go. */
  close(): Promise<void>;
}

/** One pod of the example service. */
export async function startExampleService(options: ExampleServiceOptions): Promise<ExampleService> {
  const { backend, service = 'permissions-api', host = '127.0.0.1', port = 0, logger, nestLogs = false } = options;
  const app = await NestFactory.create(
    AppModule.with({ service, backend, ...(logger === undefined ? {} : { logger }) }),
    {
      logger: nestLogs ? ['log', 'warn', 'error'] : ['warn', 'error'],
      abortOnError: false,
    },
  );
  app.useGlobalFilters(new TidemarkErrorFilter());
  await app.listen(port, host);
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { url, close: () => app.close() };
}
