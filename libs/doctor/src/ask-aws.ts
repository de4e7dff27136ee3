import { callAws } from '@tidemark/kinesis';
import { type Clock } from '@tidemark/runtime';

export interface Asking {
  readonly clock: Clock;
  /** Bound on one call, ms. */
  readonly timeoutMs: number;
}

type Work<T> = (signal: AbortSignal) => Promise<T>;

/** One call to Kinesis; fails as sync's own calls do. */
export function askKinesis<T>(asking: Asking, operation: string, signal: AbortSignal, work: Work<T>): Promise<T> {
  const errors = { missing: 'STREAM_MISSING', unavailable: 'STREAM_UNAVAILABLE' } as const;
  return callAws({ ...asking, ...errors, what: `kinesis.${operation}`, signal }, work);
}

/** One call to DynamoDB; fails as sync's own calls do. */
export function askDynamoDB<T>(asking: Asking, operation: string, signal: AbortSignal, work: Work<T>): Promise<T> {
  const errors = { missing: 'TABLE_MISSING', unavailable: 'STORE_UNAVAILABLE' } as const;
  return callAws({ ...asking, ...errors, what: `dynamodb.${operation}`, signal }, work);
}
