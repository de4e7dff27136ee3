import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { refusedItem, toStoreError } from './store-error.js';

function answered(status: number, name: string, message = 'said so', more: object = {}): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status }, ...more });
}

function socketError(code: string, more: object = {}): Error {
  return Object.assign(new Error(`socket: ${code}`), { code, ...more });
}

/** As the SDK's handler decorates resets. */
function decorated(code: string): Error {
  return socketError(code, { name: 'TimeoutError', syscall: 'read' });
}

const timeout = Object.assign(new Error('exceeded the configured 5 ms requestTimeout.'), {
  name: 'TimeoutError',
  code: 'ETIMEDOUT',
});
const noConnection = Object.assign(
  new Error(
    '@smithy/node-http-handler - the request socket did not establish a connection with the server within 5 ms',
  ),
  { name: 'TimeoutError' },
);
const tlsReset = socketError('ECONNRESET', {
  message: 'Client network socket disconnected before secure TLS connection was established',
});
const aborted = Object.assign(new Error('Request aborted'), { name: 'AbortError' });
const refusedTwice = new AggregateError([
  socketError('ECONNREFUSED', { syscall: 'connect' }),
  socketError('ENETUNREACH', { syscall: 'connect' }),
]);
const halfRefused = new AggregateError([socketError('ECONNREFUSED', { syscall: 'connect' }), decorated('ECONNRESET')]);

type Row = readonly [name: string, error: unknown, read: string, write: string];

/** Code, and `!` when the same call may succeed later. */
const rows: readonly Row[] = [
  ...[
    'ProvisionedThroughputExceededException',
    'ThrottlingException',
    'RequestLimitExceeded',
    'LimitExceededException',
  ].map((name): Row => [name, answered(400, name), 'THROTTLED!', 'THROTTLED!']),
  ['status 429', answered(429, 'UnknownError'), 'THROTTLED!', 'THROTTLED!'],
  ['no table', answered(400, 'ResourceNotFoundException'), 'TABLE_MISSING', 'TABLE_MISSING'],
  ...[
    'AccessDeniedException',
    'UnrecognizedClientException',
    'MissingAuthenticationTokenException',
    'IncompleteSignatureException',
  ].map((name): Row => [name, answered(400, name), 'ACCESS_DENIED', 'ACCESS_DENIED']),
  ...['ExpiredTokenException', 'ExpiredToken', 'InvalidSignatureException'].map((name): Row => [
    name,
    answered(400, name),
    'ACCESS_DENIED!',
    'ACCESS_DENIED!',
  ]),
  ['status 403', answered(403, 'UnknownError'), 'ACCESS_DENIED', 'ACCESS_DENIED'],
  [
    'a large item',
    answered(400, 'ValidationException', 'Item size has exceeded the maximum allowed size'),
    'VALUE_TOO_LARGE',
    'VALUE_TOO_LARGE',
  ],
  [
    'a long key',
    answered(400, 'ValidationException', 'Size of hashkey has exceeded the maximum size limit of2048 bytes'),
    'INVALID_KEY',
    'INVALID_KEY',
  ],
  [
    'an empty key',
    answered(400, 'ValidationException', 'a key attribute cannot contain an empty string value. Key: key'),
    'INVALID_KEY',
    'INVALID_KEY',
  ],
  [
    'another key schema',
    answered(400, 'ValidationException', 'The provided key element does not match the schema'),
    'INVALID_CONFIGURATION',
    'INVALID_CONFIGURATION',
  ],
  ['an unknown 4xx', answered(418, 'Teapot'), 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'],
  [
    'a conflict of regions',
    answered(400, 'ReplicatedWriteConflictException'),
    'STORE_UNAVAILABLE!',
    'STORE_UNAVAILABLE!',
  ],
  [
    'a conflict of transactions',
    answered(400, 'TransactionConflictException'),
    'STORE_UNAVAILABLE!',
    'STORE_UNAVAILABLE!',
  ],
  ['status 500', answered(500, 'InternalServerError'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['status 503', answered(503, 'UnknownError'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['status 408', answered(408, 'RequestTimeout'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a redirection', answered(302, 'UnknownError'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['an unreadable answer', answered(200, 'SyntaxError'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a refused connection', socketError('ECONNREFUSED'), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['an unknown host', socketError('ENOTFOUND', { syscall: 'getaddrinfo' }), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['a busy resolver', socketError('EAI_AGAIN'), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  [
    'a reset while connecting',
    socketError('ECONNRESET', { syscall: 'connect' }),
    'STORE_UNAVAILABLE!',
    'STORE_UNAVAILABLE!',
  ],
  ['no route', socketError('EHOSTUNREACH', { syscall: 'connect' }), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['a connection time-out', noConnection, 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['a reset in the TLS handshake', tlsReset, 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['a bad certificate', socketError('CERT_HAS_EXPIRED'), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['an own certificate', socketError('DEPTH_ZERO_SELF_SIGNED_CERT'), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['a foreign certificate', socketError('ERR_TLS_CERT_ALTNAME_INVALID'), 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['every address refused', refusedTwice, 'STORE_UNAVAILABLE!', 'STORE_UNAVAILABLE!'],
  ['one address refused, one reset', halfRefused, 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a route lost in use', socketError('EHOSTUNREACH', { syscall: 'write' }), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a reset', decorated('ECONNRESET'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a broken pipe', decorated('EPIPE'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['a request time-out', timeout, 'TIMEOUT!', 'AMBIGUOUS_WRITE'],
  ['an abort', aborted, 'ABORTED', 'AMBIGUOUS_WRITE'],
  ['something unknown', new Error('what?'), 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['no error at all', 'what?', 'STORE_UNAVAILABLE!', 'AMBIGUOUS_WRITE'],
  ['the deadline', new TidemarkError('TIMEOUT', 'late', { retriable: true }), 'TIMEOUT!', 'AMBIGUOUS_WRITE'],
  ['the caller', new TidemarkError('ABORTED', 'gone', { retriable: false }), 'ABORTED', 'AMBIGUOUS_WRITE'],
  ['our own', new TidemarkError('MALFORMED_ITEM', 'odd', { retriable: false }), 'MALFORMED_ITEM', 'MALFORMED_ITEM'],
];

function codeOf(error: TidemarkError): string {
  return error.code + (error.retriable ? '!' : '');
}

describe.each(rows)('%s', (_name, error, read, write) => {
  it.each(['check', 'read', 'readMany'] as const)(`is ${read} for %s`, (operation) => {
    expect(codeOf(toStoreError(error, { table: 't', operation, sent: true }))).toBe(read);
  });

  it.each(['put', 'delete', 'acquireLease', 'releaseLease', 'touch'] as const)(`is ${write} for %s`, (operation) => {
    expect(codeOf(toStoreError(error, { table: 't', operation, sent: true }))).toBe(write);
  });
});

describe('a request that was never sent', () => {
  it.each([
    ['the deadline', new TidemarkError('TIMEOUT', 'late', { retriable: true }), 'TIMEOUT!'],
    ['the caller', new TidemarkError('ABORTED', 'gone', { retriable: false }), 'ABORTED'],
    ['no credentials', Object.assign(new Error('none'), { name: 'CredentialsProviderError' }), 'ACCESS_DENIED!'],
    ['no region', new Error('Region is missing'), 'STORE_UNAVAILABLE!'],
  ])('has written nothing: %s', (_name, error, code) => {
    expect(codeOf(toStoreError(error, { table: 't', operation: 'put', sent: false }))).toBe(code);
  });
});

describe('an error', () => {
  const reason = 'TableReadKeyRangeThroughputExceeded';
  const resource = 'arn:aws:dynamodb:us-east-1:1:table/t';

  it.each([
    ['a hot key', [{ reason, resource }], true],
    ['a table', [{ reason: 'TableReadProvisionedThroughputExceeded', resource }], false],
    ['nothing', undefined, false],
    ['nonsense', [7, null], false],
  ])('of throttling tells what was throttled: %s', (_name, reasons, hotKey) => {
    const error = answered(400, 'ThrottlingException', 'slow down', { ThrottlingReasons: reasons });
    const { context } = toStoreError(error, { table: 't', operation: 'read', sent: true });
    expect(context['hotKey']).toBe(hotKey);
    if (hotKey) expect(context['throttlingReasons']).toEqual([{ reason, resource }]);
  });

  it('names table, operation, what DynamoDB called it, and keeps it as the cause', () => {
    const cause = answered(400, 'AccessDeniedException', 'not for you');
    const error = toStoreError(cause, { table: 'permissions', operation: 'delete', sent: true });
    expect(error.message).toBe('delete of table permissions was not authorised: not for you');
    expect(error.context).toEqual({ table: 'permissions', operation: 'delete', reason: 'AccessDeniedException' });
    expect(error.cause).toBe(cause);
  });
});

describe('a failed condition', () => {
  it('is told apart, with the item that stands there', () => {
    const name = 'ConditionalCheckFailedException';
    const item = { key: { S: 'u:1' } };
    expect(refusedItem(answered(400, name, '', { Item: item }))).toBe(item);
    expect(refusedItem(answered(400, name))).toBeNull();
    expect(refusedItem(answered(400, 'ValidationException', '', { Item: item }))).toBeUndefined();
    expect(refusedItem(undefined)).toBeUndefined();
  });
});
