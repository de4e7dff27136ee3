import { type Clock, type Logger, MetricRegistry, systemClock } from '@tidemark/runtime';
import { pinoLogger } from './pino-logger.js';
import { prometheusText } from './prometheus-text.js';
import { runProcess } from './run-process.js';
import { type LogLevel } from './shared-fields.js';
import { type HttpServer, type Readiness, startHttp } from './start-http.js';

/** What every service is given. */
export interface ServicePorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export interface RunningService {
  ready(): Readiness;
  /** Rejects once the process must end, with code 1, for a reason that no waiting mends; else it never settles. */
  readonly failed?: Promise<never>;
  /** Drains, commits and lets go of everything. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** Stands in every log line. */
  readonly name: string;
  readonly values: {
    readonly TIDEMARK_HTTP_HOST: string;
    readonly TIDEMARK_HTTP_PORT: number;
    readonly TIDEMARK_LOG_LEVEL: LogLevel;
  };
  readonly start: (ports: ServicePorts) => Promise<RunningService>;
}

/** Runs one service as a process: logs, metrics, health and signals around it. Health answers from before the service starts until it has stopped. */
export function runService({ name, values, start }: ServiceOptions): void {
  const clock = systemClock;
  const logger = pinoLogger(values.TIDEMARK_LOG_LEVEL, name);
  const metrics = new MetricRegistry();
  let http: HttpServer | undefined;
  let service: RunningService | undefined;
  runProcess({
    logger,
    clock,
    start: async (stopping) => {
      http = await startHttp({
        host: values.TIDEMARK_HTTP_HOST,
        port: values.TIDEMARK_HTTP_PORT,
        live: () => true,
        ready: () => readinessOf(service, stopping),
        metrics: prometheusText(metrics),
        logger,
      });
      logger.info({ url: http.url }, 'listening');
      service = await start({ clock, logger, metrics });
      logger.info({}, 'started');
      await untilStopping(stopping, service.failed);
    },
    stop: async () => {
      await service?.stop();
      await http?.close();
    },
  });
}

function readinessOf(service: RunningService | undefined, stopping: AbortSignal): Readiness {
  if (stopping.aborted) return { ready: false, detail: { state: 'stopping' } };
  return service?.ready() ?? { ready: false, detail: { state: 'starting' } };
}

/** Resolves once the process is to stop; rejects as `failed` does before. */
export async function untilStopping(stopping: AbortSignal, failed: Promise<never> | undefined): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (stopping.aborted) resolve();
    stopping.addEventListener('abort', () => resolve(), { once: true });
  });
  await (failed === undefined ? stopped : Promise.race([stopped, failed]));
}
