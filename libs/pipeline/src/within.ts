import { type Clock, wait } from '@tidemark/runtime';

/** What `work` resolves to, or `undefined` when that takes longer than `patienceMs`; it goes on then, and whether it fails is nobody's concern. */
export async function within<T>(clock: Clock, patienceMs: number, work: Promise<T>): Promise<T | undefined> {
  const patience = new AbortController();
  const late = wait(clock, patienceMs, patience.signal).then(() => undefined);
  return Promise.race([work, late]).finally(() => patience.abort());
}
