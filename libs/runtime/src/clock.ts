import { onAbort } from './on-abort.js';

/** Time as Tidemark sees it; injected everywhere, so that tests own it. */
export interface Clock {
  /** Wall-clock time, ms since the epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs`; the returned function cancels it. Does not keep the process alive when `unref`. */
  setTimer(fn: () => void, delayMs: number, options?: { readonly unref?: boolean }): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (fn, delayMs, options) => {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, timerMaxMs);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fn()), Math.max(0, stepMs));
      if (options?.unref === true) timer.unref();
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

/** Node fires a timer that is set for longer, some 25 days, at once. */
const timerMaxMs = 2_147_483_647;

/**
 * Resolves after `delayMs`, or at once when `signal` is aborted: a wait that ends early is not a failure, so look at the signal. Does not keep the
 * process alive when `unref`.
 */
export function wait(
  clock: Clock,
  delayMs: number,
  signal?: AbortSignal,
  options?: { readonly unref?: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      release?.();
      resolve();
    };
    const cancel = clock.setTimer(done, delayMs, options);
    const release = signal && onAbort(signal, done);
  });
}

/** Calls `fn` every `intervalMs` until the returned function is called; the next call is set after the last has ended. */
export function every(clock: Clock, intervalMs: number, fn: () => void | Promise<void>): () => void {
  let stopped = false;
  let cancel: () => void = () => undefined;
  const arm = (): void => {
    if (!stopped) cancel = clock.setTimer(() => void Promise.resolve(fn()).finally(arm), intervalMs, { unref: true });
  };
  arm();
  return () => {
    stopped = true;
    cancel();
  };
}
