import { type Clock } from '@tidemark/runtime';

/** Resolves when `work` has settled, or after `timeoutMs`; never rejects. */
export function settleWithin(clock: Clock, timeoutMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(resolve, timeoutMs);
    const done = (): void => {
      cancel();
      resolve();
    };
    work.then(done, done);
  });
}
