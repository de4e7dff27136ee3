import { type Clock, isTidemarkError, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type StoreCall } from './backend.js';

export type StoreOperation =
  'check' | 'read' | 'readMany' | 'scanKeys' | 'put' | 'delete' | 'acquireLease' | 'releaseLease' | 'touch';

export interface StoreRequest {
  readonly operation: StoreOperation;
  readonly table: string;
  readonly clock: Clock;
}

/**
 * Runs one call of a store in memory as a `Store` promises: `serve` is not begun for a caller without time or patience, and a write that
 * was begun and is given up is ambiguous. What `serve` throws by itself comes out as it is.
 */
export async function runStoreCall<T>(request: StoreRequest, call: StoreCall, serve: () => Promise<T>): Promise<T> {
  const { operation, table, clock } = request;
  const { timeoutMs, signal } = call;
  const what = `${operation} of table ${table}`;
  if (timeoutMs <= 0) throw new TidemarkError('TIMEOUT', `${what} had no time left`, { retriable: true });
  let begun = false;
  let own: unknown;
  try {
    return await withDeadline({ clock, timeoutMs, what, signal }, async () => {
      begun = true;
      return await serve().catch((error: unknown) => {
        own = error;
        throw error;
      });
    });
  } catch (error) {
    const gaveUp = error !== own && isTidemarkError(error);
    throw gaveUp && begun && isWrite(operation) ? ambiguousWrite(request, error) : error;
  }
}

export function isWrite(operation: StoreOperation): boolean {
  return !reads.has(operation);
}

const reads: ReadonlySet<StoreOperation> = new Set(['check', 'read', 'readMany', 'scanKeys']);

export function ambiguousWrite({ operation, table }: Omit<StoreRequest, 'clock'>, cause: unknown): TidemarkError {
  const message = `${operation} of table ${table} may or may not have been committed`;
  return new TidemarkError('AMBIGUOUS_WRITE', message, { retriable: false, cause });
}
