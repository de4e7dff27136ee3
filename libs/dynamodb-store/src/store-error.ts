import { isWrite, type StoreOperation } from '@tidemark/cache/internals';
import { isTidemarkError, messageOf, TidemarkError, type TidemarkErrorOptions } from '@tidemark/runtime';

/** What failed. */
export interface FailedRequest {
  readonly table: string;
  readonly operation: StoreOperation;
  /** Whether any byte of it may have left this process. */
  readonly sent: boolean;
}

/**
 * What a failure means to the cache. A write that may have been committed is `AMBIGUOUS_WRITE`, and nothing else is: every other code
 * says that nothing was written. So each way to fail counts as ambiguous unless it is known not to be.
 */
export function toStoreError(error: unknown, request: FailedRequest): TidemarkError {
  if (isTidemarkError(error)) return mayBeWritten(request) && endedEarly(error) ? ambiguous(error, request) : error;
  const { status } = factsOf(error);
  return status === undefined ? withoutAnswer(error, request) : withAnswer(error, status, request);
}

/** The item at which a condition failed, `null` when there is none; `undefined` when `error` is another failure. */
export function refusedItem(error: unknown): Readonly<Record<string, unknown>> | null | undefined {
  if (fieldOf(error, 'name') !== 'ConditionalCheckFailedException') return undefined;
  const item = fieldOf(error, 'Item');
  return typeof item === 'object' ? (item as Readonly<Record<string, unknown>> | null) : null;
}

const throttles = new Set([
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
]);
const denials = new Set([
  'AccessDeniedException',
  'IncompleteSignatureException',
  'MissingAuthenticationTokenException',
  'OptInRequired',
  'UnrecognizedClientException',
]);
/** Refusals that pass by themselves: the SDK renews credentials, and corrects its clock by the answer's. */
const passingDenials = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'RequestExpired',
  'TokenProviderError',
]);
/** The request lost against another one and was not done. */
const conflicts = new Set([
  'ReplicatedWriteConflictException',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

function withAnswer(error: unknown, status: number, request: FailedRequest): TidemarkError {
  const { name } = factsOf(error);
  if (throttles.has(name) || status === 429) return throttled(error, request);
  if (conflicts.has(name)) return failure('STORE_UNAVAILABLE', 'lost against another write', true, error, request);
  if (status >= 400 && status < 500 && status !== 408) return refused(error, status, request);
  if (mayBeWritten(request)) return ambiguous(error, request);
  return failure('STORE_UNAVAILABLE', `was answered with status ${status}`, true, error, request);
}

/** A 4xx: DynamoDB, or a proxy before it, did nothing. */
function refused(error: unknown, status: number, request: FailedRequest): TidemarkError {
  const { name } = factsOf(error);
  const passing = passingDenials.has(name);
  if (passing || denials.has(name) || status === 401 || status === 403)
    return failure('ACCESS_DENIED', 'was not authorised', passing, error, request);
  if (name === 'ResourceNotFoundException') return failure('TABLE_MISSING', 'found no table', false, error, request);
  if (name === 'ValidationException') return invalid(error, request);
  return failure('STORE_UNAVAILABLE', 'was refused', false, error, request);
}

function invalid(error: unknown, request: FailedRequest): TidemarkError {
  const message = messageOf(error);
  if (/item size (to update )?has exceeded/i.test(message))
    return failure('VALUE_TOO_LARGE', 'holds an item above the limit of DynamoDB', false, error, request);
  if (/size of hash ?key|empty string value. key/i.test(message))
    return failure('INVALID_KEY', 'holds a key that DynamoDB does not take', false, error, request);
  return failure('INVALID_CONFIGURATION', 'does not fit the table', false, error, request);
}

function withoutAnswer(error: unknown, request: FailedRequest): TidemarkError {
  const { name } = factsOf(error);
  if (!request.sent && passingDenials.has(name))
    return failure('ACCESS_DENIED', 'found no credentials', true, error, request);
  if (!request.sent) return failure('STORE_UNAVAILABLE', 'could not be sent', true, error, request);
  if (isBeforeConnection(error)) return failure('STORE_UNAVAILABLE', 'got no connection', true, error, request);
  if (mayBeWritten(request)) return ambiguous(error, request);
  if (name === 'AbortError') return failure('ABORTED', 'was aborted', false, error, request);
  if (name === 'TimeoutError' && !isReset(error))
    return failure('TIMEOUT', 'got no answer in time', true, error, request);
  return failure('STORE_UNAVAILABLE', 'lost its connection', true, error, request);
}

/** System calls, codes and messages of the SDK and of Node that a connection in use never fails with. */
const connectionCalls = new Set(['connect', 'getaddrinfo', 'bind', 'socket']);
const connectionCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ERR_TLS_CERT_ALTNAME_INVALID']);
const certificateCodes = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/;
const connectionMessages = /did not establish a connection|before secure TLS connection was established/;

function isBeforeConnection(error: unknown): boolean {
  const errors = fieldOf(error, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isBeforeConnection);
  const { code, syscall } = factsOf(error);
  return (
    connectionCalls.has(syscall) ||
    connectionCodes.has(code) ||
    certificateCodes.test(code) ||
    connectionMessages.test(messageOf(error))
  );
}

/** The SDK names resets time-outs as well. */
function isReset(error: unknown): boolean {
  const { code } = factsOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

interface ErrorFacts {
  readonly name: string;
  readonly code: string;
  readonly syscall: string;
  /** HTTP status of the answer; `undefined` when none came. */
  readonly status: number | undefined;
}

/** By shape, not by class: Node's own errors may come from another realm than this module. */
function factsOf(error: unknown): ErrorFacts {
  const status = fieldOf(fieldOf(error, '$metadata'), 'httpStatusCode');
  return {
    name: textOf(fieldOf(error, 'name')),
    code: textOf(fieldOf(error, 'code')),
    syscall: textOf(fieldOf(error, 'syscall')),
    status: typeof status === 'number' ? status : undefined,
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function mayBeWritten({ operation, sent }: FailedRequest): boolean {
  return sent && isWrite(operation);
}

function endedEarly(error: TidemarkError): boolean {
  return error.code === 'TIMEOUT' || error.code === 'ABORTED';
}

function ambiguous(error: unknown, request: FailedRequest): TidemarkError {
  return failure('AMBIGUOUS_WRITE', 'may or may not have been committed', false, error, request);
}

function throttled(error: unknown, request: FailedRequest): TidemarkError {
  const raw = fieldOf(error, 'ThrottlingReasons');
  const throttlingReasons = (Array.isArray(raw) ? raw : []).map((entry: unknown) => ({
    reason: textOf(fieldOf(entry, 'reason')),
    resource: textOf(fieldOf(entry, 'resource')),
  }));
  const hotKey = throttlingReasons.some(({ reason }) => reason.includes('KeyRange'));
  const what = hotKey ? 'met a hot key' : 'was throttled';
  return failure('THROTTLED', what, true, error, request, { throttlingReasons, hotKey });
}

function failure(
  code: TidemarkError['code'],
  what: string,
  retriable: boolean,
  cause: unknown,
  { table, operation }: FailedRequest,
  more: TidemarkErrorOptions['context'] = {},
): TidemarkError {
  return new TidemarkError(code, `${operation} of table ${table} ${what}: ${messageOf(cause)}`, {
    retriable,
    cause,
    context: { table, operation, reason: factsOf(cause).name, ...more },
  });
}
