import { type Logger, messageOf } from '@tidemark/runtime';

/** A start that goes on in the background: the process is up, and says what its service waits for. */
export function untilStarted(start: () => Promise<void>, logger: Logger): { error(): unknown } {
  let failure: unknown;
  start().catch((error: unknown) => {
    failure = error;
    logger.error({ error: messageOf(error) }, 'the service could not be started');
  });
  return { error: () => failure };
}
