import { setTimeout as delay } from 'node:timers/promises';

export interface OpenLoop {
  /** Operations a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Begins operation `n`. */
  readonly operation: (n: number) => Promise<unknown>;
  /** How long operation `n` took since the time that it was due, ms: one that begins late has waited as its caller would have. */
  readonly onDone: (n: number, latencyMs: number) => void;
}

/** Begins operations when they are due, however many are still under way; resolves when all have ended. Rejects with the first failure then. */
export async function openLoop({ rate, seconds, operation, onDone }: OpenLoop): Promise<void> {
  const operations = rate * seconds;
  const beganMs = performance.now();
  const underWay: Promise<void>[] = [];
  let failure: { readonly error: unknown } | undefined;
  for (let n = 0; n < operations; await delay(1)) {
    const due = Math.min(operations, Math.ceil(((performance.now() - beganMs) / 1_000) * rate));
    for (; n < due; n += 1) {
      const dueMs = beganMs + (n / rate) * 1_000;
      const number = n;
      const done = (): void => onDone(number, performance.now() - dueMs);
      underWay.push(operation(n).then(done, (error: unknown) => void (failure ??= { error })));
    }
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
}
