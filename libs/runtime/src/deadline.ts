import { type Clock } from './clock.js';
import { onAbort } from './on-abort.js';
import { TidemarkError } from './tidemark-error.js';

export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Named in the error: `permissions.get`. */
  readonly what: string;
  /** Ends the wait early with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with a signal that is aborted at the deadline, and rejects then with `TIMEOUT`, whether or not the work noticed.
 * A late result of the work is dropped. Rejects with `INVALID_OPTIONS` where `signal` is none, before anything is begun.
 */
export async function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, what, signal } = options;
  checkSignal(signal);
  const aborter = new AbortController();
  let giveUp: (error: TidemarkError) => void = () => undefined;
  const givenUp = new Promise<never>((_resolve, reject) => {
    giveUp = (error) => {
      aborter.abort(error);
      reject(error);
    };
  });
  const end = (): void => giveUp(abortedError(what, signal));
  const cancel = clock.setTimer(() => giveUp(timeoutError(what, timeoutMs)), timeoutMs);
  const release = signal && onAbort(signal, end);
  if (signal?.aborted === true) end();
  try {
    return await Promise.race([signal?.aborted === true ? givenUp : work(aborter.signal), givenUp]);
  } finally {
    cancel();
    release?.();
  }
}

/** Throws `INVALID_OPTIONS` unless it is a signal, or none is given. A timer set before the mistake is met would reject when nobody listens any more. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null || isSignal(signal)) return;
  const got = typeof signal;
  throw new TidemarkError('INVALID_OPTIONS', `signal: expected an AbortSignal, got something of type ${got}`, {
    retriable: false,
    context: { field: 'signal', expected: 'an AbortSignal', got },
  });
}

/** By shape: signals of another realm, and of polyfills, are as good. */
function isSignal(signal: unknown): boolean {
  const { addEventListener, removeEventListener } = Object(signal) as Partial<AbortSignal>;
  return typeof addEventListener === 'function' && typeof removeEventListener === 'function';
}

function abortedError(what: string, signal: AbortSignal | undefined): TidemarkError {
  return new TidemarkError('ABORTED', `${what} was aborted by its caller`, { retriable: false, cause: signal?.reason });
}

function timeoutError(what: string, timeoutMs: number): TidemarkError {
  return new TidemarkError('TIMEOUT', `${what} took longer than ${Math.round(timeoutMs)} ms`, {
    retriable: true,
    context: { timeoutMs },
  });
}
