import { type Clock } from './clock.js';
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
 * A late result of the work is dropped.
 */
export function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, what, signal } = options;
  const aborter = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const fail = (error: TidemarkError): void => {
      finish();
      aborter.abort(error);
      reject(error);
    };
    const onAbort = (): void =>
      fail(
        new TidemarkError('ABORTED', `${what} was aborted by its caller`, { retriable: false, cause: signal?.reason }),
      );
    const cancel = clock.setTimer(
      () =>
        fail(
          new TidemarkError('TIMEOUT', `${what} took longer than ${timeoutMs} ms`, {
            retriable: true,
            context: { timeoutMs },
          }),
        ),
      timeoutMs,
    );
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    work(aborter.signal).then(
      (value) => {
        finish();
        resolve(value);
      },
      (error: unknown) => {
        finish();
        reject(error as Error);
      },
    );
  });
}
