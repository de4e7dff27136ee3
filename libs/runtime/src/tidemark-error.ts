/** Every code that a `TidemarkError` can carry; each has its section in docs/errors.md. */
export const errorCodes = [
  'ABORTED',
  'ACCESS_DENIED',
  'AMBIGUOUS_WRITE',
  'CLOCK_AHEAD',
  'CLOSED',
  'CONSUMER_LIMIT',
  'FEED_UNAVAILABLE',
  'INVALID_CONFIGURATION',
  'INVALID_KEY',
  'INVALID_OPTIONS',
  'INVALID_TOKEN',
  'INVALID_VALUE',
  'MALFORMED_ITEM',
  'NOT_SUPPORTED',
  'NOT_WRITER',
  'OVERLOADED',
  'PARTIAL_READ',
  'PARTITION_MISMATCH',
  'PUBLISH_FAILED',
  'QUEUE_FULL',
  'ROUTE_CONFLICT',
  'ROUTE_INVALID',
  'ROUTE_NOT_FOUND',
  'STORE_UNAVAILABLE',
  'STREAM_MISSING',
  'STREAM_UNAVAILABLE',
  'TABLE_MISSING',
  'THROTTLED',
  'TIMEOUT',
  'TABLE_PARKED',
  'TOPIC_MISSING',
  'UNSUPPORTED_VERSION',
  'VALUE_TOO_LARGE',
  'VISIBILITY_TIMEOUT',
  'VISIBILITY_UNAVAILABLE',
  'WRITE_CONTENDED',
  'WRONG_REGION',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface TidemarkErrorOptions {
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retriable: boolean;
  readonly cause?: unknown;
  /** What was involved: table, key, topic, field, expected, got. Never a value. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const brand = Symbol.for('@tidemark/error');

/** The one error class that Tidemark throws; tell kinds apart by `code`. */
export class TidemarkError extends Error {
  override readonly name: string = 'TidemarkError';
  readonly code: ErrorCode;
  readonly retriable: boolean;
  readonly context: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: TidemarkErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retriable = options.retriable;
    this.context = options.context ?? {};
  }
}

/** Whether `error` is Tidemark's, whichever module format made it; narrows to `code` when one is given. */
export function isTidemarkError(error: unknown, code?: ErrorCode): error is TidemarkError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as TidemarkError).code === code;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
