import { type Clock, type ErrorCode, isTidemarkError, messageOf, TidemarkError, withDeadline } from '@tidemark/runtime';

export interface AwsCallOptions {
  readonly clock: Clock;
  /** Deadline of the call with all of its attempts, ms. */
  readonly timeoutMs: number;
  /** `kinesis.getRecords`. */
  readonly what: string;
  /** What a resource that is not there is called. */
  readonly missing: 'STREAM_MISSING' | 'TABLE_MISSING';
  /** What every other failure is called. */
  readonly unavailable: 'STREAM_UNAVAILABLE' | 'STORE_UNAVAILABLE';
  readonly signal: AbortSignal;
}

/** Makes one call to AWS with a deadline; whatever goes wrong is a `TidemarkError` with AWS's own as its cause. */
export async function callAws<T>(options: AwsCallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withDeadline(options, work);
  } catch (error) {
    throw isTidemarkError(error) ? error : awsFailure(error, options);
  }
}

/** Name of AWS's error (`ExpiredIteratorException`) behind a failed call, or `undefined`. */
export function awsErrorName(error: unknown): string | undefined {
  const cause: unknown = isTidemarkError(error) ? error.cause : error;
  return cause instanceof Error ? cause.name : undefined;
}

type Kind = readonly [code: ErrorCode, retriable: boolean];

const throttled: Kind = ['THROTTLED', true];
const denied: Kind = ['ACCESS_DENIED', false];
const kinds: ReadonlyMap<string, Kind> = new Map([
  ['ProvisionedThroughputExceededException', throttled],
  ['LimitExceededException', throttled],
  ['RequestLimitExceeded', throttled],
  ['ThrottlingException', throttled],
  ['KMSThrottlingException', throttled],
  ['AccessDeniedException', denied],
  ['KMSAccessDeniedException', denied],
  ['UnrecognizedClientException', denied],
  ['InvalidSignatureException', denied],
  ['IncompleteSignatureException', denied],
  ['MissingAuthenticationTokenException', denied],
  ['ExpiredTokenException', denied],
  ['CredentialsProviderError', denied],
  ['TimeoutError', ['TIMEOUT', true]],
  ['AbortError', ['ABORTED', false]],
]);

function awsFailure(error: unknown, { what, missing, unavailable }: AwsCallOptions): TidemarkError {
  const name = awsErrorName(error) ?? 'Error';
  const [code, retriable] =
    name === 'ResourceNotFoundException' ? ([missing, true] as const) : (kinds.get(name) ?? [unavailable, true]);
  const message = `${what} failed: ${name}: ${messageOf(error)}`;
  return new TidemarkError(code, message, { retriable, cause: error, context: { what, name } });
}
