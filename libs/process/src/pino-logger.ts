import { isTidemarkError, type LogFields, type Logger } from '@tidemark/runtime';
import { destination, type DestinationStream, pino, stdTimeFunctions } from 'pino';
import { type LogLevel } from './shared-fields.js';

/**
 * A logger that writes one JSON line each to stdout, at once, so that the last words of a dying process are not lost. Errors are written
 * with their code, context, stack and causes, under whatever field they stand.
 */
export function pinoLogger(
  level: LogLevel,
  name: string,
  to: DestinationStream = destination({ fd: 1, sync: true }),
): Logger {
  const lines = pino(
    {
      level,
      base: { name, pid: process.pid },
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withErrorsWritten },
    },
    to,
  );
  return {
    debug: (fields, message) => lines.debug(fields, message),
    info: (fields, message) => lines.info(fields, message),
    warn: (fields, message) => lines.warn(fields, message),
    error: (fields, message) => lines.error(fields, message),
  };
}

function withErrorsWritten(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? errorFields(value) : value]),
  );
}

const causesMax = 5;

function errorFields(error: Error, causes = causesMax): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const tidemark = isTidemarkError(error) ? { retriable: error.retriable, context: error.context } : {};
  const code = (error as { readonly code?: unknown }).code;
  const written = cause instanceof Error ? (causes > 0 ? errorFields(cause, causes - 1) : String(cause)) : cause;
  return {
    name,
    ...(code === undefined ? {} : { code }),
    message,
    ...tidemark,
    stack,
    ...(written === undefined ? {} : { cause: written }),
  };
}
