import { isTidemarkError, TidemarkError } from '@tidemark/runtime';

/** Whether a failure says that L2 has too much to do, or is not there: it may pass when less is asked. */
export function isOverload(error: unknown): boolean {
  if (!isTidemarkError(error)) return false;
  if (error.code === 'STORE_UNAVAILABLE') return error.retriable;
  return error.code === 'TIMEOUT' || error.code === 'OVERLOADED' || error.code === 'QUEUE_FULL' || isThrottle(error);
}

/** What a request that was sent says of the table's load. */
export function outcomeOf(
  error: unknown,
  call: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): 'accepted' | 'overloaded' | 'ignored' {
  if (!isTidemarkError(error)) return 'overloaded';
  if (call.signal?.aborted === true || error.code === 'ABORTED' || error.code === 'CLOSED') return 'ignored';
  // A caller in a hurry says nothing about the store.
  if (error.code === 'TIMEOUT' || error.code === 'AMBIGUOUS_WRITE')
    return call.timeoutMs < hurryMs ? 'ignored' : 'overloaded';
  if (error.code === 'STORE_UNAVAILABLE') return error.retriable ? 'overloaded' : 'accepted';
  return isThrottle(error) ? 'overloaded' : 'accepted';
}

export function shedError(table: string, operation: string): TidemarkError {
  return new TidemarkError(
    'OVERLOADED',
    `${operation} of table ${table} was shed before it was sent: too few of the last requests were answered`,
    {
      retriable: true,
      context: { table, operation },
    },
  );
}

const hurryMs = 100;

/** One hot key is no reason to shed the others. */
function isThrottle(error: TidemarkError): boolean {
  return error.code === 'THROTTLED' && error.context['hotKey'] !== true;
}
