import { Logger as NestLogger } from '@nestjs/common';
import { type Logger } from '@tidemark/cache';

/** Tidemark's log lines through Nest's logger, under the context `Tidemark`. */
export function nestLogger(): Logger {
  const logger = new NestLogger('Tidemark');
  const line = (fields: Readonly<Record<string, unknown>>, message: string): string =>
    Object.keys(fields).length === 0 ? message : `${message} ${JSON.stringify(fields)}`;
  return {
    debug: (fields, message) => logger.debug(line(fields, message)),
    info: (fields, message) => logger.log(line(fields, message)),
    warn: (fields, message) => logger.warn(line(fields, message)),
    error: (fields, message) => logger.error(line(fields, message)),
  };
}
