import { type Cache, isTidemarkError } from '@tidemark/cache';
import { type HistoryRecorder } from '@tidemark/cache/testing';
import { type Random } from '@tidemark/local-stack';
import { every, systemClock, wait } from '@tidemark/runtime';

export const maxStalenessMs = 10_000;

export interface Pod {
  readonly id: string;
  readonly cache: Cache<string>;
}

export interface LoadOptions {
  readonly recorder: HistoryRecorder;
  readonly keys: readonly string[];
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** One caller of a pod: three reads for each write, all recorded, until the signal. Each value is the write's number. */
export async function callAtRandom(pod: Pod, options: LoadOptions): Promise<void> {
  const { keys, random, signal } = options;
  while (!signal.aborted) {
    const key = keys[Math.floor(random() * keys.length)] ?? '';
    await (random() < 0.25 ? write(pod, key, options) : read(pod, key, options));
    await wait(systemClock, random() * 30, signal);
  }
}

const watchEveryMs = 50;

/** The longest time for which a pod is handed nothing, from now until the call of what is returned, ms. */
export function watchEvents({ cache }: Pod): () => number {
  let [longestMs, sinceMs, { events }] = [0, performance.now(), cache.stats()];
  const look = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - sinceMs);
    if (cache.stats().events === events) return;
    ({ events } = cache.stats());
    sinceMs = now;
  };
  const stop = every(systemClock, watchEveryMs, look);
  return () => {
    stop();
    look();
    return longestMs;
  };
}

/** Resolves to what was served; `undefined` where the read failed. */
export async function read(
  { id, cache }: Pod,
  key: string,
  { recorder }: Pick<LoadOptions, 'recorder'>,
): Promise<string | null | undefined> {
  const { watermark } = cache.inspect(key);
  const call = recorder.read({ operation: 'get', pod: id, key, watermark, maxStalenessMs });
  const { hits } = cache.stats();
  const answer = cache.get(key);
  const from = cache.stats().hits > hits ? 'l1' : 'l2';
  try {
    const value = (await answer) ?? null;
    call.served(value, from);
    return value;
  } catch (error) {
    call.failed(codeOf(error));
    return undefined;
  }
}

async function write({ id, cache }: Pod, key: string, { recorder }: LoadOptions): Promise<void> {
  const call = recorder.write({ operation: 'put', pod: id, key });
  try {
    const receipt = await cache.put(key, call.value ?? '');
    if (receipt.applied) call.ended({ type: 'applied' }, receipt.writeId);
    else call.ended({ type: 'refused', reason: receipt.reason });
  } catch (error) {
    const reason = codeOf(error);
    call.ended(reason === 'AMBIGUOUS_WRITE' ? { type: 'ambiguous' } : { type: 'refused', reason });
  }
}

function codeOf(error: unknown): string {
  return isTidemarkError(error) ? error.code : String(error);
}
