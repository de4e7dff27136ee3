import { type Clock, onAbort } from '@tidemark/runtime';
import { type StoreCall } from '../backend.js';

export interface HedgeOptions {
  readonly clock: Clock;
  /** When the second one begins, ms. */
  readonly afterMs: number;
  /** Asked when that time has come; `false`: there is no second one. */
  readonly mayHedge: () => boolean;
  /** Once, when a second one was begun and either has won. */
  readonly onEnd: (winner: 'first' | 'second') => void;
}

/**
 * Reads, and reads again when the first answer is late: the first to answer wins, the other is aborted. Fails only when all that were begun
 * have.
 *
 * Both are strong reads of one replica, and both begin after the fill's fence is open: whatever changes the key after that dirties the fill, so
 * either answer may be installed exactly when a single one might. `readAt` is the time before the first: at most too old.
 */
export function hedged<T>(
  { clock, afterMs, mayHedge, onEnd }: HedgeOptions,
  call: StoreCall,
  attempt: (call: StoreCall, which: 'first' | 'second') => Promise<T>,
): Promise<T> {
  const { timeoutMs, signal } = call;
  const aborters: AbortController[] = [];
  const startedMs = clock.monotonicMs();
  return new Promise((resolve, reject) => {
    let failures = 0;
    let firstFailure: Error | undefined;
    const abortAll = (): void => {
      for (const each of aborters) each.abort(signal?.reason);
    };
    const finish = (winner: 'first' | 'second' | undefined): void => {
      cancel();
      release?.();
      if (aborters.length > 1 && winner !== undefined) onEnd(winner);
      for (const each of aborters) each.abort();
    };
    const start = (which: 'first' | 'second', leftMs: number): void => {
      const aborter = new AbortController();
      aborters.push(aborter);
      if (signal?.aborted === true) aborter.abort(signal.reason);
      attempt({ timeoutMs: leftMs, signal: aborter.signal }, which).then(
        (value) => {
          finish(which);
          resolve(value);
        },
        (error: Error) => {
          firstFailure ??= error;
          failures += 1;
          if (failures < aborters.length) return;
          finish(undefined);
          reject(firstFailure);
        },
      );
    };
    const cancel = clock.setTimer(() => {
      const leftMs = timeoutMs - (clock.monotonicMs() - startedMs);
      if (leftMs > 0 && signal?.aborted !== true && mayHedge()) start('second', leftMs);
    }, afterMs);
    const release = signal && onAbort(signal, abortAll);
    start('first', timeoutMs);
  });
}
