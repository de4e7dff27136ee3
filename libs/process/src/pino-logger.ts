import { isTidemarkError, type LogFields, type Logger } from '@tidemark/runtime';
import { destination, type DestinationStream, pino, stdTimeFunctions } from 'pino';
import { type LogLevel } from './shared-fields.js';

/** Bytes of lines that wait for a place to be written to. */
const waitingBytesMax = 1_048_576;

/**
 * Where lines go, at once, so that the last words of a dying process are not lost. What cannot be written, as on a full disk, waits for the next
 * line, 1 MiB at most; the rest is dropped: no process may fail because it cannot say how it is.
 */
export function lineDestination(fd: number): DestinationStream {
  const lines = destination({ fd, sync: true, maxLength: waitingBytesMax });
  lines.on('error', () => undefined);
  return lines;
}

/**
 * A logger that writes one JSON line each to stdout, or to `to`. Errors are written with their code, context, stack and causes, under whatever
 * field they stand.
 */
export function pinoLogger(level: LogLevel, name: string, to: DestinationStream = lineDestination(1)): Logger {
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
