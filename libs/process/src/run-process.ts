import { type Clock, type Logger, systemClock, wait } from '@tidemark/runtime';

export interface ProcessOptions {
  /** Starts the work. `stopping` is aborted by the first signal: fail readiness at once, and give up what is still starting. */
  readonly start: (stopping: AbortSignal) => Promise<void>;
  /** Drains and closes whatever `start` has made so far; also called after a start that failed. */
  readonly stop: () => Promise<void>;
  readonly logger: Logger;
  /** How long stopping may take before the process ends regardless, ms; default 10,000. */
  readonly drainMs?: number;
  readonly clock?: Clock;
}

/** Exit code of a process ended by a signal, as shells report it. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** How long a start that was interrupted may take to notice, ms. */
const startGraceMs = 2_000;

/**
 * Runs a process until SIGTERM, SIGINT or the loss of the parent that holds its IPC channel; then drains it and ends it: code 0, or 1
 * when it failed or did not drain in time. A second signal ends it at once.
 */
export function runProcess(options: ProcessOptions): void {
  const { start, stop, logger, drainMs = 10_000, clock = systemClock } = options;
  const stopping = new AbortController();

  const end = async (exitCode: 0 | 1): Promise<void> => {
    clock.setTimer(() => {
      logger.error({ drainMs }, 'did not stop in time');
      process.exit(1);
    }, drainMs);
    try {
      await Promise.race([started, wait(clock, Math.min(startGraceMs, drainMs / 2))]);
      await stop();
      logger.info({}, 'stopped');
      process.exit(exitCode);
    } catch (error) {
      logger.error({ error }, 'failed to stop');
      process.exit(1);
    }
  };

  const shutDown = (reason: string): void => {
    stopping.abort();
    logger.info({ reason, drainMs }, 'stopping');
    void end(0);
  };

  const crash = (message: string) => (error: unknown) => {
    logger.error({ error }, message);
    process.exit(1);
  };

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (!stopping.signal.aborted) return shutDown(signal);
      logger.warn({ reason: signal }, 'stopping at once');
      process.exit(exitCodes[signal]);
    });
  process.on('uncaughtException', crash('uncaught exception'));
  process.on('unhandledRejection', crash('unhandled rejection'));
  if (process.connected)
    process.once('disconnect', () => {
      if (!stopping.signal.aborted) shutDown('the parent process is gone');
    });

  const started = start(stopping.signal).catch((error: unknown) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    logger.error({ error }, 'failed to start');
    void end(1);
  });
}
